/** Columns as wide as their widest cell, two spaces between; the last is not padded. No trailing spaces. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * Text that others wrote, on one line of at most `limit` characters. Control characters become spaces,
 * so that a statement cannot move the cursor or colour what stands beside it.
 */
export function oneLine(text: string, limit: number): string {
  const flat = withoutControls(text).replaceAll(/\s+/g, ' ').trim();
  return flat.length <= limit ? flat : `${flat.slice(0, limit - 1)}…`;
}

/** The text with everything that could steer a terminal replaced by spaces; line breaks and tabs stay. */
export const withoutControls = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) =>
    character === '\n' || character === '\t' ? character : ' ',
  );
