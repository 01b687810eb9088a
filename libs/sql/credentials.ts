import { asNode, asType, fieldsOf, listOf, stringOf, stringsOf, textOf, type Fields } from './syntax-tree.js';

/** UTF-8 byte offsets, `end` exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A token of the server's own scanner. */
export interface Token extends ByteRange {
  readonly text: string;
}

const SECRET_NAME =
  /^(ssl_?)?(password|passwd|pwd|passphrase|pass|secret|token|api_?key)$|(_|\.)(password|passwd|secret|token|api_?key)$/i;
const SECRET_WORD = '(?:ssl)?password|passwd|pwd|passphrase|secret|api_?key|token';
const URL_WITH_PASSWORD = /:\/\/[^\s/@:]{0,256}:[^\s/@]{1,1024}@/;
const ASSIGNED_SECRET = new RegExp(
  `(?:^|[\\s;,'"?&{(._-])(?:${SECRET_WORD})["']?\\s*(?:=>?|:=?)\\s*\\S`,
  'i',
);
const SQL_PASSWORD = /\bpassword\s+[eun]?&?['$]/i;

/** Functions that take a secret as an argument: connections of dblink, passwords and keys of pgcrypto. */
const SECRET_FUNCTION =
  /^(dblink.*|crypt|hmac|pgp_sym_.*|pgp_pub_decrypt.*|encrypt|encrypt_iv|decrypt|decrypt_iv)$/;

/** Cheap: whether the text may hold a credential at all. False means that it need not be scanned. */
export const mayHoldCredentials = (text: string): boolean =>
  /pass|pwd|secret|token|api_?key|:\/\/|dblink|connection|crypt|hmac|pgp_|u&/i.test(text);

/** Whether a string literal's content is or holds a password or a connection string. */
const holdsSecret = (content: string): boolean =>
  URL_WITH_PASSWORD.test(content) || ASSIGNED_SECRET.test(content) || SQL_PASSWORD.test(content);

/** Whether a value under this name is or holds a password or a connection string. */
export const isSecret = (name: string, value: string): boolean =>
  SECRET_NAME.test(name) || holdsSecret(value);

/** What stands in a dollar-quoted body is replaced piece by piece: reviewers must still see the code. */
const BODY_SECRETS = new RegExp(
  [
    `${URL_WITH_PASSWORD.source}[^\\s'"$]{0,1024}`,
    `(?<=\\b(?:${SECRET_WORD})\\s{0,8}(?:=>?|:=?|\\bto\\b)?\\s{0,8})[eE]?(?:''[^'\\s;),][^']{0,1024}''|'(?:[^']|'')*')`,
    `(?<=\\b(?:${SECRET_WORD})=)[^\\s'"();,$]{1,1024}`,
  ].join('|'),
  'gi',
);

const isString = (token: Token): boolean => /^([en]|u&)?'/i.test(token.text) || isDollarQuoted(token);
const isDollarQuoted = (token: Token): boolean => /^\$[^0-9]/.test(token.text);
const isComment = (token: Token): boolean => token.text.startsWith('--') || token.text.startsWith('/*');

/**
 * The literals of a message that are credentials: by the word before them, by the column, option, setting
 * or function they belong to, by their content. `parsed` is the grammar's result, `tokens` the scanner's.
 * Literals only: comments are not looked at.
 */
export function findCredentials(parsed: unknown, tokens: readonly Token[]): readonly ByteRange[] {
  const significant = tokens.filter((token) => !isComment(token));
  const strings = significant.filter(isString);
  const whole = new Set<Token>();
  const pieces: ByteRange[] = [];
  significant.forEach((token, index) => {
    if (!isString(token)) return;
    const before = significant[index - 1]?.text ?? '';
    const word = before.startsWith('"') ? before.slice(1, -1) : before;
    if (SECRET_NAME.test(word) || word.toLowerCase() === 'connection') whole.add(token);
    else if (isDollarQuoted(token)) pieces.push(...secretsInBody(token));
    else if (holdsSecret(token.text)) whole.add(token);
  });
  const byStart = new Map(strings.map((token) => [token.start, token]));
  let next = 0;
  for (const entry of listOf(fieldsOf(parsed)?.['stmts'])) {
    const raw = fieldsOf(entry) ?? {};
    const start = Number(raw['stmt_location'] ?? 0);
    const length = Number(raw['stmt_len'] ?? 0);
    const end = length === 0 ? Infinity : start + length;
    const own: Token[] = [];
    for (; next < strings.length && (strings[next]?.start ?? end) < end; next += 1) {
      const token = strings[next];
      if (token !== undefined && token.start >= start) own.push(token);
    }
    const suspects = new Suspects();
    suspects.walk(raw['stmt']);
    let unplaced = suspects.unplaced;
    for (const position of suspects.positions) {
      const token = byStart.get(position);
      if (token === undefined) unplaced += own.length;
      else whole.add(token);
    }
    // The grammar gives options no position. Fewer found by their words than there are: take them all.
    if (own.filter((token) => whole.has(token)).length < unplaced) own.forEach((token) => whole.add(token));
  }
  return disjoint([...[...whole].map(({ start, end }) => ({ start, end })), ...pieces]);
}

/** Collects what the tree says of secrets: positions of literals, and how many have no position. */
class Suspects {
  readonly positions = new Set<number>();
  unplaced = 0;

  walk(value: unknown): void {
    if (Array.isArray(value)) {
      for (const item of value) this.walk(item);
      return;
    }
    const fields = fieldsOf(value);
    if (fields === undefined) return;
    const node = asNode(value);
    if (node === undefined) this.enter('', fields);
    else this.enter(node.type, node.fields);
  }

  private enter(type: string, fields: Fields): void {
    switch (type) {
      case 'FuncCall':
        if (SECRET_FUNCTION.test(stringsOf(fields['funcname'])?.at(-1) ?? '')) this.literals(fields['args']);
        break;
      case 'DefElem':
        if (SECRET_NAME.test(textOf(fields['defname']) ?? '') && stringOf(fields['arg']) !== undefined) {
          this.unplaced += 1;
        }
        break;
      case 'CreateSubscriptionStmt':
      case 'AlterSubscriptionStmt':
        if (fields['conninfo'] !== undefined) this.unplaced += 1;
        break;
      case 'ResTarget':
        if (SECRET_NAME.test(textOf(fields['name']) ?? '')) this.literals(fields['val']);
        break;
      case 'A_Expr':
        if (isSecretColumn(fields['lexpr'])) this.literals(fields['rexpr']);
        if (isSecretColumn(fields['rexpr'])) this.literals(fields['lexpr']);
        break;
      case 'InsertStmt':
        this.insert(fields);
        break;
      case 'A_Const':
        if (holdsSecret(textOf(fieldsOf(fields['sval'])?.['sval']) ?? '')) this.position(fields);
        break;
      default:
        // SET and ALTER SYSTEM: bare or wrapped, told by their fields.
        if (fields['args'] !== undefined && SECRET_NAME.test(textOf(fields['name']) ?? '')) {
          this.literals(fields['args']);
        }
    }
    for (const name in fields) this.walk(fields[name]);
  }

  private insert(fields: Fields): void {
    const columns = listOf(fields['cols']).map(
      (column) => textOf(asType(column, 'ResTarget')?.['name']) ?? '',
    );
    const rows = listOf(asType(fields['selectStmt'], 'SelectStmt')?.['valuesLists']);
    columns.forEach((column, index) => {
      if (!SECRET_NAME.test(column)) return;
      for (const row of rows) this.literals(listOf(asType(row, 'List')?.['items'])[index]);
    });
  }

  /** Every string literal below. */
  private literals(value: unknown): void {
    if (Array.isArray(value)) {
      for (const item of value) this.literals(item);
      return;
    }
    const constant = asType(value, 'A_Const');
    if (constant?.['sval'] !== undefined) return this.position(constant);
    const fields = fieldsOf(value);
    for (const name in fields) this.literals(fields[name]);
  }

  private position(constant: Fields): void {
    this.positions.add(Number(constant['location'] ?? 0));
  }
}

const isSecretColumn = (value: unknown): boolean =>
  SECRET_NAME.test(stringOf(listOf(asType(value, 'ColumnRef')?.['fields']).at(-1)) ?? '');

function secretsInBody(token: Token): readonly ByteRange[] {
  return Array.from(token.text.matchAll(BODY_SECRETS), (match) => {
    const start = token.start + Buffer.byteLength(token.text.slice(0, match.index));
    return { start, end: start + Buffer.byteLength(match[0]) };
  });
}

/** In order, overlapping ones joined. */
function disjoint(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && start < last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}
