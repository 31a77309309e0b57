const files = await filesRead(this.helpers, $input.all());
const days = $('List the days').all().map((item) => item.json).filter((day) => day.asks);
const asked = days.map(({ day }) => ({ day, question: dayQuestion(day, files, '@@MODEL@@') }));
return [{ json: { asked: asked.filter((one) => one.question) } }];
