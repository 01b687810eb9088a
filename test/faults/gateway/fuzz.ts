import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import pg from 'pg';
import { piecesOf, randomFrame } from '#libs/testing/random-frames.js';
import { RawClient } from '../../../apps/gateway/src/postgres/testing/raw-client.js';
import { executedOf, gaps, isOurs, recordedOf, unfinished, unrecorded } from '../executed-and-recorded.js';
import { GatewayRig } from '../gateway-rig.js';

const POLICY = `version: 1
default: allow
masking: off
rules:
  - { id: no-drop, when: "statement.kind == 'DROP TABLE'", effect: deny }
`;

/** Sessions at once. */
const AT_ONCE = 12;

/** A session that is not over by then hangs. */
const SESSION_MS = 120_000;

export interface FuzzRound {
  readonly frames: number;
  readonly sessions: number;
  readonly executed: number;
  readonly unrecorded: number;
  readonly unfinished: number;
  readonly gaps: number;
  /** Sessions that ended by a defect of the gateway's, and those that did not end. */
  readonly failed: number;
  readonly hung: number;
  readonly crashed: number;
}

export const fuzzHolds = (round: FuzzRound): boolean =>
  round.unrecorded + round.unfinished + round.gaps + round.failed + round.hung + round.crashed === 0 &&
  round.executed > 0;

/**
 * Random messages of so many sessions through a gateway in a process of its own. None may crash it, hang, or end
 * as failed; whatever the target's own log shows must have its intent, and every intent one outcome. The same seed
 * sends the same messages.
 */
export async function fuzzGateway(sessions: number, seed: number): Promise<FuzzRound> {
  const rig = await GatewayRig.start('strict', { connections: 100 });
  try {
    const policy = path.join(rig.folder, 'fuzz.yaml');
    await writeFile(policy, POLICY);
    const shop = new pg.Client(rig.cluster.adminUrl('shop'));
    await shop.connect();
    await shop.query('CREATE TABLE customers AS SELECT n FROM generate_series(1, 100) n');
    await shop.end();
    const gateway = await rig.startGateway({ COUNTERSIGN_POLICY: policy });
    const password = await rig.token();
    const scripts = fc.sample(
      fc.tuple(
        fc.array(randomFrame, { minLength: 5, maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 500 }),
      ),
      { numRuns: sessions, seed },
    );
    let hung = 0;
    const next = scripts[Symbol.iterator]();
    const worker = async (): Promise<void> => {
      for (const [messages, size] of next) if (!(await runSession(rig, password, messages, size))) hung += 1;
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const crashed = gateway.exitCode === null && gateway.signalCode === null ? 0 : 1;
    await rig.signalGateway('SIGTERM');
    if (crashed > 0) await rig.startGateway().then(() => rig.signalGateway('SIGTERM'));
    const executed = (await executedOf(rig.targetLog())).filter((one) => !isOurs(one));
    const events = await rig.events();
    return {
      frames: scripts.reduce((sum, [messages]) => sum + messages.length, 0),
      sessions,
      executed: executed.length,
      unrecorded: unrecorded(executed, recordedOf(events)).length,
      unfinished: unfinished(events).length,
      gaps: gaps(events).length,
      failed: events.filter((event) => event.type === 'session.closed' && event.reason === 'failed').length,
      hung,
      crashed,
    };
  } finally {
    await rig.dispose();
  }
}

/** Returns whether it ended, in whatever way. */
async function runSession(
  rig: GatewayRig,
  password: string,
  messages: readonly Buffer[],
  size: number,
): Promise<boolean> {
  const limit = new AbortController();
  const run = async (): Promise<true> => {
    const client = await RawClient.connect({
      port: rig.port,
      ca: rig.ca,
      user: 'alice',
      password,
      database: 'shop',
    });
    for (const piece of piecesOf(messages, size)) client.write(piece);
    client.end();
    await client.untilClosed();
    return true;
  };
  const ended = run().catch(() => true);
  const late = sleep(SESSION_MS, false, { signal: limit.signal }).catch(() => false);
  const over = await Promise.race([ended, late]);
  limit.abort();
  return over;
}
