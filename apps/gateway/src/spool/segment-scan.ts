import { groupSpan, readGroupHeader, readGroupPayload } from './group-codec.js';
import {
  GROUP_ALIGNMENT,
  GROUP_HEADER_BYTES,
  GROUP_MAGIC,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
} from './spool-layout.js';

/** One whole group of a segment. */
export interface ScannedGroup {
  readonly offset: number;
  readonly records: number;
  readonly payload: Buffer;
}

/** How the written part of a segment ends. */
export type SegmentEnd =
  /** Only preallocated zeros follow. */
  | { readonly kind: 'clean'; readonly end: number; readonly lastGroup: number | undefined }
  /** The start of a write that never finished: nobody was told that it is durable. */
  | { readonly kind: 'torn'; readonly end: number; readonly lastGroup: number | undefined }
  /** Bytes that were durable have changed. */
  | { readonly kind: 'damaged'; readonly at: number; readonly problem: string };

/**
 * Visits the whole groups of a segment in order and tells how it ends. Pure. The rules:
 *
 * - A group is written only after the one before it was synced. So where a whole group follows a broken
 *   one, the broken one was durable: damage.
 * - Segments are zeros before they are written, and a disk writes sectors whole. So a write that never
 *   finished shows zeros: a sector of it, its last byte, or all that follows its first bytes. A broken
 *   group without any of these was whole once: damage.
 */
export function scanSegment(
  bytes: Buffer,
  segment: number,
  visit: (group: ScannedGroup) => void,
): SegmentEnd {
  let at = SEGMENT_HEADER_BYTES;
  let lastGroup: number | undefined;
  for (;;) {
    const header = readGroupHeader(bytes, at, { segment, offset: at });
    const payload = header && readGroupPayload(bytes, at, header);
    if (header === undefined || payload === undefined) break;
    visit({ offset: at, records: header.records, payload });
    lastGroup = at;
    at += groupSpan(header);
  }
  if (isZero(bytes, at, bytes.length)) return { kind: 'clean', end: at, lastGroup };
  const later = findGroupAfter(bytes, segment, at);
  if (later !== undefined)
    return { kind: 'damaged', at, problem: `a group is broken, and a whole one follows at ${later}` };
  if (isTorn(bytes, segment, at)) return { kind: 'torn', end: at, lastGroup };
  return { kind: 'damaged', at, problem: 'a group differs from its checksum and was not cut short' };
}

/** Where the last byte that is not zero ends; at least `from`. */
export function writtenEnd(bytes: Buffer, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end -= 1;
  return end;
}

function isTorn(bytes: Buffer, segment: number, at: number): boolean {
  const headerEnd = at + GROUP_HEADER_BYTES;
  if (headerEnd >= bytes.length || isZero(bytes, at, headerEnd)) return true;
  const header = readGroupHeader(bytes, at, { segment, offset: at });
  if (header === undefined) return isZero(bytes, headerEnd, bytes.length);
  const end = headerEnd + header.length;
  if (end > bytes.length || bytes[end - 1] === 0) return true;
  for (let start = headerEnd; start < end;) {
    const sectorEnd = Math.min(end, (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (isZero(bytes, start, sectorEnd)) return true;
    start = sectorEnd;
  }
  return false;
}

function findGroupAfter(bytes: Buffer, segment: number, at: number): number | undefined {
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(GROUP_MAGIC);
  for (let found = bytes.indexOf(magic, at + 1); found !== -1; found = bytes.indexOf(magic, found + 1)) {
    if (found % GROUP_ALIGNMENT !== 0) continue;
    const header = readGroupHeader(bytes, found, { segment, offset: found });
    if (header !== undefined && readGroupPayload(bytes, found, header) !== undefined) return found;
  }
  return undefined;
}

const ZEROS = Buffer.alloc(65_536);

function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += ZEROS.length) {
    const end = Math.min(to, at + ZEROS.length);
    if (bytes.compare(ZEROS, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}
