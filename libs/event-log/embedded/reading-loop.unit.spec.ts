import { pino } from 'pino';
import { eventually } from '#libs/testing/eventually.js';
import type { LogRecord, TopicPartition } from '../port.js';
import type { ReadRecords } from './log-queries.js';
import type { PartitionPoll } from './partition-poll.js';
import { ReadingLoop } from './reading-loop.js';

const AT: TopicPartition = { topic: 'statements', partition: 0 };
const BATCH = 3;

const recordAt = (offset: bigint): LogRecord => ({
  ...AT,
  offset,
  key: null,
  value: Buffer.from(String(offset)),
  appendedAt: 0,
  leaderEpoch: 0,
});

/** A log of so many records, read three at a time unless told, and what was asked of it when. */
function logOf(count: bigint, most = BATCH) {
  const asked: bigint[] = [];
  const askedAt: number[] = [];
  const read = (_: TopicPartition, from: bigint): Promise<ReadRecords> => {
    asked.push(from);
    askedAt.push(performance.now());
    const records: LogRecord[] = [];
    for (let offset = from; offset < count && records.length < most; offset += 1n)
      records.push(recordAt(offset));
    return Promise.resolve({ records, more: records.length === most });
  };
  return { asked, askedAt, read };
}

function loopOver(
  log: ReturnType<typeof logOf>,
  take: (records: readonly LogRecord[]) => Promise<boolean>,
  begin: () => Promise<bigint> = () => Promise.resolve(0n),
  gatherMs = 0,
): ReadingLoop {
  return new ReadingLoop({
    at: AT,
    read: log.read,
    gatherMs,
    position: { begin, take },
    poll: { watch: () => () => undefined } as unknown as PartitionPoll,
    onFatal: (error) => {
      throw error;
    },
    logger: pino({ level: 'silent' }),
  });
}

describe('reading a partition of the embedded log', () => {
  it('reads the next batch, and no more than that, while one is being taken', async () => {
    const log = logOf(8n);
    let finish: () => void = () => undefined;
    const loop = loopOver(log, () => new Promise((resolve) => (finish = () => resolve(true))));
    await eventually(() => expect(log.asked).toEqual([0n, 3n]));
    finish();
    await eventually(() => expect(log.asked).toEqual([0n, 3n, 6n]));
    finish();
    await eventually(() => expect(loop.next).toBe(6n));
    const stopped = loop.stop();
    await eventually(() => {
      finish();
      expect(log.asked).toEqual([0n, 3n, 6n]);
    });
    await stopped;
  });

  it('looks again after a batch with nothing behind it only when it is rung, then or meanwhile', async () => {
    const log = logOf(2n);
    let taken: () => void = () => undefined;
    const loop = loopOver(log, () => new Promise((resolve) => (taken = () => resolve(true))));
    await eventually(() => expect(log.asked).toEqual([0n]));
    loop.ring();
    taken();
    await eventually(() => expect(log.asked).toEqual([0n, 2n]));
    loop.ring();
    await eventually(() => expect(log.asked).toEqual([0n, 2n, 2n]));
    await loop.stop();
    const other = logOf(2n);
    const quiet = loopOver(other, () => Promise.resolve(true));
    await eventually(() => expect(quiet.next).toBe(2n));
    await quiet.stop();
    expect(other.asked).toEqual([0n]);
  });

  it('lets records gather while many come, and only then', async () => {
    const [many, few] = [logOf(60n, 100), logOf(49n, 100)];
    const taken = (): Promise<boolean> => Promise.resolve(true);
    const begin = (): Promise<bigint> => Promise.resolve(0n);
    const gathering = loopOver(many, taken, begin, 300);
    const atOnce = loopOver(few, taken, begin, 3_600_000);
    gathering.ring();
    atOnce.ring();
    await eventually(() =>
      expect([many.asked, few.asked]).toEqual([
        [0n, 60n],
        [0n, 49n],
      ]),
    );
    expect((many.askedAt[1] as number) - (many.askedAt[0] as number)).toBeGreaterThan(290);
    await Promise.all([gathering.stop(), atOnce.stop()]);
    const stopped = loopOver(logOf(60n, 100), taken, begin, 3_600_000);
    await eventually(() => expect(stopped.next).toBe(60n));
    stopped.ring();
    await stopped.stop();
  });

  it('gives out every record once and in order', async () => {
    const seen: bigint[] = [];
    const loop = loopOver(logOf(20n), (records) => {
      seen.push(...records.map(({ offset }) => offset));
      return Promise.resolve(true);
    });
    await eventually(() => expect(seen).toHaveLength(20));
    expect(seen).toEqual(Array.from({ length: 20 }, (_, offset) => BigInt(offset)));
    await loop.stop();
  });

  it.each([
    ['was refused', () => Promise.resolve(false)],
    ['failed', () => Promise.reject(new Error('the database is away'))],
  ])(
    'forgets what it read ahead of a batch that %s, and begins again where it is told',
    async (_, refuse) => {
      const log = logOf(8n);
      const seen: bigint[] = [];
      let begun = 0;
      const loop = loopOver(
        log,
        (records) => {
          seen.push(...records.map(({ offset }) => offset));
          return begun === 1 ? refuse() : Promise.resolve(true);
        },
        () => Promise.resolve(begun++ === 0 ? 0n : 1n),
      );
      await eventually(() => expect(loop.next).toBe(8n));
      expect(seen).toEqual([0n, 1n, 2n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
      await loop.stop();
    },
  );
});
