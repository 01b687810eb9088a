/** One position for each chain: the seq that is read next. A chain that is not in it begins at 0. */
export type Positions = ReadonlyMap<string, bigint>;

const MAX_CURSOR_CHARS = 8_192;
const CHAIN = /^[a-z-]{1,64}\/[0-9]{1,6}$/;

/** Opaque to clients; base64url of JSON. */
export const encodeCursor = (positions: Positions): string =>
  Buffer.from(
    JSON.stringify(Object.fromEntries([...positions].map(([chain, next]) => [chain, next.toString()]))),
  ).toString('base64url');

/** undefined when it is not one of ours. */
export function decodeCursor(cursor: string): Positions | undefined {
  if (cursor.length > MAX_CURSOR_CHARS || !/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const positions = new Map<string, bigint>();
  for (const [chain, next] of Object.entries(json)) {
    if (!CHAIN.test(chain) || typeof next !== 'string' || !/^[0-9]{1,18}$/.test(next)) return undefined;
    positions.set(chain, BigInt(next));
  }
  return positions;
}
