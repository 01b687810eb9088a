import fc from 'fast-check';
import { GROUP_HEADER_BYTES, SECTOR_BYTES, SEGMENT_HEADER_BYTES, aligned } from './spool-layout.js';
import { sealGroup } from './group-codec.js';
import { readRecords, recordBytes, writeEventRecord, writeOwnRecord } from './record-codec.js';
import { decodeSegmentHeader, encodeSegmentHeader } from './segment-header.js';
import { scanSegment, type SegmentEnd } from './segment-scan.js';

const SEGMENT = 3;
const CAPACITY = SEGMENT_HEADER_BYTES + 16_384;
const header = {
  segment: SEGMENT,
  producer: '01890a5d-ac96-774b-bcce-b302099a8057',
  tenant: 'acme',
  createdAt: 1_700_000_000_000,
};

function group(values: readonly string[], offset: number): Buffer {
  const size = values.reduce((sum, value) => sum + recordBytes(1, value.length), GROUP_HEADER_BYTES);
  const buffer = Buffer.alloc(aligned(size), 0xaa);
  let end = GROUP_HEADER_BYTES;
  values.forEach((value, index) => {
    end = writeEventRecord(buffer, end, 'requests', 2, index, 'k', Buffer.from(value));
  });
  return buffer.subarray(0, sealGroup(buffer, end, values.length, { segment: SEGMENT, offset }));
}

/** A segment with these groups, and where each starts; the last entry is the end of all. */
function segment(groups: readonly (readonly string[])[]): { bytes: Buffer; starts: number[] } {
  const bytes = Buffer.alloc(CAPACITY);
  encodeSegmentHeader(header).copy(bytes);
  const starts = [SEGMENT_HEADER_BYTES];
  for (const values of groups) {
    const at = starts.at(-1) as number;
    const written = group(values, at);
    written.copy(bytes, at);
    starts.push(at + written.length);
  }
  return { bytes, starts };
}

function scan(bytes: Buffer): { end: SegmentEnd; values: string[] } {
  const values: string[] = [];
  const end = scanSegment(bytes, SEGMENT, (found) => {
    for (const record of readRecords(found.payload, found.records)) values.push(record.value.toString());
  });
  return { end, values };
}

const three = [
  ['{"a":1}'],
  ['{"b":2}', `{"c":"${'x'.repeat(1500)}"}`],
  [`{"d":"${'y'.repeat(700)}"}`, '{"e":5}'],
];
const firstTwo = three.slice(0, 2).flat();

describe('the format of the spool', () => {
  it('has these bytes, version 1', () => {
    const bytes = group(['{"a":1}'], SEGMENT_HEADER_BYTES);
    expect(bytes.toString('hex')).toBe(
      '1e435331' +
        '0000001a' +
        '00000001' +
        '9581f237' +
        '00000003' +
        '00001000' +
        '3df1925e' +
        '00000000' +
        '00000016' +
        '01' +
        '02' +
        '0002' +
        '0000000000000000' +
        '0001' +
        '6b' +
        '7b2261223a317d' +
        '000000000000',
    );
  });

  it('has this segment header, version 1', () => {
    const bytes = encodeSegmentHeader(header);
    expect(bytes).toHaveLength(4096);
    expect(bytes.subarray(0, 48).toString('hex')).toBe(
      '435353504f4f4c0a' +
        '00000001' +
        '00000003' +
        '01890a5dac96774bbcceb302099a8057' +
        '0000018bcfe56800' +
        '0004' +
        '61636d65' +
        '0000',
    );
    expect(decodeSegmentHeader(bytes)).toEqual(header);
  });

  it('refuses a header of another version, and one with any bit changed', () => {
    const next = encodeSegmentHeader(header);
    next.writeUInt32BE(2, 8);
    expect(decodeSegmentHeader(next)).toBe('has format version 2, this program reads 1');
    for (const at of [0, 9, 13, 20, 41, 43, 2000, 4095]) {
      const bytes = encodeSegmentHeader(header);
      bytes[at] = (bytes[at] as number) ^ 1;
      expect(typeof decodeSegmentHeader(bytes)).toBe('string');
    }
  });

  it('gives records back as they were written', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            partition: fc.integer({ min: 0, max: 65_535 }),
            sequence: fc.maxSafeNat(),
            key: fc.string({ unit: 'binary', maxLength: 40 }),
            value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
          }),
          { maxLength: 8 },
        ),
        (records) => {
          const buffer = Buffer.alloc(16_384);
          let end = 0;
          for (const { partition, sequence, key, value } of records)
            end = writeEventRecord(buffer, end, 'statements', partition, sequence, key, value);
          end = writeOwnRecord(buffer, end, 'drained', Buffer.from('{}'));
          expect(readRecords(buffer.subarray(0, end), records.length + 1)).toEqual([
            ...records.map((record) => ({ kind: 'event', topic: 'statements', ...record })),
            { kind: 'drained', value: Buffer.from('{}') },
          ]);
        },
      ),
    );
  });
});

