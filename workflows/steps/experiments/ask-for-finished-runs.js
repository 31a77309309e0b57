const { error, experiments } = $input.first().json;
const status = Number(error?.httpCode ?? error?.status ?? 0);
if (status >= 400 && status < 500) throw new Error(`MLflow refuses: ${error.message}`);
// MLflow is away: its own alert says so, and the next minute asks again.
if (error || !experiments?.length) return [];
return [{ json: { experiments, query: runsQuery(experiments) } }];
