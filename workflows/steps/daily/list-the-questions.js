return $input.first().json.asked.map((json) => ({ json }));
