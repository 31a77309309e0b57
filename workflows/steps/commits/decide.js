const event = $('Check the event').first().json.event;
const files = await filesRead(this.helpers, $input.all());
const note = commitNoteOf(event, files);
const outcome = commitOutcome(event, note, { tags: [], summary: '' });
if (outcome.state === 'unchanged') {
  return [{ json: { status: 200, answer: { note: note.path, state: 'unchanged' } } }];
}
return [{ json: { question: commitQuestion(event, '@@MODEL@@') } }];
