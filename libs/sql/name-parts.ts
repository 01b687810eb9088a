/** The parts of a name as the analysis writes it: apart by dots, a part with a dot or quote in it quoted. */
export function partsOfName(name: string): string[] {
  const parts: string[] = [];
  for (const match of name.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g))
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
  return parts;
}
