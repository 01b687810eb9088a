import fc from 'fast-check';
import type { LogRecord } from '#libs/event-log/port.js';
import { batchesOf } from './batches.js';

const record = (offset: number, bytes: number | null): LogRecord => ({
  topic: 'statements',
  partition: 0,
  offset: BigInt(offset),
  key: null,
  // The length is all that counts.
  value: bytes === null ? null : ({ length: bytes } as Buffer),
  appendedAt: 0,
  leaderEpoch: 0,
});

describe('the batches of a delivery', () => {
  it('hold every record once and in order, none too many and none too large', () => {
    const sizes = fc.array(fc.option(fc.nat(12 * 1024 * 1024)), { maxLength: 40 });
    const counts = fc.nat(5_000).map((count) => Array.from({ length: count }, () => 600));
    fc.assert(
      fc.property(fc.oneof(sizes, counts), (lengths) => {
        const records = lengths.map((length, offset) => record(offset, length));
        const batches = [...batchesOf(records)];
        expect(batches.flat()).toEqual(records);
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(1_000);
          const bytes = batch.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
          if (batch.length > 1) expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
        }
      }),
    );
  });

  it('are few for a small delivery, so that a lone event is one transaction', () => {
    const of = (count: number): number =>
      [...batchesOf(Array.from({ length: count }, (_, offset) => record(offset, 600)))].length;
    expect([of(0), of(1), of(500), of(1_000), of(4_000)]).toEqual([0, 1, 1, 2, 4]);
  });
});
