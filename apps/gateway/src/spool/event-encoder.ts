import { encodeEvent, type Envelope } from '#libs/contracts/envelope.js';
import { signEvent, type SigningKey } from '#libs/contracts/event-signature.js';
import type { DraftEvent } from './spool.js';

/** Makes an event's bytes, once: these go to the disk, to the event log and into the ledger. */
export class EventEncoder {
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
    return draft.signed ? signEvent(event, this.signingKey) : encodeEvent(event);
  }
}
