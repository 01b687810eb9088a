/** The command tag of a CommandComplete. */
export const readCommandTag = (frame: Buffer): string => frame.toString('utf8', 5, frame.length - 1);

/** The rows a tag counts: `INSERT 0 3` is 3, `SELECT 2` is 2; undefined where the tag counts none. */
export function rowsOfTag(tag: string): number | undefined {
  const last = /^(?:INSERT [0-9]+|SELECT|UPDATE|DELETE|MERGE|MOVE|FETCH|COPY) ([0-9]+)$/.exec(tag)?.[1];
  return last === undefined ? undefined : Number(last);
}
