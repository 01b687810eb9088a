import { MAX_RECORD_BYTES } from '#libs/contracts/topics.js';
import type { EventLog } from '../port.js';
import { collect } from './collect.js';
import { record, records, type Installation } from './installation.js';

export function describeProducing(install: () => Promise<Installation>): void {
  describe('its producer', () => {
    let installation: Installation;
    let log: EventLog;

    beforeEach(async () => {
      installation = await install();
      log = await installation.open();
      await log.ensureTopics();
    });

    afterEach(() => installation.dispose());

    it('writes each record once and keeps the order of the calls in each partition, however they overlap', async () => {
      const producer = await log.producer();
      const calls: Promise<void>[] = [];
      for (let i = 0; i < 300; i += 1) {
        calls.push(producer.append(records('statements', i % 4, `${i}:`, 1 + (i % 5))));
        if (i % 50 === 49) await calls[i - 20];
      }
      await Promise.all(calls);
      expect(producer.queuedBytes).toBe(0);
      for (let partition = 0; partition < 4; partition += 1) {
        const expected: string[] = [];
        for (let i = partition; i < 300; i += 4) {
          for (let j = 0; j < 1 + (i % 5); j += 1) expected.push(`${i}:${j}`);
        }
        const at = { topic: 'statements', partition } as const;
        const found = await collect(log, at, expected.length);
        expect(found.map((one) => String(one.value))).toEqual(expected);
        expect(found.map((one) => one.offset)).toEqual(expected.map((_, i) => BigInt(i)));
        await expect(log.endOffset(at)).resolves.toBe(BigInt(expected.length));
      }
    });

    it('appends to several topics in one call and keeps key, value and time', async () => {
      const producer = await log.producer();
      const before = Date.now();
      const value = Buffer.from([0, 255, 10, 92, 39]);
      await producer.append([
        { topic: 'requests', partition: 3, key: 'schlüssel', value },
        { topic: 'control', partition: 0, key: '', value: Buffer.alloc(0) },
      ]);
      const [request] = await collect(log, { topic: 'requests', partition: 3 }, 1);
      const [control] = await collect(log, { topic: 'control', partition: 0 }, 1);
      expect(request?.key?.toString('utf8')).toBe('schlüssel');
      expect(request?.value).toEqual(value);
      expect(control?.value).toEqual(Buffer.alloc(0));
      expect(Math.abs((request?.appendedAt ?? 0) - before)).toBeLessThan(10_000);
    });

    it('takes a record of the limit and refuses one above it before anything of the call is queued', async () => {
      const producer = await log.producer();
      const key = 'k';
      const atLimit = {
        topic: 'requests',
        partition: 0,
        key,
        value: Buffer.alloc(MAX_RECORD_BYTES - 1, 97),
      } as const;
      const above = {
        topic: 'requests',
        partition: 0,
        key,
        value: Buffer.alloc(MAX_RECORD_BYTES, 97),
      } as const;
      await expect(producer.append([record('requests', 0, 'beside it'), above])).rejects.toMatchObject({
        code: 'RECORD_TOO_LARGE',
      });
      expect(producer.queuedBytes).toBe(0);
      await producer.append([atLimit]);
      const found = await collect(log, { topic: 'requests', partition: 0 }, 1);
      expect(found.map((one) => one.value?.length)).toEqual([MAX_RECORD_BYTES - 1]);
    });

    it('refuses a partition that the contracts do not know', async () => {
      const producer = await log.producer();
      await expect(producer.append([record('control', 1, 'x')])).rejects.toMatchObject({
        code: 'NO_SUCH_PARTITION',
      });
    });

    it('once closed rejects what comes', async () => {
      const producer = await log.producer();
      await producer.append([record('requests', 0, 'before')]);
      await producer.close();
      await expect(producer.append([record('requests', 0, 'after')])).rejects.toMatchObject({
        code: 'PRODUCER_CLOSED',
      });
    });

    it('drains what is queued when it is closed with time to do so', async () => {
      const producer = await log.producer();
      const calls = Promise.all(
        Array.from({ length: 20 }, (_, i) => producer.append(records('requests', i % 4, `${i}:`, 200))),
      );
      await producer.close(10_000);
      await calls;
      await expect(log.endOffset({ topic: 'requests', partition: 1 })).resolves.toBe(1_000n);
    });
  });
}
