/** A node of the grammar's JSON: `{ SelectStmt: {…} }` where any node may stand, bare fields where one type only. */
export type Fields = Readonly<Record<string, unknown>>;

export interface TypedNode {
  readonly type: string;
  readonly fields: Fields;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The type and fields of a wrapped node; undefined for anything else. Node names alone begin with a capital. */
export function asNode(value: unknown): TypedNode | undefined {
  if (!isFields(value)) return undefined;
  for (const type in value) {
    const code = type.charCodeAt(0);
    if (code < 65 || code > 90) return undefined;
    const fields = value[type];
    return { type, fields: isFields(fields) ? fields : {} };
  }
  return undefined;
}

export const fieldsOf = (value: unknown): Fields | undefined => (isFields(value) ? value : undefined);

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The fields of a wrapped node of this type; undefined for any other value. */
export function asType(value: unknown, type: string): Fields | undefined {
  const node = asNode(value);
  return node?.type === type ? node.fields : undefined;
}

/** The text of a String node. */
export const stringOf = (value: unknown): string | undefined => textOf(asType(value, 'String')?.['sval']);

/** The texts of a list of String nodes; undefined when any element is something else. */
export function stringsOf(value: unknown): readonly string[] | undefined {
  const strings: string[] = [];
  for (const item of listOf(value)) {
    const text = stringOf(item);
    if (text === undefined) return undefined;
    strings.push(text);
  }
  return strings;
}

/** The text of a string literal, casts around it looked through; undefined for anything computed. */
export function literalText(value: unknown): string | undefined {
  const node = asNode(value);
  if (node?.type === 'TypeCast') return literalText(node.fields['arg']);
  if (node?.type === 'String') return textOf(node.fields['sval']);
  if (node?.type !== 'A_Const') return undefined;
  const { sval, ival, fval, boolval } = node.fields;
  if (sval !== undefined) return textOf(fieldsOf(sval)?.['sval']) ?? '';
  if (ival !== undefined) return String(fieldsOf(ival)?.['ival'] ?? 0);
  if (fval !== undefined) return textOf(fieldsOf(fval)?.['fval']) ?? '0';
  if (boolval !== undefined) return fieldsOf(boolval)?.['boolval'] === true ? 'true' : 'false';
  return undefined;
}

/** Joins the parts of a name; a part that holds a dot or a quote is quoted, so that two names never look alike. */
export const joinName = (parts: readonly (string | undefined)[]): string =>
  parts
    .filter((part): part is string => part !== undefined && part !== '')
    .map((part) => (/[."]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part))
    .join('.');

/** The name of a RangeVar's fields, qualified as the text qualifies it. */
export const relationName = (relation: Fields): string =>
  joinName([textOf(relation['catalogname']), textOf(relation['schemaname']), textOf(relation['relname'])]);
