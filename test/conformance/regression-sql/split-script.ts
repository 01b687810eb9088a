/** What a psql script asks for, one after the other. */
export type ScriptStep =
  /** `several`: put together with `\;`. */
  | { readonly is: 'statement'; readonly text: string; readonly line: number; readonly several: boolean }
  | { readonly is: 'connect'; readonly user: string | undefined }
  /** It cannot be told what psql would send: a variable of psql's without a value. */
  | { readonly is: 'skipped'; readonly line: number };

const SENDS = /^\\(g|gx|gset|gexec|gdesc|crosstabview|watch|bind|parse)(?![a-z_])/;

/**
 * Splits a script as psql does: quotes, dollar quotes, comments, parentheses and BEGIN ATOMIC bodies hide
 * semicolons; meta-commands are psql's own. `next(true)` says that the last statement was a COPY whose
 * data the server waits for: then the data in the script is passed over.
 */
export function* splitScript(script: string): Generator<ScriptStep, void, boolean | undefined> {
  const variables = new Map<string, string>();
  let at = 0;
  let buffer = '';
  let parentheses = 0;
  let bodies = 0;
  let several = false;
  let unknown = false;
  let words: string[] = [];
  let line = 1;
  let started = 1;
  const take = (length: number): string => {
    const text = script.slice(at, at + length);
    line += text.split('\n').length - 1;
    at += length;
    return text;
  };
  const restOfLine = (): string => {
    const end = script.indexOf('\n', at);
    return take((end < 0 ? script.length : end) - at);
  };
  function* send(): Generator<ScriptStep, void, boolean | undefined> {
    const [text, lost, many, first] = [buffer.trim(), unknown, several, started];
    [buffer, parentheses, bodies, several, unknown, words] = ['', 0, 0, false, false, []];
    if (text === '') return;
    const copies = lost
      ? yield { is: 'skipped', line: first }
      : yield { is: 'statement', text, line: first, several: many };
    if (copies !== true) return;
    restOfLine();
    take(1);
    while (at < script.length) {
      const data = restOfLine();
      take(1);
      if (data.trimEnd() === '\\.') return;
    }
  }
  while (at < script.length) {
    const rest = script.slice(at, at + 200);
    const here = rest[0] as string;
    if (buffer.trim() === '') started = line;
    if (here === '\\') {
      if (rest.startsWith('\\;')) {
        take(2);
        buffer += ';';
        several = true;
        words = [];
        continue;
      }
      const command = restOfLine();
      if (SENDS.test(command)) yield* send();
      const connect = /^\\(?:c|connect)(?:\s+(\S+))?(?:\s+(\S+))?/.exec(command);
      if (connect !== null) yield { is: 'connect', user: connect[2] };
      const set = /^\\set\s+(\w+)(?:\s+(.*))?$/.exec(command);
      if (set !== null && !/[:`]/.test(set[2] ?? ''))
        variables.set(set[1] as string, (set[2] ?? '').trim().replace(/^'(.*)'$/, '$1'));
      if (/^\\r(eset)?\b/.test(command)) [buffer, words] = ['', []];
      continue;
    }
    const quoted = quotedLength(script, at, previousOf(buffer));
    if (quoted > 0) {
      const text = take(quoted);
      // psql sends comments within a statement, and drops those before one.
      if (buffer.trim() !== '' || !/^(--|\/\*)/.test(text)) buffer += text;
      continue;
    }
    const variable = /^:(?:'(\w+)'|"(\w+)"|(\w+)|\{\?\w+\})/.exec(rest);
    if (variable !== null && !buffer.endsWith(':')) {
      take(variable[0].length);
      const name = variable[1] ?? variable[2] ?? variable[3] ?? '';
      const value = variables.get(name);
      if (value === undefined && variable[3] !== undefined && /^\d/.test(name)) buffer += variable[0];
      else if (value === undefined) unknown = true;
      else if (variable[1] !== undefined) buffer += `'${value.replaceAll("'", "''")}'`;
      else if (variable[2] !== undefined) buffer += `"${value.replaceAll('"', '""')}"`;
      else buffer += value;
      if (unknown) buffer += ' ';
      continue;
    }
    const word = /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/.exec(rest);
    if (word !== null) {
      const text = wholeWord(script, at);
      take(text.length);
      buffer += text;
      if (words.length < 5) words.push(text.toLowerCase());
      if (isBody(words)) {
        if (/^begin$/i.test(text) || (bodies > 0 && /^case$/i.test(text))) bodies += 1;
        else if (/^end$/i.test(text) && bodies > 0) bodies -= 1;
      }
      continue;
    }
    take(1);
    if (here === '(') parentheses += 1;
    if (here === ')') parentheses = Math.max(0, parentheses - 1);
    if (here === ';' && parentheses === 0 && bodies === 0) {
      yield* send();
      continue;
    }
    buffer += here;
  }
  yield* send();
}

const previousOf = (buffer: string): string => buffer.at(-1) ?? '';

const wholeWord = (script: string, at: number): string => {
  const pattern = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
  pattern.lastIndex = at;
  const found = pattern.exec(script)?.[0] ?? '';
  // E'…', U&'…' and the like: the letter belongs to the quote.
  return found;
};

/** CREATE [OR REPLACE] FUNCTION or PROCEDURE, whose body may be statements. */
const isBody = ([first, second, third, fourth]: readonly string[]): boolean =>
  first === 'create' &&
  (/^(function|procedure)$/.test(second ?? '') ||
    (second === 'or' && third === 'replace' && /^(function|procedure)$/.test(fourth ?? '')));

/** How long the quote, dollar quote or comment is that begins here; 0 where none does. */
function quotedLength(script: string, at: number, previous: string): number {
  const two = script.slice(at, at + 2);
  if (two === '--') {
    const end = script.indexOf('\n', at);
    return (end < 0 ? script.length : end) - at;
  }
  if (two === '/*') {
    let depth = 0;
    for (let index = at; index < script.length; index += 1) {
      const pair = script.slice(index, index + 2);
      if (pair === '/*') depth += 1;
      else if (pair === '*/') depth -= 1;
      else continue;
      index += 1;
      if (depth === 0) return index + 1 - at;
    }
    return script.length - at;
  }
  const mark = script[at];
  if (mark === "'" || mark === '"') {
    const escapes = mark === "'" && /[eE]/.test(previous) && isEscapePrefix(script, at);
    for (let index = at + 1; index < script.length; index += 1) {
      if (escapes && script[index] === '\\') index += 1;
      else if (script[index] === mark) {
        if (script[index + 1] !== mark) return index + 1 - at;
        index += 1;
      }
    }
    return script.length - at;
  }
  if (mark === '$' && !/[\w$\u0080-\uffff]/.test(previous)) {
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(script.slice(at, at + 100))?.[0];
    if (tag === undefined) return 0;
    const end = script.indexOf(tag, at + tag.length);
    return (end < 0 ? script.length : end + tag.length) - at;
  }
  return 0;
}

/** Whether the E before a quote stands alone. */
const isEscapePrefix = (script: string, at: number): boolean =>
  !/[\w$\u0080-\uffff]/.test(script[at - 2] ?? ' ');
