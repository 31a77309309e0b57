const files = await filesRead(this.helpers, $input.all());
const notes = [];
const changes = [];
for (const alert of $('Name the notes').first().json.alerts) {
  const note = noteAt('Incidents', alert.names, files, isOfAlert(alert));
  const { state, text } = incidentOutcome(alert, note);
  notes.push({ note: note.path, state });
  if (!text) continue;
  changes.push({ path: note.path, text, day: alert.day });
  const name = note.path.split('/').at(-1);
  files.unshift({ folder: 'Incidents', name, text });
}
return [{ json: { notes, changes, days: [...new Set(changes.map((change) => change.day))] } }];
