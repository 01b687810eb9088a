import { isUtf8 } from 'node:buffer';
import { envelopeSchema, type Envelope } from '#libs/contracts/envelope.js';
import {
  eventColumns,
  isSealedByLedger,
  NO_PRODUCER,
  type EventColumns,
} from '#libs/ledger/event-columns.js';
import { isEntryId } from '#libs/ledger/entry-id.js';
import { isEnvelope } from './is-envelope.js';

/** What a record's bytes say about themselves, as far as its entry needs it. */
export interface SealableEvent {
  readonly eventId: string;
  readonly producer: string;
  readonly producerSeq: bigint;
  readonly tenant: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly columns: EventColumns;
  /** The whole event; undefined for what the ledger makes itself. */
  readonly content: unknown;
}

export type ReadRecord =
  { readonly ok: true; readonly event: SealableEvent } | { readonly ok: false; readonly problem: string };

const MAX_TYPE_BYTES = 255;

/**
 * Reads the envelope, which is all that sealing needs: an event of a type this version does not know is
 * sealed under its own id. What does not match, or could not be stored, is poison: a value, since the
 * record is sealed all the same.
 */
export function readRecord(value: Buffer | null): ReadRecord {
  if (value === null) return poison('no value');
  if (!isUtf8(value)) return poison('not JSON in UTF-8');
  let json: unknown;
  try {
    json = JSON.parse(value.toString('utf8'));
  } catch {
    return poison('not JSON in UTF-8');
  }
  let envelope: Envelope;
  if (isEnvelope(json)) envelope = json;
  else {
    const parsed = envelopeSchema.safeParse(json);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      return poison(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
    }
    envelope = parsed.data;
  }
  if (isSealedByLedger(envelope.type)) return poison('type: only the ledger makes these');
  if (envelope.type.length > MAX_TYPE_BYTES) return poison('type: too long');
  if (isEntryId(envelope.id)) return poison("id: UUIDs of version 8 are the ledger's own");
  if (envelope.producer === NO_PRODUCER) return poison('producer: nobody');
  if (envelope.schemaVersion > 0xffffffff) return poison('schemaVersion: too large');
  if (Number.isNaN(Date.parse(envelope.time))) return poison('time: no such date');
  if (!isStorable(envelope.tenant) || !isStorable(envelope.identity?.name ?? ''))
    return poison('a name with NUL or half a character');
  return {
    ok: true,
    event: {
      eventId: envelope.id,
      producer: envelope.producer,
      producerSeq: BigInt(envelope.producerSeq),
      tenant: envelope.tenant,
      type: envelope.type,
      schemaVersion: envelope.schemaVersion,
      columns: eventColumns(envelope),
      content: json,
    },
  };
}

/** PostgreSQL's text takes no NUL, and UTF-8 has no lone surrogates. */
const isStorable = (text: string): boolean => !text.includes('\u0000') && text.isWellFormed();

const poison = (problem: string): ReadRecord => ({ ok: false, problem });
