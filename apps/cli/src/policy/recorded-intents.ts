import { parseEvent, type EventOf } from '#libs/contracts/events/registry.js';
import type { FeedEvent } from '../events/event-filter.js';

/** An intent with what stands elsewhere in the record about it. */
export interface RecordedIntent {
  readonly event: EventOf<'statement.intent-recorded'>;
  /** undefined where policy kept it out of the record, or a part of it is missing. */
  readonly text: string | undefined;
  readonly applicationName: string;
  readonly clientAddress: string;
}

/** More sessions than this are not remembered: the oldest is forgotten, and its facts are empty. */
const MAX_SESSIONS = 50_000;
/** Long texts whose intent has not come yet; the oldest is forgotten. */
const MAX_TEXTS = 100;

type Opened = EventOf<'session.opened'>;

/** Picks the intents out of the feed; what comes before them in their chain is remembered for them. */
export class RecordedIntents {
  private readonly sessions = new Map<string, Opened>();
  private readonly texts = new Map<string, string[]>();

  /** The intent this event is, once everything before it was given here too. */
  take(event: FeedEvent): RecordedIntent | undefined {
    switch (event.type) {
      case 'session.opened':
        this.open(event);
        return undefined;
      case 'session.closed':
        if (event.sessionId !== undefined) this.sessions.delete(event.sessionId);
        return undefined;
      case 'statement.text-chunk-recorded':
        this.chunk(event);
        return undefined;
      case 'statement.intent-recorded':
        return this.intent(event);
      default:
        return undefined;
    }
  }

  private intent(given: FeedEvent): RecordedIntent | undefined {
    const event = read<'statement.intent-recorded'>(given);
    if (event === undefined) return undefined;
    const { sha256, text, redacted } = event.statement;
    const opened = event.sessionId === undefined ? undefined : this.sessions.get(event.sessionId);
    return {
      event,
      // Where policy kept the literals out, what stands there may mean something else.
      text: redacted === undefined ? (text ?? this.texts.get(sha256)?.join('')) : undefined,
      applicationName: opened?.applicationName ?? '',
      clientAddress: opened?.clientAddress ?? '',
    };
  }

  private open(given: FeedEvent): void {
    const event = read<'session.opened'>(given);
    if (event?.sessionId === undefined) return;
    this.sessions.set(event.sessionId, event);
    forgetOldest(this.sessions, MAX_SESSIONS);
  }

  private chunk(given: FeedEvent): void {
    const event = read<'statement.text-chunk-recorded'>(given);
    if (event === undefined) return;
    const parts = this.texts.get(event.sha256) ?? [];
    parts[event.index] = event.text;
    this.texts.set(event.sha256, parts);
    forgetOldest(this.texts, MAX_TEXTS);
  }
}

/** The feed adds fields of its own; those of the event are checked as its contract says. */
function read<T extends 'statement.intent-recorded' | 'session.opened' | 'statement.text-chunk-recorded'>(
  event: FeedEvent,
): EventOf<T> | undefined {
  const parsed = parseEvent(Buffer.from(JSON.stringify(event), 'utf8'));
  return parsed.ok ? (parsed.event as EventOf<T>) : undefined;
}

function forgetOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
