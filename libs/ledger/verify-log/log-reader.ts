import { CodedError, messageOf } from '#libs/kernel/coded-error.js';

/** Where a published log is read from: paths as C2SP tlog-tiles names them, relative to the log. */
export interface LogReader {
  /** undefined: it is not there (404). Rejects when nobody can tell: the network, another status, too much. */
  read(path: string, maxBytes: number): Promise<Buffer | undefined>;
}

const TIMEOUT_MS = 30_000;

/** Reads a log over HTTP, each resource whole and bounded, with a limit of time. `url` is the log's. */
export function httpLogReader(url: string): LogReader {
  const base = url.endsWith('/') ? url : `${url}/`;
  return {
    read: async (path, maxBytes) => {
      try {
        const response = await fetch(`${base}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        if (response.status === 404) {
          await response.body?.cancel();
          return undefined;
        }
        if (response.status !== 200) throw new Error(`status ${response.status}`);
        return await readBounded(response, maxBytes);
      } catch (error) {
        throw unreadable(`${base}${path}`, error);
      }
    },
  };
}

/** What a reader rejects with. */
export const unreadable = (url: string, error: unknown): CodedError =>
  new CodedError('LOG_UNREADABLE', `${url}: ${causeOf(error)}`, { cause: error });

/** The whole body; rejects as soon as it is longer than that. */
export async function readBounded(response: Response, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const causeOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : messageOf(error);
};
