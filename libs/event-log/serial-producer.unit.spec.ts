import { pino } from 'pino';
import { SerialProducer, type Batch, type BatchSender } from './serial-producer.js';
import type { RecordToAppend } from './port.js';

const one = (partition: number, value: string): RecordToAppend => ({
  topic: 'requests',
  partition,
  key: 'k',
  value: Buffer.from(value),
});

/** A log in memory that keeps batches, and fails as the test says. */
class MemorySender implements BatchSender {
  readonly attempts: { batch: Batch; attempt: number }[] = [];
  readonly stored: Batch[] = [];
  closed = 0;
  private busy = false;

  constructor(private readonly fate: (attempts: number, batch: Batch) => Error | undefined) {}

  async send(batch: Batch, attempt: number): Promise<void> {
    if (this.busy) throw new Error('two sends at once');
    this.busy = true;
    this.attempts.push({ batch, attempt });
    await new Promise((resolve) => setImmediate(resolve));
    this.busy = false;
    const error = this.fate(this.attempts.length, batch);
    if (error !== undefined) throw error;
    this.stored.push(batch);
  }

  isHopeless(error: unknown): boolean {
    return (error as Error).message === 'hopeless';
  }

  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
}

const producerOf = (sender: BatchSender): SerialProducer =>
  new SerialProducer(sender, pino({ level: 'silent' }));

describe('SerialProducer', () => {
  it('sends a failed batch again, the very same, before anything else', async () => {
    const sender = new MemorySender((n) => (n === 1 || n === 2 ? new Error('cut') : undefined));
    const producer = producerOf(sender);
    const first = producer.append([one(0, 'a')]);
    await new Promise((resolve) => setImmediate(resolve));
    const later = producer.append([one(0, 'b'), one(1, 'c')]);
    await Promise.all([first, later]);
    expect(sender.attempts.slice(0, 3).map(({ attempt }) => attempt)).toEqual([0, 1, 2]);
    expect(sender.attempts[1]?.batch).toBe(sender.attempts[0]?.batch);
    expect(sender.attempts[2]?.batch).toBe(sender.attempts[0]?.batch);
    expect(sender.stored.map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(producer.retries).toBe(2);
  });

  it('keeps a batch to one partition, 500 records and 512 KiB', async () => {
    const sender = new MemorySender(() => undefined);
    const producer = producerOf(sender);
    const many = Array.from({ length: 1_200 }, (_, i) => one(i % 2, 'x'));
    const large = Array.from({ length: 4 }, () => one(2, 'y'.repeat(300_000)));
    await producer.append([...many, ...large]);
    for (const { records, partition } of sender.stored) {
      expect(records.every((record) => record.partition === partition)).toBe(true);
      expect(records.length).toBeLessThanOrEqual(500);
    }
    const sizes = (partition: number) =>
      sender.stored.filter((batch) => batch.partition === partition).map(({ records }) => records.length);
    expect(sizes(0)).toEqual([500, 100]);
    expect(sizes(2)).toEqual([1, 1, 1, 1]);
    expect(producer.queuedBytes).toBe(0);
  });

  it('counts what is queued until it is acknowledged', async () => {
    const producer = producerOf(new MemorySender(() => undefined));
    const appended = producer.append([one(0, 'abc')]);
    expect(producer.queuedBytes).toBe(4);
    await appended;
    expect(producer.queuedBytes).toBe(0);
  });

  it('refuses what it has no room for before anything is queued, and takes it when there is room', async () => {
    let away = true;
    const sender = new MemorySender(() => (away ? new Error('away') : undefined));
    const silent = pino({ level: 'silent' });
    const producer = new SerialProducer(sender, silent, () => undefined, { bytes: 1_000, records: 10 });
    // An empty producer takes any call: its caller holds the records anyway.
    const first = producer.append([one(0, 'x'.repeat(2_000))]);
    await expect(producer.append([one(0, 'y')])).rejects.toMatchObject({
      code: 'PRODUCER_FULL',
      safeToRetry: true,
    });
    expect([producer.queuedRecords, producer.queuedBytes]).toEqual([1, 2_001]);
    away = false;
    await first;
    await producer.append(Array.from({ length: 10 }, () => one(0, 'z')));
    const full = producer.append(Array.from({ length: 10 }, () => one(1, 'z')));
    await expect(producer.append([one(2, 'z')])).rejects.toMatchObject({ code: 'PRODUCER_FULL' });
    await full;
    expect([producer.queuedRecords, producer.queuedBytes]).toEqual([0, 0]);
  });

  it('gives up for good on a hopeless error: rejects everything and closes the sender', async () => {
    const sender = new MemorySender(() => new Error('hopeless'));
    const producer = producerOf(sender);
    const calls = await Promise.allSettled([producer.append([one(0, 'a')]), producer.append([one(1, 'b')])]);
    for (const call of calls)
      expect(call).toMatchObject({ status: 'rejected', reason: { code: 'PRODUCER_CLOSED' } });
    await expect(producer.append([one(0, 'c')])).rejects.toMatchObject({ code: 'PRODUCER_CLOSED' });
    await producer.close();
    expect(sender.attempts).toHaveLength(1);
    expect(sender.closed).toBe(1);
  });

  it('when closed while the log is away gives up after the time to drain, and rejects the rest', async () => {
    const sender = new MemorySender(() => new Error('away'));
    const producer = producerOf(sender);
    const call = producer.append([one(0, 'a')]);
    const rejected = expect(call).rejects.toMatchObject({ code: 'PRODUCER_CLOSED' });
    const before = performance.now();
    await producer.close(200);
    await rejected;
    expect(performance.now() - before).toBeLessThan(1_500);
    expect(sender.attempts.length).toBeGreaterThan(1);
  });
});
