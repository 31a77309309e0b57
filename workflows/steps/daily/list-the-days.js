const { days, body } = $input.first().json;
const now = Date.now();
const wanted = days ?? (body ? [String(body.date ?? recentDays(now)[0])] : recentDays(now));
const found = wanted.map((day) => dayOf(day, now));
if (found.includes(null)) return [{ json: { error: 'date is no day like 2026-11-21' } }];
const pattern = `{${[...FOLDERS, 'Daily'].join(',')}}/${oneOf(wanted)}*.md`;
return found.map((day) => ({
  json: {
    day: day.day,
    query: gpuQuery(day),
    until: day.from + day.seconds,
    pattern,
    // Notes come one by one: their days get lists at once, and sentences with the hour.
    asks: !days,
    always: !!body,
  },
}));
