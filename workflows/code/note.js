// Note: front matter, links, and the parts of a note that are ours to change.

const UNTAGGED = 'untagged';

function dailyLink(day) {
  return `[[Daily/${day}|${day}]]`;
}

/** Front matter of `[key, YAML text]` pairs, with the tags as a list. */
function frontMatter(fields, tags) {
  const lines = fields.map(([key, value]) => `${key}: ${value}`);
  return ['---', ...lines, 'tags:', ...tags.map((name) => `  - ${name}`), '---'].join('\n');
}

/** The lines of a note's front matter and of what follows; none where it has no front matter. */
function parts(note) {
  const lines = note.replace(/^\ufeff/, '').split(/\r?\n/);
  const end = lines.indexOf('---', 1);
  if (lines[0] !== '---' || end < 0) return { head: null, body: lines };
  return { head: lines.slice(1, end), body: lines.slice(end + 1) };
}

function joined({ head, body }, note) {
  const lines = head ? ['---', ...head, '---', ...body] : body;
  return lines.join(note.includes('\r\n') ? '\r\n' : '\n');
}

function isBlank(note) {
  return !/[^\s\0]/.test(note);
}

function plain(value) {
  const text = value.trim();
  try {
    return String(JSON.parse(text));
  } catch {
    return text.replace(/^(['"])(.*)\1$/, '$2');
  }
}

/** The value of a key of front matter as text; empty where there is none. */
function field(note, key) {
  const line = parts(note).head?.find((candidate) => candidate.startsWith(`${key}:`));
  return line ? plain(line.slice(key.length + 1)) : '';
}

// From where to where in the head the tags stand.
function tagLines(head) {
  const start = head.findIndex((line) => /^tags\s*:/.test(line));
  if (start < 0) return null;
  let end = start + 1;
  while (end < head.length && /^\s*-(\s|$)|^\s+\S/.test(head[end])) end += 1;
  return { start, end };
}

/** The tags of a note, in whichever of YAML's ways they are written. */
function tagsOf(note) {
  const { head } = parts(note);
  const place = head && tagLines(head);
  if (!place) return [];
  const inline = head[place.start].replace(/^tags\s*:/, '').replace(/^\s*\[|\]\s*$/g, '').split(',');
  const listed = head.slice(place.start + 1, place.end).map((line) => line.replace(/^\s*-\s*/, ''));
  return [...inline, ...listed].map((name) => plain(name).replace(/^#/, '')).filter(Boolean);
}

function withTags(note, tags) {
  const found = parts(note);
  const place = found.head && tagLines(found.head);
  if (!place) return note;
  const lines = ['tags:', ...tags.map((name) => `  - ${name}`)];
  found.head.splice(place.start, place.end - place.start, ...lines);
  return joined(found, note);
}

/** The note with these keys of its front matter set; a note without front matter stays. */
function withFields(note, fields) {
  const found = parts(note);
  if (!found.head) return note;
  for (const [key, value] of fields) {
    const at = found.head.findIndex((line) => line.startsWith(`${key}:`));
    const tags = tagLines(found.head)?.start ?? found.head.length;
    if (at < 0) found.head.splice(tags, 0, `${key}: ${value}`);
    else found.head[at] = `${key}: ${value}`;
  }
  return joined(found, note);
}

function section(name, lines, detail = '') {
  return [`<!-- ai-idp:${name}${detail && ' ' + detail} -->`, ...lines, `<!-- /ai-idp:${name} -->`];
}

// Where the section stands in the body: `end` is -1 where its end was deleted.
function sectionPlace(body, name) {
  const start = body.findIndex((line) => new RegExp(`^<!-- ai-idp:${name}( .*)? -->$`).test(line.trim()));
  const end = start < 0 ? -1 : body.findIndex((line, at) => at > start && line.trim() === `<!-- /ai-idp:${name} -->`);
  return { start, end };
}

/** The lines of the section with its two markers; none where it is not whole. */
function sectionOf(note, name) {
  const { body } = parts(note);
  const { start, end } = sectionPlace(body, name);
  return end < 0 ? null : body.slice(start, end + 1);
}

/** The note with its section replaced; added at the end where there is none. */
function withSection(note, name, lines) {
  const found = parts(note);
  const { start, end } = sectionPlace(found.body, name);
  // Where somebody deleted the end, only the beginning is certainly ours.
  if (start >= 0) found.body.splice(start, (end < 0 ? start : end) - start + 1, ...lines);
  else {
    while (found.body.length && isBlank(found.body.at(-1))) found.body.pop();
    found.body.push('', ...lines, '');
  }
  return joined(found, note);
}

/**
 * The note among `files` that `isOurs`; else an empty one by the first of the names that is free.
 * `files` are `{folder, name, text}`.
 */
function noteAt(folder, names, files, isOurs) {
  const here = files.filter((file) => file.folder === folder);
  const ours = here.find((file) => !isBlank(file.text) && isOurs(file));
  if (ours) return { path: `${folder}/${ours.name}`, text: ours.text };
  const taken = (name) => here.some((file) => file.name === name && !isBlank(file.text));
  const name = names.find((candidate) => !taken(candidate)) ?? names.at(-1);
  return { path: `${folder}/${name}`, text: '' };
}
