return [{ json: alertsOf($input.first().json.body) }];
