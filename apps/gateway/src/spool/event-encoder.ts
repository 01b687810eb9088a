import type { Envelope } from '#libs/contracts/envelope.js';
import { signEvent, type SigningKey } from '#libs/contracts/event-signature.js';
import type { DraftEvent } from './spool.js';

/** Makes an event's bytes, once: these go to the disk, to the event log and into the ledger. */
export class EventEncoder {
  /**
   * The JSON of what stays the same from event to event of a session or a text, by the object itself:
   * drafts share these objects and never change them.
   */
  private readonly known = new WeakMap<object, string>();

  constructor(
    readonly producer: string,
    readonly tenant: string,
    private readonly signingKey: SigningKey,
  ) {}

  encode(draft: DraftEvent, producerSeq: number): Buffer {
    const { id, type, schemaVersion, time } = draft.event;
    const { tenant, producer } = this;
    // The first mention of a name fixes its place: the envelope's order, whatever the draft's.
    const event: Envelope = Object.assign(
      { id, type, schemaVersion, time, tenant, producer, producerSeq },
      draft.event,
    );
    return draft.signed ? signEvent(event, this.signingKey) : Buffer.from(this.json(event), 'utf8');
  }

  /** Byte for byte what JSON.stringify gives. */
  private json(event: Envelope): string {
    let json = '';
    for (const [name, value] of Object.entries(event) as [string, unknown][]) {
      const part = isShared(name, value) ? this.shared(value) : JSON.stringify(value);
      if (part !== undefined) json += `${json === '' ? '{' : ','}"${name}":${part}`;
    }
    return `${json}}`;
  }

  private shared(value: object): string {
    let json = this.known.get(value);
    if (json === undefined) {
      json = JSON.stringify(value);
      this.known.set(value, json);
    }
    return json;
  }
}

const SHARED: ReadonlySet<string> = new Set(['identity', 'target', 'statement', 'verdict']);

const isShared = (name: string, value: unknown): value is object =>
  typeof value === 'object' && value !== null && SHARED.has(name);
