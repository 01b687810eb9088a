import { BytesWriter } from '#libs/kernel/bytes-writer.js';
import { sha256 } from '#libs/kernel/hash.js';
import { bytesToUuid } from '#libs/kernel/uuid.js';

/** Where a record stood in an event log. */
export interface RecordPlace {
  readonly cluster: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * The id of the entry that the ledger makes for a record that is no new event, from where the record stood:
 * the first 16 bytes of a SHA-256, marked as version 8 (RFC 9562, section 5.8). An event may not come with
 * an id of that version, so nobody can take one of these before its record arrives.
 */
export const entryIdOf = (source: RecordPlace): string => idOf('countersign.entry-id.v1', source);

/** The same for the entry that stands behind a record whose number was not the one that was due. */
export const sequenceIdOf = (source: RecordPlace): string => idOf('countersign.sequence-id.v1', source);

function idOf(domain: string, source: RecordPlace): string {
  const bytes = sha256(
    new BytesWriter()
      .text16(domain)
      .text16(source.cluster)
      .text16(source.topicId)
      .u32(source.partition)
      .u64(source.offset)
      .bytes(),
  ).subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytesToUuid(bytes);
}

export const isEntryId = (uuid: string): boolean => uuid[14] === '8';
