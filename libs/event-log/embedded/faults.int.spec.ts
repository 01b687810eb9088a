import { pino } from 'pino';
import { eventually } from '#libs/testing/eventually.js';
import { tcpProxy, type TcpProxy } from '#libs/testing/tcp-proxy.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { collect } from '../contract/collect.js';
import { record, records } from '../contract/installation.js';
import { LedgerDouble } from '../contract/ledger-double.js';
import type { EventLog } from '../port.js';
import { installEmbedded, makeTemplate, type EmbeddedInstallation } from './embedded-installation.js';

describe('the embedded event log, when connections break', () => {
  let server: TemporaryPostgres;
  let installation: EmbeddedInstallation;
  let proxy: TcpProxy;
  let log: EventLog;
  let behindProxy: EventLog;

  beforeAll(async () => {
    server = await temporaryPostgres({ fsync: 'off' });
    await makeTemplate(server, 'deploy/migrations');
  }, 60_000);

  afterAll(() => server.dispose());

  beforeEach(async () => {
    installation = await installEmbedded(server, pino({ level: 'silent' }));
    proxy = await tcpProxy({ host: '127.0.0.1', port: server.port });
    const url = new URL(installation.url);
    url.port = String(proxy.port);
    log = await installation.open();
    behindProxy = await installation.openAt(url.toString(), 2_000);
  });

  afterEach(async () => {
    proxy.onRequest = () => true;
    proxy.onAnswer = () => true;
    proxy.refusing = false;
    await installation.dispose();
    await proxy.close();
  });

  /** 8 callers, 40 appends each, while every nth chunk that `which` sees of an append is lost. */
  async function appendUnderCuts(which: 'onRequest' | 'onAnswer'): Promise<number> {
    const producer = await behindProxy.producer();
    let appends = 0;
    let cuts = 0;
    let appending = false;
    proxy.onRequest = (chunk) => {
      appending = chunk.includes('event_log.append');
      if (!appending) return true;
      appends += 1;
      if (which === 'onAnswer' || appends % 3 !== 0) return true;
      cuts += 1;
      return false;
    };
    proxy.onAnswer = () => {
      if (which === 'onRequest' || !appending || appends % 3 !== 0) return true;
      appending = false;
      cuts += 1;
      return false;
    };
    await Promise.all(
      Array.from({ length: 8 }, async (_, caller) => {
        for (let i = 0; i < 40; i += 1) await producer.append([record('requests', 0, `${caller}:${i}`)]);
      }),
    );
    return cuts;
  }

  it.each(['onRequest', 'onAnswer'] as const)(
    'writes every record once and in order when connections are cut (%s)',
    async (which) => {
      const cuts = await appendUnderCuts(which);
      expect(cuts).toBeGreaterThanOrEqual(10);
      const found = await collect(log, { topic: 'requests', partition: 0 }, 320);
      const values = found.map((one) => String(one.value));
      expect(values).toHaveLength(320);
      for (let caller = 0; caller < 8; caller += 1) {
        expect(values.filter((value) => value.startsWith(`${caller}:`))).toEqual(
          Array.from({ length: 40 }, (_, i) => `${caller}:${i}`),
        );
      }
    },
    60_000,
  );

  it('waits for the first attempt of a batch that is still running before it writes the second', async () => {
    await installation.admin(async (client) => {
      const producer = '11111111-1111-4111-8111-111111111111';
      const append = 'SELECT event_log.append($1, $2, $3, 0, ARRAY[$4::bytea], ARRAY[$4::bytea]) AS written';
      await client.query('SELECT event_log.open_producer($1)', [producer]);
      await client.query('BEGIN');
      await client.query(append, [producer, 0, 'requests', Buffer.from('a')]);
      const second = installation.admin((other) =>
        other.query<{ written: boolean }>(append, [producer, 0, 'requests', Buffer.from('a')]),
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
      await client.query('COMMIT');
      expect((await second).rows).toEqual([{ written: false }]);
      // Left behind in a dead connection and run late: its number is used.
      await client.query(append, [producer, 1, 'requests', Buffer.from('b')]);
      expect((await client.query(append, [producer, 0, 'requests', Buffer.from('a')])).rows).toEqual([
        { written: false },
      ]);
    });
    await expect(log.endOffset({ topic: 'requests', partition: 0 })).resolves.toBe(2n);
  });

  it('carries on as a fresh producer when the database forgot an idle one', async () => {
    const producer = await log.producer();
    await producer.append([record('requests', 0, 'before')]);
    await installation.admin(async (client) => {
      await client.query("UPDATE event_log.producers SET seen_at = now() - interval '8 days'");
      await client.query('SELECT event_log.open_producer(gen_random_uuid())');
      expect((await client.query('SELECT FROM event_log.producers')).rowCount).toBe(1);
    });
    await producer.append([record('requests', 0, 'after')]);
    const found = await collect(log, { topic: 'requests', partition: 0 }, 2);
    expect(found.map((one) => String(one.value))).toEqual(['before', 'after']);
  });

  it('gives the partitions of a member that died without a goodbye to the others', async () => {
    const ledger = new LedgerDouble();
    const onFatal = (error: Error): void => {
      throw error;
    };
    const options = { group: 'audit', topics: ['requests'] as const, onFatal };
    const dying = await behindProxy.consume({ ...options, handler: ledger.member('dying') });
    const producer = await log.producer();
    await producer.append([0, 1, 2, 3].map((partition) => record('requests', partition, 'one')));
    await eventually(() => expect(ledger.total).toBe(4));
    await log.consume({ ...options, handler: ledger.member('heir') });
    proxy.refusing = true;
    proxy.cut();
    await producer.append([0, 1, 2, 3].map((partition) => record('requests', partition, 'two')));
    await eventually(() => expect(ledger.total).toBe(8));
    expect([...ledger.owners().values()]).toEqual(['heir', 'heir', 'heir', 'heir']);
    // Back from the dead it gets its share again, by a new claim.
    proxy.refusing = false;
    await eventually(async () => {
      await producer.append([0, 1, 2, 3].map((partition) => record('requests', partition, 'more')));
      expect([...ledger.owners().values()].filter((owner) => owner === 'dying')).toHaveLength(2);
    });
    await dying.stop();
  }, 40_000);

  it('reads on after every connection was cut', async () => {
    const seen: string[] = [];
    await behindProxy.tail({
      topic: 'decisions',
      partition: 0,
      reader: 'gateway',
      from: 'end',
      onRecord: (one) => void seen.push(String(one.value)),
      onFatal: (error) => {
        throw error;
      },
    });
    const producer = await log.producer();
    await producer.append(records('decisions', 0, 'a', 2));
    await eventually(() => expect(seen).toHaveLength(2));
    proxy.cut();
    await producer.append(records('decisions', 0, 'b', 2));
    await eventually(() => expect(seen).toEqual(['a0', 'a1', 'b0', 'b1']));
  });

  it('numbers offsets by commit, so that a reader misses nothing when transactions overlap and fail', async () => {
    await installation.admin(async (setup) => {
      await setup.query(`CREATE FUNCTION sometimes_fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          PERFORM pg_sleep(random() * 0.004);
          IF random() < 0.1 THEN RAISE EXCEPTION 'unlucky' USING ERRCODE = '40001'; END IF;
          RETURN NULL;
        END $$;
        CREATE TRIGGER unlucky AFTER INSERT ON event_log.log FOR EACH STATEMENT EXECUTE FUNCTION sometimes_fail()`);
    });
    const offsets: bigint[] = [];
    const reader = await log.tail({
      topic: 'requests',
      partition: 0,
      reader: 'r',
      from: 'start',
      onRecord: ({ offset }) => void offsets.push(offset),
      onFatal: (error) => {
        throw error;
      },
    });
    const producers = await Promise.all([1, 2, 3, 4].map(() => log.producer()));
    await Promise.all(
      producers.map(async (producer, p) => {
        for (let i = 0; i < 40; i += 1) await producer.append([record('requests', 0, `${p}:${i}`)]);
      }),
    );
    await eventually(() => expect(offsets).toHaveLength(160));
    expect(offsets).toEqual(Array.from({ length: 160 }, (_, i) => BigInt(i)));
    await reader.stop();
  }, 40_000);
});
