// Text: what others wrote, made into Markdown and YAML in which it is nothing but text.

// Control and format characters (\p{Cc}, \p{Cf}: also marks that turn the direction of writing, and
// invisible ones), but not what joins emoji and letters of some scripts.
const INVISIBLE = /[^\P{Cc}\n\t]|(?![\u200c\u200d])\p{Cf}|[\u2028\u2029]/gu;

/** `value` as text: valid Unicode, line ends of one kind, nothing that cannot be seen. */
function clean(value) {
  const text = String(value ?? '').toWellFormed().replace(/\r\n?|\u0085/g, '\n');
  // Templater runs `<%` wherever it stands, in code too (github.com/SilentVoid13/Templater).
  return text.replace(INVISIBLE, '').replace(/<(?=%)/g, '< ');
}

/** The whole characters within the first bytes of a text. */
function firstBytes(text, bytes) {
  let kept = '';
  for (const character of text) {
    bytes -= Buffer.byteLength(character);
    if (bytes < 0) break;
    kept += character;
  }
  return kept;
}

/** One line of at most `limit` characters. */
function oneLine(value, limit) {
  const line = clean(value).replace(/\s+/gu, ' ').trim();
  const characters = [...line];
  return characters.length > limit ? characters.slice(0, limit - 1).join('') + '…' : line;
}

/** One line that Markdown, Obsidian and its plugins show as it is. */
function escaped(value, limit) {
  return oneLine(value, limit)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/[\\`*_{}[\]#!|>~=$%^]/g, '\\$&')
    // At the start of a line these make a list.
    .replace(/^[-+]/, '\\$&')
    .replace(/^(\d+)(?=[.)](\s|$))/, '$1\\')
    // `key:: value` is a field of Dataview; an address would become a link.
    .replace(/:(?=[:/])/g, '\\:')
    .replace(/\bwww(?=\.)/gi, 'www\u200d');
}

/** A value of front matter: YAML takes JSON's strings as they are. */
function yamlText(value, limit = 500) {
  // Obsidian makes links of properties too.
  return JSON.stringify(oneLine(value, limit).replace(/\[(?=\[)/g, '[ ').replace(/\{(?=\{)/g, '{ '));
}

/** Lines of code that end only where we end them. */
function fenced(value) {
  const text = clean(value).replace(/\s+$/u, '');
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  return [fence + 'text', text, fence].join('\n');
}

/** Part of a file's name: `[A-Za-z0-9._-]`, 60 characters, no dot in front. */
function namePart(value, otherwise) {
  const plain = String(value ?? '').normalize('NFKD').replace(/\p{M}/gu, '');
  const name = plain.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '').slice(0, 60);
  return name.replace(/[.-]+$/, '') || otherwise;
}

/** A tag as Obsidian takes it; empty where nothing of it can stay. */
function tag(value) {
  const name = String(value ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 24);
  const trimmed = name.replace(/^-+|-+$/g, '');
  return /[a-z]/.test(trimmed) && trimmed.length > 1 ? trimmed : '';
}

function isTime(value) {
  const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
  return typeof value === 'string' && shape.test(value) && !Number.isNaN(Date.parse(value));
}

/** `2026-11-21T10:00:00Z` of anything that `Date` takes. */
function utc(value) {
  return new Date(value).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `5 s`, `12 min`, `3 h 05 min`, `2 d 3 h`. */
function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) {
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  }
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}
