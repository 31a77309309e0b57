return $('Write the texts').first().json.tags.map((json) => ({ json }));
