import { crc32 } from 'node:zlib';
import { aligned, GROUP_HEADER_BYTES, GROUP_MAGIC } from './spool-layout.js';

/**
 * A group is what one durable write carries: a header, then records. It is there whole or not at all.
 * The checksums are CRC-32 (ISO-HDLC, zlib's), not CRC-32C: zlib's is native in Node.
 */
export interface GroupPlace {
  readonly segment: number;
  /** Where the group starts in its file, in bytes. */
  readonly offset: number;
}

/**
 * Writes the header of a group whose records fill `buffer` from GROUP_HEADER_BYTES to `end`, zeroes the
 * padding, and returns the number of bytes to write. The buffer must have room for the padding.
 */
export function sealGroup(buffer: Buffer, end: number, records: number, place: GroupPlace): number {
  const total = aligned(end);
  buffer.fill(0, end, total);
  buffer.writeUInt32BE(GROUP_MAGIC, 0);
  buffer.writeUInt32BE(end - GROUP_HEADER_BYTES, 4);
  buffer.writeUInt32BE(records, 8);
  buffer.writeUInt32BE(crc32(buffer.subarray(GROUP_HEADER_BYTES, end)), 12);
  buffer.writeUInt32BE(place.segment, 16);
  buffer.writeUInt32BE(place.offset, 20);
  buffer.writeUInt32BE(crc32(buffer.subarray(0, 24)), 24);
  buffer.writeUInt32BE(0, 28);
  return total;
}

export interface GroupHeader {
  readonly records: number;
  /** Length of the records in bytes. */
  readonly length: number;
  readonly payloadCrc: number;
}

/** The header at `at`; undefined when there is none that belongs to this place. */
export function readGroupHeader(bytes: Buffer, at: number, place: GroupPlace): GroupHeader | undefined {
  if (at + GROUP_HEADER_BYTES > bytes.length || bytes.readUInt32BE(at) !== GROUP_MAGIC) return undefined;
  if (crc32(bytes.subarray(at, at + 24)) !== bytes.readUInt32BE(at + 24)) return undefined;
  if (bytes.readUInt32BE(at + 16) !== place.segment || bytes.readUInt32BE(at + 20) !== place.offset)
    return undefined;
  return {
    length: bytes.readUInt32BE(at + 4),
    records: bytes.readUInt32BE(at + 8),
    payloadCrc: bytes.readUInt32BE(at + 12),
  };
}

/** Where the next group starts, counted from the start of this one. */
export const groupSpan = (header: GroupHeader): number => aligned(GROUP_HEADER_BYTES + header.length);

/** The records' bytes of a group that is whole; undefined when they are cut off or differ from their checksum. */
export function readGroupPayload(bytes: Buffer, at: number, header: GroupHeader): Buffer | undefined {
  const start = at + GROUP_HEADER_BYTES;
  if (start + header.length > bytes.length) return undefined;
  const payload = bytes.subarray(start, start + header.length);
  return crc32(payload) === header.payloadCrc ? payload : undefined;
}
