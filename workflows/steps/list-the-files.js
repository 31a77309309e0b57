const { changes, days } = $input.first().json;
return changes.map(({ path, text }) => fileToWrite(path, text, { days }));
