import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { TOPICS, type Topic } from '#libs/contracts/topics.js';
import { newId } from '#libs/kernel/uuid.js';
import { startCluster, type Cluster } from '#libs/embedded-postgres/cluster.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog } from '#libs/event-log/port.js';
import { migrate } from '#libs/postgres/migrate.js';
import { eventually } from '#libs/testing/eventually.js';
import { openSpool } from './open-spool.js';
import type { Spool } from './spool.js';
import {
  appended,
  Drafts,
  optionsFor,
  RememberingLog,
  temporaryFolder,
  type LoggedEvent,
} from './temporary-spool.js';

describe('draining to the embedded event log', () => {
  let base: string;
  let server: Cluster;
  let start: () => Promise<Cluster>;
  let log: EventLog;
  let spool: Spool;
  let folder: string;
  let dispose: () => Promise<void>;

  beforeAll(async () => {
    base = await mkdtemp(path.join(tmpdir(), 'countersign-pg-'));
    await chmod(base, 0o711);
    const options = {
      directory: path.join(base, 'data'),
      port: await freePort(),
      password: randomUUID(),
      logFile: path.join(base, 'log'),
    };
    start = () => startCluster(options);
    server = await start();
    await migrate(server.adminUrl(), path.resolve('deploy/migrations'), ['roles', 'event-log']);
    log = await openEventLog(
      { kind: 'embedded', databaseUrl: server.adminUrl() },
      { applicationName: 'spool test', logger: pino({ level: 'silent' }) },
    );
    await log.ensureTopics();
    ({ folder, dispose } = await temporaryFolder());
  }, 60_000);

  afterAll(async () => {
    await spool.close(0);
    await log.close();
    await server.stop();
    await rm(base, { recursive: true, force: true });
    await dispose();
  });

  /** Everything of a topic, by partition, in the order of the log. */
  async function read(topic: Topic): Promise<LoggedEvent[]> {
    const events: LoggedEvent[] = [];
    for (let partition = 0; partition < TOPICS[topic].partitions; partition += 1) {
      const end = await log.endOffset({ topic, partition });
      let seen = 0n;
      const tail = await log.tail({
        topic,
        partition,
        reader: 'spool test',
        from: 'start',
        onRecord: (record) => {
          seen = record.offset + 1n;
          events.push({ ...(JSON.parse(String(record.value)) as LoggedEvent), topic, partition });
        },
        onFatal: (error) => {
          throw error;
        },
      });
      await eventually(() => expect(seen).toBe(end));
      await tail.stop();
    }
    return events;
  }

  it('brings every event over once and in sequence, though the database stops twice and the spool restarts', async () => {
    const options = { ...optionsFor(folder, new RememberingLog()), producerFactory: () => log.producer() };
    ({ spool } = await openSpool(options));
    const statements: string[] = [];
    const requests: string[] = [];
    const send = async (count: number): Promise<void> => {
      const drafts = new Drafts(spool);
      for (let index = 0; index < count; index += 1) {
        const intent = drafts.intent('review', newId());
        const events = [
          intent,
          drafts.asked(intent),
          drafts.released(intent),
          drafts.outcome(intent),
          drafts.concluded(intent, 'completed'),
        ];
        await appended(spool, ...events);
        for (const { topic, event } of events) (topic === 'requests' ? requests : statements).push(event.id);
      }
    };
    await send(100);
    await server.stop();
    await send(100);
    expect(spool.state().undrainedRecords).toBeGreaterThan(0);
    server = await start();
    await send(100);
    await eventually(() => expect(spool.state().undrainedRecords).toBe(0));
    await server.stop();
    await send(50);
    await spool.close(100);
    server = await start();
    ({ spool } = await openSpool(options));
    await eventually(() => expect(spool.state().undrainedRecords).toBe(0));

    const found = { statements: await read('statements'), requests: await read('requests') };
    // A producer that was given up leaves its batch's fate open: then the same ids, in the same order, come again.
    const ids = (events: readonly LoggedEvent[]) => [...new Set(events.map(({ id }) => id))];
    expect(ids(found.statements)).toEqual(statements);
    expect(ids(found.requests).sort()).toEqual([...requests].sort());
    const next = new Map<string, number>();
    const seen = new Set<string>();
    for (const { id, topic, partition, producerSeq } of [...found.statements, ...found.requests]) {
      if (seen.has(id)) continue;
      seen.add(id);
      const place = `${topic}/${partition}`;
      expect([place, producerSeq]).toEqual([place, next.get(place) ?? 0]);
      next.set(place, producerSeq + 1);
    }
  }, 60_000);
});
