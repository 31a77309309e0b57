const { experiments } = $('Ask for finished runs').first().json;
const runs = runsOf($input.first().json, experiments, '@@MLFLOW_PAGE@@');
return runs.map((run) => ({ json: { run } }));
