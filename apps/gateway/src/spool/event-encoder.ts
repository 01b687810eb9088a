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
  private readonly tenantJson: string;
  private readonly producerJson: string;

  constructor(
    readonly producer: string,
    readonly tenant: string,
    private readonly signingKey: SigningKey,
  ) {
    this.tenantJson = JSON.stringify(tenant);
    this.producerJson = JSON.stringify(producer);
  }

  /** The bytes of a signed event, the text of any other: that is encoded where it is to stand. */
  encode(draft: DraftEvent, producerSeq: number): Buffer | string {
    if (!draft.signed) return this.json(draft.event, producerSeq);
    const { id, type, schemaVersion, time } = draft.event;
    const { tenant, producer } = this;
    // The first mention of a name fixes its place: the envelope's order, whatever the draft's.
    const event: Envelope = Object.assign(
      { id, type, schemaVersion, time, tenant, producer, producerSeq },
      draft.event,
    );
    return signEvent(event, this.signingKey);
  }

  /** Byte for byte what JSON.stringify gives of the event in the envelope's order. */
  private json(event: DraftEvent['event'], producerSeq: number): string {
    let json =
      `{"id":${quoted(event.id)},"type":${quoted(event.type)},"schemaVersion":${event.schemaVersion}` +
      `,"time":${quoted(event.time)},"tenant":${this.tenantJson},"producer":${this.producerJson}` +
      `,"producerSeq":${producerSeq}`;
    for (const name in event) {
      if (HEAD.has(name)) continue;
      const value = event[name];
      if (value === undefined) continue;
      json += `,"${name}":${this.part(name, value)}`;
    }
    return `${json}}`;
  }

  private part(name: string, value: unknown): string {
    if (typeof value === 'string') return quoted(value);
    if (isShared(name, value)) return this.shared(value);
    return JSON.stringify(value);
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

/** What stands before all else. */
const HEAD: ReadonlySet<string> = new Set(['id', 'type', 'schemaVersion', 'time']);

/** A longer text is left to JSON.stringify, whose call costs as much as looking at this many characters. */
const SHORT = 64;

function quoted(text: string): string {
  return text.length <= SHORT && isPlain(text) ? `"${text}"` : JSON.stringify(text);
}

/** ASCII in which nothing is escaped. */
function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return true;
}
