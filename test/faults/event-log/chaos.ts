import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import { readEventLogSettings } from '#libs/event-log/settings.js';
import { makeStore, startMember, type Member } from './members.js';
import type { TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { tally, type Tally } from './tally.js';

const PARTITIONS = 4;
const SESSION_MS = 6_000;

export interface ChaosPlan {
  readonly seconds: number;
  /** The event log, as services are told of it. */
  readonly environment: Record<string, string>;
  /** A server for the members' database. */
  readonly server: TemporaryPostgres;
  /** Kills what carries the event log with -9 and brings it back; absent: that is left alone. */
  readonly killLog?: () => Promise<void>;
  readonly random: () => number;
}

export interface ChaosResult extends Tally {
  readonly kills: number;
  readonly stops: number;
  readonly logKills: number;
  readonly connectionsCut: number;
  readonly claims: number;
  readonly refusedByFence: number;
  readonly gaps: number;
}

/**
 * Two members of one group, four partitions, a producer; meanwhile members are killed with -9 and
 * replaced, stopped for longer than the session, their database connections and the log itself are
 * killed. Every acknowledged record must be stored once, in order, without a gap.
 */
export async function chaos(plan: ChaosPlan): Promise<ChaosResult> {
  const store = await makeStore(plan.server);
  const environment = { ...plan.environment, STORE_URL: store.url, SESSION_MS: String(SESSION_MS) };
  const log = await openEventLog(readEventLogSettings(plan.environment), {
    applicationName: 'chaos',
    logger: pino({ level: 'silent' }),
    sessionTimeoutMs: SESSION_MS,
  });
  await log.ensureTopics();
  const producer = await log.producer();
  const acknowledged = new Map<string, number>();
  let running = true;
  const callers = Array.from({ length: PARTITIONS }, async (_, partition) => {
    for (let i = 0; running; i += 1) {
      const value = Buffer.from(`${partition}:${i}`);
      await producer.append([{ topic: 'statements', partition, key: 'k', value }]);
      acknowledged.set(String(partition), i + 1);
      await sleep(10);
    }
  });
  const members: Member[] = [];
  let names = 0;
  const join = (): Member => startMember(`m${(names += 1)}`, environment, 30);
  const counts = { kills: 0, stops: 0, logKills: 0, connectionsCut: 0 };
  try {
    members.push(join(), join());
    await Promise.all(members.map((member) => member.says('handling')));
    const until = performance.now() + plan.seconds * 1_000;
    for (let turn = 0; performance.now() < until; turn += 1) {
      await sleep(1_000 + plan.random() * 4_000);
      // One that found no log at its start has ended by itself, as a service would; somebody starts it again.
      for (const [index, { child }] of members.entries())
        if (child.exitCode !== null) members[index] = join();
      const victim = Math.floor(plan.random() * members.length);
      const member = members[victim] as Member;
      const what = turn % 8;
      if (what === 3 && plan.killLog !== undefined) {
        counts.logKills += 1;
        await plan.killLog();
      } else if (what === 5) {
        const cut = await store.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        );
        counts.connectionsCut += cut.length;
      } else if (what % 2 === 1) {
        counts.stops += 1;
        await Promise.race([member.says('handling'), sleep(3_000)]);
        member.child.kill('SIGSTOP');
        await sleep(SESSION_MS + 2_000);
        member.child.kill('SIGCONT');
      } else {
        counts.kills += 1;
        member.child.kill('SIGKILL');
        await member.ended;
        members[victim] = join();
      }
    }
    running = false;
    await Promise.all(callers);
    const total = [...acknowledged.values()].reduce((sum, n) => sum + n, 0);
    const stored = async (): Promise<number> =>
      Number((await store.query<{ n: string }>('SELECT count(*) AS n FROM stored'))[0]?.n);
    const deadline = performance.now() + 120_000;
    while ((await stored()) < total && performance.now() < deadline) await sleep(200);
    const rows = await store.query<{ value: string }>(
      'SELECT value FROM stored ORDER BY partition, "offset"',
    );
    const [numbers] = await store.query<{ claims: string; refused: string; gaps: string }>(`
      SELECT (SELECT sum(epoch) FROM heads) AS claims, (SELECT count(*) FROM refused) AS refused,
        (SELECT count(*) FROM (SELECT "offset" - lag("offset") OVER (PARTITION BY partition ORDER BY "offset") AS step
           FROM stored) s WHERE step <> 1) AS gaps`);
    return {
      ...counts,
      claims: Number(numbers?.claims),
      refusedByFence: Number(numbers?.refused),
      gaps: Number(numbers?.gaps),
      ...tally(
        acknowledged,
        rows.map(({ value }) => value),
      ),
    };
  } finally {
    running = false;
    for (const { child } of members) child.kill('SIGKILL');
    await log.close();
    await store.end();
  }
}
