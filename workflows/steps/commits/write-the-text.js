const event = $('Check the event').first().json.event;
const files = await filesRead(this.helpers, $input.all());
const note = commitNoteOf(event, files);
const outcome = commitOutcome(event, note, commitAnswer($('Ask the model').first().json));
const result = {
  status: outcome.status,
  answer: { note: note.path, state: outcome.state },
  days: [commitDay(event)],
};
return [outcome.text ? fileToWrite(note.path, outcome.text, result) : { json: result }];
