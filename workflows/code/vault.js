// Vault: notes as n8n's file nodes give and take them.

/** A pattern for one of `alternatives`; braces around a single one would be taken as they stand. */
function oneOf(alternatives) {
  const distinct = [...new Set(alternatives)];
  return distinct.length === 1 ? distinct[0] : `{${distinct.join(',')}}`;
}

/** What the node `Read/Write Files from Disk` read, as `{folder, name, text}`. */
async function filesRead(helpers, items) {
  const files = [];
  for (const [index, item] of items.entries()) {
    const data = item.binary?.data;
    if (!data) continue;
    const content = await helpers.getBinaryDataBuffer(index, 'data');
    const folder = String(data.directory ?? '').split('/').at(-1);
    files.push({ folder, name: data.fileName, text: content.toString('utf8') });
  }
  return files;
}

/** An item that the same node writes; `file` is the path inside the vault. */
function fileToWrite(file, text, rest = {}) {
  const data = Buffer.from(text, 'utf8').toString('base64');
  const binary = { data: { data, mimeType: 'text/markdown', fileName: file.split('/').at(-1) } };
  return { json: { ...rest, file, changed: true }, binary };
}
