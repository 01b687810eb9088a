import { readBounded, unreadable } from './log-reader.js';

/** What stands beside an entry; null where it was erased. */
export interface SealedPayload {
  readonly salt: Buffer | null;
  readonly payload: Buffer | null;
}

/** Where the payloads of one log are read: they are not published, so this takes a token. */
export interface PayloadReader {
  /**
   * Those of at most `limit` entries from `seq` on, in order: at least one, or 'refused' when the caller may not
   * see them. Rejects when nobody can tell.
   */
  read(seq: bigint, limit: number): Promise<readonly SealedPayload[] | 'refused'>;
}

const TIMEOUT_MS = 60_000;

/** Above what one answer of audit can be: a page of 4 MiB and one payload more, as base64. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Reads from audit's `/v1/logs/<chain>/entries/<seq>`. `auditUrl` is without a trailing slash; the token goes
 * there and, redirects being errors, nowhere else.
 */
export function httpPayloadReader(auditUrl: string, chain: string, token: string): PayloadReader {
  return {
    read: async (seq, limit) => {
      const url = `${auditUrl}/v1/logs/${chain}/entries/${seq}?limit=${limit}`;
      try {
        const response = await fetch(url, {
          headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
          redirect: 'error',
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        if (response.status === 401 || response.status === 403) {
          await response.body?.cancel();
          return 'refused';
        }
        if (response.status !== 200) throw new Error(`status ${response.status}`);
        const text = (await readBounded(response, MAX_ANSWER_BYTES)).toString('utf8');
        const payloads = payloadsOf(JSON.parse(text), seq);
        if (payloads === undefined || payloads.length < 1 || payloads.length > limit)
          throw new Error('not a page of entries');
        return payloads;
      } catch (error) {
        throw unreadable(url, error);
      }
    },
  };
}

/** undefined unless it is a page that begins with entry `first` and leaves none out. */
function payloadsOf(document: unknown, first: bigint): SealedPayload[] | undefined {
  const entries = (document as { entries?: unknown } | null)?.entries;
  if (!Array.isArray(entries)) return undefined;
  const payloads: SealedPayload[] = [];
  for (const entry of entries as ({ seq?: unknown; salt?: unknown; payload?: unknown } | null)[]) {
    const [salt, payload] = [bytesOf(entry?.salt), bytesOf(entry?.payload)];
    if (entry?.seq !== Number(first) + payloads.length || salt === undefined || payload === undefined)
      return undefined;
    payloads.push({ salt, payload });
  }
  return payloads;
}

const bytesOf = (value: unknown): Buffer | null | undefined => {
  if (value === null) return null;
  return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
};
