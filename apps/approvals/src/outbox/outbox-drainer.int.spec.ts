import { parseEvent } from '#libs/contracts/events/registry.js';
import type { EventLog, EventLogProducer } from '#libs/event-log/port.js';
import { newId } from '#libs/kernel/uuid.js';
import { eventually } from '#libs/testing/eventually.js';
import { appendEvents } from '../event-store/append-events.js';
import { newSigningKey } from '../testing/sample-gateway.js';
import { identityOf } from '../testing/sample-people.js';
import { silent, testPlatform, type TestPlatform } from '../testing/test-platform.js';
import { OutboxDrainer } from './outbox-drainer.js';
import { countUnsent } from './outbox-queries.js';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await testPlatform();
}, 60_000);
afterAll(() => platform?.dispose(), 60_000);

const signingKey = newSigningKey().signing;

/** Commits so many events, in transactions that overlap. */
async function commit(count: number): Promise<void> {
  const one = (): Promise<unknown> =>
    platform.pool.transaction((tx) => {
      const stream = newId();
      const fields = { author: identityOf('bob'), text: 'a comment' };
      const place = { stream, version: 1 };
      return appendEvents(tx, [{ id: newId(), type: 'request.commented', key: stream, fields, place }], {
        tenant: 'default',
        now: Date.now(),
        signingKey,
      });
    });
  await Promise.all(Array.from({ length: count }, one));
}

const drainer = (eventLog: EventLog = platform.eventLog): OutboxDrainer =>
  new OutboxDrainer({ pool: platform.pool, databaseUrl: platform.approvalsUrl, eventLog, logger: silent });

const untilDrained = (): Promise<void> =>
  eventually(async () => expect(await countUnsent(platform.pool)).toBe(0), 20_000);

/** What the log holds: the sequences of each partition in the order they stand in, and repeated ids. */
async function sent(): Promise<{ total: number; repeated: number }> {
  const { rows } = await platform.admin.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM approvals.events',
  );
  const next = new Map<number, number>();
  const ids = new Map<string, Buffer>();
  let repeated = 0;
  for (const record of await platform.readTopic('approvals')) {
    const parsed = parseEvent(record.value as Buffer);
    if (!parsed.ok) throw new Error(parsed.problem);
    const { id, producerSeq } = parsed.event;
    const before = ids.get(id);
    if (before !== undefined) {
      repeated += 1;
      expect(before.equals(record.value as Buffer)).toBe(true);
      continue;
    }
    ids.set(id, record.value as Buffer);
    // First copies stand in the order of their sequences, none missing.
    expect(producerSeq).toBe(next.get(record.partition) ?? 0);
    next.set(record.partition, producerSeq + 1);
  }
  expect(ids.size).toBe(rows[0]?.n);
  return { total: ids.size, repeated };
}

/** A log whose producers write a batch, and then fail before they say so, so many times. */
function persistsThenFails(log: EventLog, times: { left: number }): EventLog {
  const wrap = (producer: EventLogProducer): EventLogProducer => ({
    get queuedBytes() {
      return producer.queuedBytes;
    },
    append: async (records) => {
      await producer.append(records);
      if (times.left-- > 0) throw new Error('the acknowledgement was lost');
    },
    close: (drainMs) => producer.close(drainMs),
  });
  return new Proxy(log, {
    get: (target, name) =>
      name === 'producer' ? async () => wrap(await target.producer()) : Reflect.get(target, name, target),
  });
}

describe('the outbox', () => {
  it('sends what was committed before it started and while it runs, in order and once', async () => {
    await commit(50);
    const one = drainer();
    one.start();
    await commit(50);
    await untilDrained();
    await one.stop();
    expect(await sent()).toEqual({ total: 100, repeated: 0 });
  });

  it('sends again, byte for byte and in order, what was sent and not noted', async () => {
    const times = { left: 3 };
    const one = drainer(persistsThenFails(platform.eventLog, times));
    one.start();
    await commit(30);
    await untilDrained();
    await one.stop();
    expect(times.left).toBeLessThan(0);
    const { total, repeated } = await sent();
    expect(total).toBe(130);
    expect(repeated).toBeGreaterThan(0);
  });

  it('is drained by one replica at a time, and by the other when the first one goes', async () => {
    const [one, other] = [drainer(), drainer()];
    one.start();
    other.start();
    const before = await sent();
    await commit(40);
    await untilDrained();
    await one.stop();
    await commit(40);
    await untilDrained();
    await other.stop();
    expect(await sent()).toEqual({ total: before.total + 80, repeated: before.repeated });
  });

  it('goes on after every connection to the database was cut, and the process lives', async () => {
    const replicas = [drainer(), drainer()];
    for (const each of replicas) each.start();
    const { total } = await sent();
    for (let round = 0; round < 4; round += 1) {
      await commit(20);
      await platform.admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'approvals'`,
      );
      // Connections that were idle in a pool are found dead only when they are used.
      await eventually(async () => expect(await countUnsent(platform.pool)).toBeLessThan(1_000));
    }
    await untilDrained();
    for (const each of replicas) await each.stop();
    expect((await sent()).total).toBe(total + 80);
  }, 60_000);

  it('says that it is failing while the log does not take anything', async () => {
    const one = drainer(persistsThenFails(platform.eventLog, { left: Infinity }));
    one.start();
    await commit(1);
    await eventually(() => expect(one.failingFor()).toBeGreaterThan(0));
    await one.stop();
    const healthy = drainer();
    healthy.start();
    await untilDrained();
    expect(healthy.failingFor()).toBeUndefined();
    await healthy.stop();
  });
});
