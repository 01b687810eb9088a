import type { ServerResponse } from 'node:http';
import type { StoredEvent } from '../../event-store/load-stream.js';
import type { FoundRequest } from '../read/request-queries.js';

/** How long a client waits before it connects again, ms. */
const RETRY_MS = 1_000;

/** States in which nothing follows but, for `consumed`, the outcome. */
const ENDS: ReadonlySet<string> = new Set(['refused', 'expired', 'cancelled', 'revoked']);

/** What a client has seen last, as its Last-Event-ID says it. */
export interface Seen {
  readonly version: number;
  readonly outcome: boolean;
}

/** `7`, or `7.completed` once the outcome was seen. Anything else counts as nothing seen. */
export function seenOf(lastEventId: string | undefined): Seen {
  const [, version, outcome] = /^([0-9]{1,9})(\.[a-z]+)?$/.exec(lastEventId ?? '') ?? [];
  return { version: Number(version ?? 0), outcome: outcome !== undefined };
}

/** Whether nothing new will ever be told to whoever has seen so much. */
export function hasEnded(request: FoundRequest, seen: Seen): boolean {
  if (seen.version < request.version) return false;
  if (request.outcome !== undefined) return seen.outcome;
  return ENDS.has(request.view.state);
}

/** One connection of text/event-stream: what happens to a request, each event with an id to go on from. */
export class EventStream {
  constructor(private readonly response: ServerResponse) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // A service that stops waits for connections; one that has told its last must not be kept.
      connection: 'close',
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
  }

  /** Tells what is new since `seen`, and returns what has been seen then. */
  tell(request: FoundRequest, stream: readonly StoredEvent[], seen: Seen): Seen {
    stream.slice(0, request.version).forEach((event, index) => {
      const version = index + 1;
      if (version > seen.version) this.write(`${version}`, event.type, event);
    });
    const { outcome, version } = request;
    const untold = outcome !== undefined && !(seen.outcome && seen.version >= version);
    if (untold) this.write(`${version}.${outcome}`, 'outcome', { outcome });
    return { version: Math.max(version, seen.version), outcome: outcome !== undefined };
  }

  /** Keeps what stands between from closing an idle connection. */
  beat(): void {
    this.response.write(': \n\n');
  }

  end(): void {
    this.response.end();
  }

  private write(id: string, event: string, data: object): void {
    // JSON holds no line break, so that it is one line of data.
    this.response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
