import { CodedError } from '#libs/kernel/coded-error.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import type { LogRecord } from '#libs/event-log/port.js';
import { entryIdOf } from '#libs/ledger/entry-id.js';
import {
  DUPLICATE_TYPE,
  NO_COLUMNS,
  NO_PRODUCER,
  POISON_TYPE,
  type EventColumns,
} from '#libs/ledger/event-columns.js';
import { checkProducerSeq, type ProducerFinding } from '#libs/ledger/producer-sequence.js';
import { sequenceEntry } from '#libs/ledger/sequence-entry.js';
import { encodeEntry } from '#libs/tlog/entry.js';
import { leafHash, payloadCommitment } from '#libs/tlog/hashing.js';
import type { ChainState } from './chain-state.js';
import { growTree, type FullTile } from './grow-tree.js';
import { readRecord, type SealableEvent } from './read-record.js';

/** An event that is sealed already: what a second record with its id is compared with. */
export interface SealedEvent {
  readonly chain: string;
  readonly seq: bigint;
  readonly producer: string;
  readonly producerSeq: bigint;
  readonly payload: Buffer;
}

/** One entry with all that is stored beside it. */
export interface SealedEntry {
  readonly seq: bigint;
  readonly eventId: string;
  readonly type: string;
  readonly producer: string;
  readonly producerSeq: bigint;
  readonly offset: bigint;
  readonly columns: EventColumns;
  /** The event as its payload says; undefined for what the ledger made itself. */
  readonly content: unknown;
  readonly salt: Buffer;
  readonly payload: Buffer;
  readonly entry: Buffer;
  readonly leaf: Buffer;
}

export interface IngestFinding extends ProducerFinding {
  readonly seq: bigint;
}

export interface SealedBatch {
  readonly entries: readonly SealedEntry[];
  readonly recordedAt: bigint;
  readonly fullTiles: readonly FullTile[];
  /** The producers whose position moved. */
  readonly positions: ReadonlyMap<string, bigint>;
  readonly findings: readonly IngestFinding[];
  readonly poisoned: readonly { seq: bigint; offset: bigint; problem: string }[];
  readonly next: ChainState;
}

/** What comes from outside: time, randomness, and which of the batch's ids are sealed already. */
export interface SealInputs {
  readonly tenant: string;
  /** Microseconds since 1970. */
  readonly now: bigint;
  /** 32 random bytes, others at each call. */
  readonly salt: () => Buffer;
  readonly sealed: ReadonlyMap<string, SealedEvent>;
}

interface Content {
  readonly event: SealableEvent;
  readonly payload: Buffer;
}

/**
 * Turns records into the next entries of a chain: pure, and the state given stays as it is. Every record
 * becomes exactly one entry: an event under its own id; what is no event, or another event under a taken
 * id, as poison with its bytes; the same event again as a pointer to the first. Behind an event whose number
 * was not due stands an entry that says so, of the same source: both are sealed, or neither.
 */
