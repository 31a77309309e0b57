// Model: a question with the shape of its answer, and what an answer is worth.

/** The body of a chat completion whose answer has to fit `schema`. */
function question(model, system, data, schema, answerTokens) {
  return {
    model,
    temperature: 0.2,
    max_tokens: answerTokens,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: JSON.stringify(data) },
    ],
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'answer', strict: true, schema },
    },
  };
}

/** The object of an answer; what could be read of it where it was cut off, null where nothing. */
function answerOf(response) {
  const said = response?.choices?.[0]?.message?.content;
  if (typeof said !== 'string') return null;
  const text = said.slice(0, 10000);
  const object = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  try {
    const read = JSON.parse(object);
    return read && typeof read === 'object' ? read : null;
  } catch {
    return readOfCutOff(text);
  }
}

function readOfCutOff(text) {
  const kind = /"kind"\s*:\s*"([^"]*)"/.exec(text)?.[1];
  const topics = /"topics"\s*:\s*\[([^\]]*)/.exec(text)?.[1] ?? '';
  const read = [...topics.matchAll(/"([^"\\]*)"/g)].map((match) => match[1]);
  return kind || read.length ? { kind, topics: read } : null;
}
