import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import { readEventLogSettings } from '#libs/event-log/settings.js';
import type { TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { makeStore, startMember } from './members.js';

const SESSION_MS = 6_000;
const WITHIN_MS = 90_000;

export interface ZombieResult {
  /** Writes of the woken member that the fence refused. */
  readonly refused: number;
  readonly values: readonly string[];
  /** Who stored the record that the zombie held in its hand. */
  readonly storedBy: string;
}

/**
 * A member is stopped with a record in its hand, for longer than its session; another one takes over and
 * stores the record; then the first wakes and carries on with its transaction.
 */
export async function zombie(
  environment: Record<string, string>,
  server: TemporaryPostgres,
): Promise<ZombieResult> {
  const store = await makeStore(server);
  const given = { ...environment, STORE_URL: store.url, SESSION_MS: String(SESSION_MS) };
  const log = await openEventLog(readEventLogSettings(environment), {
    applicationName: 'zombie test',
    logger: pino({ level: 'silent' }),
  });
  await log.ensureTopics();
  const producer = await log.producer();
  const append = (value: string): Promise<void> =>
    producer.append([{ topic: 'statements', partition: 1, key: 'k', value: Buffer.from(value) }]);
  // Long enough to be stopped in the middle of.
  const first = startMember('zombie', given, 2_000);
  let heir: ReturnType<typeof startMember> | undefined;
  try {
    const handling = first.says('handling 1');
    await append('0');
    await handling;
    first.child.kill('SIGSTOP');
    heir = startMember('heir', given, 0);
    const rows = (): Promise<{ value: string; member: string }[]> =>
      store.query('SELECT value, member FROM stored ORDER BY "offset"');
    await until(async () => (await rows()).length === 1);
    first.child.kill('SIGCONT');
    const refusals = async (): Promise<number> =>
      Number(
        (await store.query<{ n: string }>("SELECT count(*) AS n FROM refused WHERE member = 'zombie'"))[0]?.n,
      );
    await until(async () => (await refusals()) > 0);
    await append('1');
    await until(async () => (await rows()).length === 2);
    const found = await rows();
    return {
      refused: await refusals(),
      values: found.map(({ value }) => value),
      storedBy: found[0]?.member ?? '',
    };
  } finally {
    first.child.kill('SIGKILL');
    heir?.child.kill('SIGKILL');
    await log.close();
    await store.end();
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${WITHIN_MS / 1_000} s`);
    await sleep(50);
  }
}