export function sealBatch(state: ChainState, records: readonly LogRecord[], inputs: SealInputs): SealedBatch {
  const recordedAt = inputs.now > state.recordedAt ? inputs.now : state.recordedAt;
  const inBatch = new Map<string, SealedEvent>();
  const positions = new Map<string, bigint>();
  const entries: SealedEntry[] = [];
  const findings: IngestFinding[] = [];
  const poisoned: { seq: bigint; offset: bigint; problem: string }[] = [];
  let { size: seq, head, nextOffset, leaderEpoch } = state;

  const add = ({ offset }: LogRecord, event: SealableEvent, payload: Buffer): void => {
    const salt = inputs.salt();
    const entry = encodeEntry({
      chainId: state.chainId,
      seq,
      prev: head,
      recordedAt,
      eventId: event.eventId,
      source: { ...state.source, offset, leaderEpoch },
      producer: event.producer,
      producerSeq: event.producerSeq,
      tenant: event.tenant,
      type: event.type,
      schemaVersion: event.schemaVersion,
      payloadLength: payload.length,
      payloadCommit: payloadCommitment(salt, payload),
    });
    head = leafHash(entry);
    entries.push({ ...event, seq, offset, salt, payload, entry, leaf: head });
    seq += 1n;
  };

  for (const record of records) {
    if (record.offset < nextOffset || record.leaderEpoch < leaderEpoch) {
      throw new CodedError(
        'SOURCE_REGRESSION',
        `${state.name}: offset ${record.offset} (leader epoch ${record.leaderEpoch}) after ${nextOffset - 1n} (${leaderEpoch}): the event log has lost records it had given out`,
      );
    }
    nextOffset = record.offset + 1n;
    leaderEpoch = record.leaderEpoch;
    const { event, payload } = contentOf(state, record, inputs, inBatch, seq, poisoned);
    if (event.producer === NO_PRODUCER) {
      add(record, event, payload);
      continue;
    }
    inBatch.set(event.eventId, { chain: state.name, seq, ...event, payload });
    const finding = notePosition(state, positions, event);
    if (finding !== undefined) findings.push({ seq, ...finding });
    add(record, event, payload);
    if (finding === undefined) continue;
    const made = sequenceEntry(finding, {
      chain: state.name,
      seq: seq - 1n,
      eventId: event.eventId,
      source: { ...state.source, offset: record.offset },
    });
    add(record, ledgersOwn(made.eventId, made.type, inputs.tenant), made.payload);
  }

  const { tree, fullTiles } = growTree(
    state.tree,
    entries.map((entry) => entry.leaf),
  );
  const producers = new Map([...state.producers, ...positions]);
  const next = { ...state, size: seq, head, tree, recordedAt, nextOffset, leaderEpoch, producers };
  return { entries, recordedAt, fullTiles, positions, findings, poisoned, next };
}

function contentOf(
  state: ChainState,
  record: LogRecord,
  inputs: SealInputs,
  inBatch: ReadonlyMap<string, SealedEvent>,
  seq: bigint,
  poisoned: { seq: bigint; offset: bigint; problem: string }[],
): Content {
  const payload = record.value ?? Buffer.alloc(0);
  const read = readRecord(record.value);
  const first = read.ok
    ? (inBatch.get(read.event.eventId) ?? inputs.sealed.get(read.event.eventId))
    : undefined;
  if (read.ok && first === undefined) return { event: read.event, payload };
  const own = (type: string): SealableEvent =>
    ledgersOwn(entryIdOf({ ...state.source, offset: record.offset }), type, inputs.tenant);
  if (read.ok && first !== undefined && isSameEvent(read.event, payload, first))
    return {
      event: own(DUPLICATE_TYPE),
      payload: duplicatePayload(state, record, read.event, payload, first),
    };
  const problem = read.ok ? 'id: another event has it' : read.problem;
  poisoned.push({ seq, offset: record.offset, problem });
  return { event: own(POISON_TYPE), payload };
}

/** What the ledger makes itself has no producer and nothing to be found by but its type. */
const ledgersOwn = (eventId: string, type: string, tenant: string): SealableEvent => ({
  eventId,
  producer: NO_PRODUCER,
  producerSeq: 0n,
  tenant,
  type,
  schemaVersion: 1,
  columns: NO_COLUMNS,
  content: undefined,
});

const isSameEvent = (event: SealableEvent, payload: Buffer, first: SealedEvent): boolean =>
  event.producer === first.producer &&
  event.producerSeq === first.producerSeq &&
  payload.equals(first.payload);

/** Names the first entry and where this record stood; the event itself is not sealed again. */
const duplicatePayload = (
  state: ChainState,
  record: LogRecord,
  event: SealableEvent,
  payload: Buffer,
  first: SealedEvent,
): Buffer =>
  Buffer.from(
    JSON.stringify({
      duplicateOf: { eventId: event.eventId, chain: first.chain, seq: Number(first.seq) },
      source: { ...state.source, offset: Number(record.offset) },
      payloadSha256: sha256Hex(payload),
    }),
  );

/** Producers count without a gap, so completeness comes from their numbers and from nothing else. */
function notePosition(
  state: ChainState,
  positions: Map<string, bigint>,
  event: SealableEvent,
): ProducerFinding | undefined {
  const expected = positions.get(event.producer) ?? state.producers.get(event.producer) ?? 0n;
  const { next, finding } = checkProducerSeq(event.producer, event.producerSeq, expected);
  positions.set(event.producer, next);
  return finding;
}
