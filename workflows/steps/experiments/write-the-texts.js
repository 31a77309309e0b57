const files = await filesRead(this.helpers, $input.all());
const tags = [];
const changes = [];
for (const run of $('Name the notes').first().json.runs) {
  const note = noteAt('Experiments', run.names, files, isOfRun(run));
  tags.push({ run_id: run.id, key: NOTE_TAG, value: note.path });
  if (!isBlank(note.text)) continue;
  const text = experimentNote(run, run.artifacts);
  changes.push({ path: note.path, text, day: run.day });
  files.unshift({ folder: 'Experiments', name: note.path.split('/').at(-1), text });
}
return [{ json: { tags, changes, days: [...new Set(changes.map((change) => change.day))] } }];
