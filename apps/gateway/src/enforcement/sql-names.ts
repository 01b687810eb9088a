/** The parts of a name as the analysis writes it: apart by dots, a part with a dot or quote in it quoted. */
export function partsOfName(name: string): string[] {
  const parts: string[] = [];
  for (const match of name.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g))
    parts.push(match[1]?.replaceAll('""', '"') ?? (match[2] as string));
  return parts;
}

/** A name that the server reads as exactly these parts: every part quoted. */
export const quotedName = (name: string): string =>
  partsOfName(name)
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');

/** The text form of an array of texts. */
export const textArray = (values: readonly string[]): string =>
  `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
