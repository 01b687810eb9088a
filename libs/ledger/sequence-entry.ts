import { sequenceIdOf, type RecordPlace } from './entry-id.js';
import { GAP_TYPE, REGRESSION_TYPE } from './event-columns.js';
import type { ProducerFinding } from './producer-sequence.js';

/** What the ledger seals of its own directly behind an event that was out of sequence. */
export interface SequenceEntry {
  readonly eventId: string;
  readonly type: string;
  readonly payload: Buffer;
}

/** The entry that showed it. */
export interface ShownBy {
  /** `<topic>/<partition>` */
  readonly chain: string;
  readonly seq: bigint;
  readonly eventId: string;
  readonly source: RecordPlace;
}

/**
 * Follows from the entry before it alone, so that whoever seals the record seals the same, and a verifier
 * finds it again. The bytes are part of the contract (docs/formats/ledger-entry.md).
 */
export function sequenceEntry(finding: ProducerFinding, shownBy: ShownBy): SequenceEntry {
  const payload = {
    sequence: {
      producer: finding.producer,
      topic: shownBy.chain.split('/')[0],
      partition: shownBy.source.partition,
      expected: Number(finding.expected),
      found: Number(finding.found),
      shownBy: { eventId: shownBy.eventId, seq: Number(shownBy.seq) },
    },
  };
  return {
    eventId: sequenceIdOf(shownBy.source),
    type: finding.kind === 'SOURCE_GAP' ? GAP_TYPE : REGRESSION_TYPE,
    payload: Buffer.from(JSON.stringify(payload), 'utf8'),
  };
}
