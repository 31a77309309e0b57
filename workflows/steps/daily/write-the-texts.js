const files = await filesRead(this.helpers, $input.all());
const hours = $('Ask Prometheus').all().map((item) => gpuHours(item.json));
const responses = {};
if ($('Ask the model').isExecuted) {
  const asked = $('List the questions').all();
  $('Ask the model').all().forEach((item, index) => {
    responses[asked[index].json.day] = item.json;
  });
}
const outcomes = $('List the days').all().map(({ json: { day, always } }, index) => {
  const outcome = dailyOutcome(day, files, hours[index] ?? null, responses[day] ?? null, always);
  return { path: `Daily/${day}.md`, ...outcome };
});
const notes = outcomes.map(({ path, state }) => ({ note: path, state }));
return [{ json: { notes, changes: outcomes.filter((one) => one.text) } }];
