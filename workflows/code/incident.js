// Incident: an alert as Alertmanager posts it, and its note.

/** The alerts of a payload, each with its file names; `error` where it is no payload. */
function alertsOf(payload) {
  if (!Array.isArray(payload?.alerts)) return { error: 'the body has no list `alerts`' };
  const wrong = payload.alerts.find((alert) => wrongWithAlert(alert));
  if (wrong !== undefined) return { error: wrongWithAlert(wrong) };
  return { alerts: payload.alerts.map(alertOf) };
}

function wrongWithAlert(alert) {
  if (!['firing', 'resolved'].includes(alert?.status)) return 'an alert has no status firing or resolved';
  if (!/^[0-9a-f]{8,64}$/.test(alert.fingerprint)) return 'an alert has no fingerprint';
  if (!isTime(alert.startsAt)) return 'an alert has no time startsAt';
  if (alert.status === 'resolved' && !isTime(alert.endsAt)) return 'a resolved alert has no time endsAt';
  const maps = [alert.labels, alert.annotations];
  return maps.every((map) => map && typeof map === 'object') ? '' : 'an alert has no labels or annotations';
}

function alertOf(alert) {
  const started = utc(alert.startsAt);
  const day = started.slice(0, 10);
  const title = namePart(alert.labels.alertname, 'alert');
  const base = `${day} ${title} ${alert.fingerprint.slice(0, 8)}`;
  const time = started.slice(11, 19).replaceAll(':', '');
  return {
    day,
    title,
    started,
    ended: alert.status === 'resolved' ? utc(alert.endsAt) : '',
    fingerprint: alert.fingerprint,
    labels: alert.labels,
    annotations: alert.annotations,
    source: alert.generatorURL,
    pattern: `${base}*.md`,
    // An alert may start twice a day.
    names: [`${base}.md`, `${base} ${time}.md`, `${base} ${time} ${alert.fingerprint}.md`],
  };
}

function isLink(value) {
  return /^https?:\/\/[^\s<>"'`()[\]{}\\|^]{1,2000}$/.test(String(value ?? ''));
}

/** An address as a link, anything else as text. */
function linkOrText(value) {
  return isLink(value) ? `<${clean(value)}>` : escaped(value, 2000);
}

function lastedWords(alert) {
  if (!alert.ended) return `**Firing** since ${alert.started.replace('T', ' ')}.`;
  const times = `${alert.started.replace('T', ' ')} to ${alert.ended.replace('T', ' ')}`;
  return `**Resolved** after ${duration(Date.parse(alert.ended) - Date.parse(alert.started))}: ${times}.`;
}

function table(heading, entries) {
  const rows = entries.map(([key, value]) => `| ${escaped(key, 200)} | ${escaped(value, 1000)} |`);
  return [`| ${heading} | |`, '|---|---|', ...rows];
}

function endFields(alert) {
  if (!alert.ended) return [['status', 'firing']];
  const minutes = Math.max(0, Date.parse(alert.ended) - Date.parse(alert.started)) / 60000;
  return [
    ['status', 'resolved'],
    ['ended', alert.ended],
    ['minutes', String(Math.round(minutes * 10) / 10)],
  ];
}

function newIncidentNote(alert) {
  const { summary, runbook, runbook_url: runbookUrl, ...others } = alert.annotations;
  const tags = [tag(alert.labels.severity)].filter(Boolean);
  const head = frontMatter(
    [
      ['type', 'incident'],
      ['alert', yamlText(alert.labels.alertname)],
      ['severity', yamlText(alert.labels.severity)],
      ['instance', yamlText(alert.labels.instance)],
      ['started', alert.started],
      ...endFields(alert),
      ['fingerprint', yamlText(alert.fingerprint)],
      ['summary', yamlText(summary)],
      ['daily', JSON.stringify(dailyLink(alert.day))],
    ],
    ['incident', ...tags],
  );
  const labels = Object.entries(alert.labels).sort(([one], [other]) => (one < other ? -1 : 1));
  const runbooks = [runbook, runbookUrl].filter(Boolean).map(linkOrText);
  const query = isLink(alert.source) ? ['', `Query: ${linkOrText(alert.source)}`] : [];
  return [
    head,
    '',
    `# ${escaped(alert.labels.alertname, 200) || alert.title}`,
    '',
    ...section('alert', [lastedWords(alert)]),
    '',
    `Day: ${dailyLink(alert.day)}`,
    '',
    `> ${escaped(summary, 1000) || 'The alert has no summary.'}`,
    '',
    '## What to do',
    '',
    ...(runbooks.length ? runbooks : ['The alert names no runbook.']),
    '',
    '## Labels',
    '',
    ...table('label', labels),
    ...(Object.keys(others).length ? ['', '## Annotations', '', ...table('annotation', Object.entries(others))] : []),
    ...query,
    '',
    '## What it was',
    '',
    '',
  ].join('\n');
}

/** What becomes of the note `{path, text}` of an alert: `{state, text}`, no text to leave it. */
function incidentOutcome(alert, note) {
  if (isBlank(note.text)) {
    return { state: alert.ended ? 'resolved' : 'firing', text: newIncidentNote(alert) };
  }
  const isOver = field(note.text, 'status') === 'resolved';
  if (isOver || !alert.ended) return { state: 'unchanged' };
  const ended = withFields(note.text, endFields(alert));
  return { state: 'resolved', text: withSection(ended, 'alert', section('alert', [lastedWords(alert)])) };
}

function isOfAlert(alert) {
  return ({ text }) =>
    field(text, 'fingerprint') === alert.fingerprint && field(text, 'started') === alert.started;
}
