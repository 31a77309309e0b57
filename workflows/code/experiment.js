// Experiment: a finished run of MLflow, and its note.

const NOTE_TAG = 'ai-idp.note';
const RUNS_AT_ONCE = 50;

/** The search for finished runs that have no note yet; MLflow itself remembers which have. */
function runsQuery(experiments) {
  return {
    experiment_ids: experiments.map((experiment) => experiment.experiment_id),
    filter: `tags.\`${NOTE_TAG}\` IS NULL AND attributes.end_time > 0`,
    order_by: ['attributes.end_time ASC'],
    max_results: RUNS_AT_ONCE,
  };
}

function runOf({ info, data }, experiments, page) {
  const day = utc(Number(info.end_time)).slice(0, 10);
  const title = namePart(info.run_name, 'run');
  const base = `${day} ${title}`;
  const experiment = experiments.find((known) => known.experiment_id === info.experiment_id);
  return {
    id: info.run_id,
    day,
    title,
    name: info.run_name,
    experiment: experiment?.name ?? info.experiment_id,
    status: info.status,
    started: utc(Number(info.start_time ?? info.end_time)),
    ended: utc(Number(info.end_time)),
    milliseconds: Number(info.end_time) - Number(info.start_time ?? info.end_time),
    parameters: data?.params ?? [],
    metrics: data?.metrics ?? [],
    link: `${page}/#/experiments/${info.experiment_id}/runs/${info.run_id}`,
    pattern: `* ${info.run_id.slice(0, 8)}*.md`,
    names: [`${base} ${info.run_id.slice(0, 8)}.md`, `${base} ${info.run_id}.md`],
  };
}

function isOver(run) {
  return /^[0-9a-f]{32}$/.test(run.info?.run_id) && ['FINISHED', 'FAILED', 'KILLED'].includes(run.info.status);
}

/** The finished runs of a response of MLflow. */
function runsOf(response, experiments, page) {
  return (response.runs ?? []).filter(isOver).map((run) => runOf(run, experiments, page));
}

function byKey(one, other) {
  return one.key < other.key ? -1 : 1;
}

function valuesTable(heading, entries) {
  if (!entries.length) return [`No ${heading}.`];
  const sorted = [...entries].sort(byKey).slice(0, 200);
  const rows = sorted.map(({ key, value }) => `| ${escaped(key, 250)} | ${escaped(value, 500)} |`);
  const more = entries.length - sorted.length;
  return ['| name | value |', '|---|---|', ...rows, ...(more ? ['', `And ${more} more.`] : [])];
}

/** `artifacts` is how many files and folders MLflow lists; null where it did not say. */
function experimentNote(run, artifacts) {
  const head = frontMatter(
    [
      ['type', 'experiment'],
      ['experiment', yamlText(run.experiment)],
      ['name', yamlText(run.name)],
      ['run', yamlText(run.id)],
      ['status', tag(run.status)],
      ['started', run.started],
      ['ended', run.ended],
      ['minutes', String(Math.round(run.milliseconds / 6000) / 10)],
      ...(artifacts === null ? [] : [['artifacts', String(artifacts)]]),
      ['daily', JSON.stringify(dailyLink(run.day))],
    ],
    ['experiment', tag(run.status)],
  );
  const kept = artifacts === null ? 'MLflow did not say which artifacts it has.' : `${artifacts} artifacts at the top.`;
  return [
    head,
    '',
    `# ${escaped(run.name, 200) || run.title}`,
    '',
    `${escaped(run.status, 20)} after ${duration(run.milliseconds)}, in ${escaped(run.experiment, 200)}. ${kept}`,
    '',
    `Day: ${dailyLink(run.day)}`,
    '',
    `Run: <${run.link}>`,
    '',
    '## Metrics',
    '',
    ...valuesTable('metrics', run.metrics),
    '',
    '## Parameters',
    '',
    ...valuesTable('parameters', run.parameters),
    '',
    '## What it shows',
    '',
    '',
  ].join('\n');
}

function isOfRun(run) {
  return ({ text }) => field(text, 'run') === run.id;
}
