const event = $input.first().json.body;
const error = wrongWith(event);
return [{ json: error ? { error } : { event, pattern: `Commits/* ${commitName(event)}.md` } }];
