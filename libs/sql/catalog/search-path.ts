/**
 * Where an unqualified name is looked for, in order, given the setting as the server reports it: pg_temp
 * and pg_catalog first unless the setting names them, schemas that do not exist or may not be used left
 * out. undefined where the setting cannot be read with certainty.
 */
export function effectiveSearchPath(
  setting: string,
  role: string,
  usable: (schema: string) => boolean,
): readonly string[] | undefined {
  const names = splitNames(setting);
  if (names === undefined) return undefined;
  const given = names.map((name) => (name === '$user' ? role : name));
  const path = given.filter(
    (name, index) =>
      given.indexOf(name) === index && (name === 'pg_temp' || name === 'pg_catalog' || usable(name)),
  );
  if (!path.includes('pg_catalog')) path.unshift('pg_catalog');
  if (!path.includes('pg_temp')) path.unshift('pg_temp');
  return path;
}

/** Identifiers apart by commas, quoted or folded as the server folds them. */
function splitNames(setting: string): readonly string[] | undefined {
  if (setting.trim() === '' || setting.trim() === '""') return [];
  const names: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^\s",]+))\s*(,|$)/y;
  for (let more = true; more;) {
    const match = pattern.exec(setting);
    if (match === null) return undefined;
    const quoted = match[1];
    const name = quoted === undefined ? (match[2] ?? '').toLowerCase() : quoted.replaceAll('""', '"');
    if (/[^\u0000-\u007f]/.test(name) && quoted === undefined) return undefined;
    if (name !== '') names.push(name);
    more = match[3] === ',';
    if (!more && pattern.lastIndex !== setting.length) return undefined;
  }
  return names;
}
