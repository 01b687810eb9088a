/**
 * Columns that look like personal data by their names, until data is classified: a guess to warn by, in
 * both directions. Whole words of a name count (`e_mail`, `homePhone`), not parts of words (`emailed`).
 */
const STRONG =
  /(^|_)(e_?mails?|mail_?address|phones?|mobile|tel(ephone)?|fax|ssn|social_security(_number)?|nino|tax_?id|vat_?id|national_id|passport(_?(no|number))?|driv(er|ing)_?licen[cs]e|iban|bic|account_?(no|number)|routing_?number|card_?(no|number|num)?|cc_?num(ber)?|pan|cvv2?|cvc|birth_?(date|day)|date_of_birth|dob|password(_?hash)?|passwd|secret|api_?key|access_?token|refresh_?token|private_?key)(_|$)/;

/** Personal too, but what is computed from them often is not. */
const SENSITIVE =
  /(^|_)(salary|wage|diagnosis|medical|health|religion|ethnicity|ip_?addr(ess)?|mac_?addr(ess)?|geo_?location|latitude|longitude|pin)(_|$)/;

/** Personal beside one of the above in the same table, ordinary elsewhere. */
const WEAK =
  /(^|_)(name|first_?name|last_?name|full_?name|surname|given_?name|family_?name|maiden_?name|user_?name|address|street|city|zip|zip_?code|post_?code|postal_?code|gender|sex|nationality|born(_on)?)(_|$)/;

const words = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();

/** Booleans tell nothing that they do not tell by themselves. */
const BOOLEAN = 16;

/** Whether a column by this name identifies somebody or is a secret: a copy of it elsewhere is as much so. */
export const looksPersonal = (name: string, type?: number): boolean =>
  type !== BOOLEAN && STRONG.test(words(name));

type Columns = readonly { readonly name: string; readonly type: number }[];

/** Asked for each column that a statement reads. */
const found = new WeakMap<Columns, ReadonlySet<string>>();

/** The columns of one table that look personal. The list must not change: it is remembered for the object given. */
export function personalColumns(columns: Columns): ReadonlySet<string> {
  let personal = found.get(columns);
  if (personal === undefined) {
    personal = lookThrough(columns);
    found.set(columns, personal);
  }
  return personal;
}

function lookThrough(columns: Columns): ReadonlySet<string> {
  const strong = columns.filter(
    ({ name, type }) => looksPersonal(name, type) || (type !== BOOLEAN && SENSITIVE.test(words(name))),
  );
  const weak = columns.filter(({ name, type }) => type !== BOOLEAN && WEAK.test(words(name)));
  return new Set([...strong, ...(strong.length > 0 ? weak : [])].map(({ name }) => name));
}