describe('the end of a segment', () => {
  const { bytes: whole, starts } = segment(three);
  const [, , lastStart, end] = starts as [number, number, number, number];

  it('is clean where only zeros follow', () => {
    expect(scan(whole)).toEqual({
      end: { kind: 'clean', end, lastGroup: lastStart },
      values: three.flat(),
    });
  });

  it('is torn where the last write stops after any byte, as zeros or as the end of the file', () => {
    const lastContent =
      end - 1 - [...whole.subarray(lastStart, end)].reverse().findIndex((byte) => byte !== 0);
    for (let cut = lastStart + 1; cut <= lastContent; cut += 1) {
      const zeroed = Buffer.from(whole).fill(0, cut);
      expect([cut, scan(zeroed)]).toEqual([
        cut,
        { end: { kind: 'torn', end: lastStart, lastGroup: starts[1] }, values: firstTwo },
      ]);
      const shortened = whole.subarray(0, cut);
      expect([cut, scan(shortened)]).toEqual([
        cut,
        { end: { kind: 'torn', end: lastStart, lastGroup: starts[1] }, values: firstTwo },
      ]);
    }
  });

  it('is torn where the disk wrote any part of the last write’s sectors, in whatever order', () => {
    const sectors: [number, number][] = [];
    for (let at = lastStart; at < end;) {
      const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      sectors.push([at, next]);
      at = next;
    }
    expect(sectors.length).toBeGreaterThan(1);
    for (let written = 1; written < 2 ** sectors.length - 1; written += 1) {
      const bytes = Buffer.from(whole);
      sectors.forEach(([from, to], index) => {
        if ((written & (1 << index)) === 0) bytes.fill(0, from, to);
      });
      expect([written, scan(bytes).end.kind]).toEqual([written, 'torn']);
      expect(scan(bytes).values).toEqual(firstTwo);
    }
  });

  it('is damaged, and says where, when any bit of a durable group changes', () => {
    for (let at = SEGMENT_HEADER_BYTES; at < end; at += 1) {
      const start = starts.findLast((candidate) => candidate <= at) as number;
      for (const bit of [0, 3, 7]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        const { end: found, values } = scan(bytes);
        // The padding and the reserved word carry nothing; nothing may be lost by a change there.
        if (found.kind === 'clean') expect(values).toEqual(three.flat());
        else expect([at, found]).toEqual([at, expect.objectContaining({ kind: 'damaged', at: start })]);
      }
    }
  });

  it('is damaged when a whole group follows a broken one, even where zeros stand', () => {
    const bytes = Buffer.from(whole);
    bytes.fill(0, starts[1] as number, lastStart);
    expect(scan(bytes).end).toMatchObject({ kind: 'damaged', at: starts[1] });
  });

  it('takes no group of another segment or place for its own', () => {
    const moved = Buffer.from(whole);
    whole.copy(moved, end, lastStart, end);
    expect(scan(moved).end).toMatchObject({ kind: 'damaged', at: end });
  });
});
