const { alerts } = $input.first().json;
const patterns = alerts.length ? alerts.map((alert) => alert.pattern) : ['none'];
return [{ json: { alerts, pattern: `Incidents/${oneOf(patterns)}` } }];
