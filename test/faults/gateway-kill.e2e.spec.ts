import { rm } from 'node:fs/promises';
import path from 'node:path';
import { GatewayRig } from './gateway-rig.js';
import { GatewayTraffic } from './gateway-traffic.js';
import { report } from './report.js';
import {
  answeredUnrecorded,
  executedOf,
  gaps,
  isLoneRead,
  recordedOf,
  unfinished,
  unrecorded,
} from './executed-and-recorded.js';

/** The long form: COUNTERSIGN_KILLS=100 npm test -- test/faults/gateway-kill */
const KILLS = Number(process.env['COUNTERSIGN_KILLS'] ?? 2);

/** Kills the gateway under load; `after` is called while it is dead. Returns what ran and what is recorded. */
async function killUnderLoad(recording: string, after: (rig: GatewayRig) => Promise<void>) {
  const rig = await GatewayRig.start(recording);
  let stopTraffic = (): void => undefined;
  try {
    const traffic = new GatewayTraffic(rig, await rig.token());
    stopTraffic = () => void traffic.stop();
    await rig.startGateway();
    traffic.begin(2);
    for (let kill = 0; kill < KILLS; kill += 1) {
      await traffic.progress(20 + Math.floor(Math.random() * 200));
      await rig.signalGateway('SIGKILL');
      await after(rig);
      await rig.startGateway();
      if (kill % 10 === 9) report(`${recording}: ${kill + 1} kills`);
    }
    await traffic.progress(20);
    await traffic.stop();
    await rig.signalGateway('SIGTERM');
    const executed = await executedOf(rig.targetLog());
    const events = await rig.events();
    const recorded = recordedOf(events);
    expect(executed.length).toBeGreaterThan(KILLS * 20);
    report(
      `${recording}, ${KILLS} kills: ${executed.length} executed, ${recorded.length} recorded, ` +
        `${unrecorded(executed, recorded).length} unrecorded`,
    );
    return { executed, events, recorded, answers: traffic.answers };
  } finally {
    stopTraffic();
    await rig.dispose();
  }
}

const LIMIT_MS = 180_000 + KILLS * 20_000;

describe('a gateway that is killed at random under load', () => {
  it(
    'has recorded every statement that its target executed, in all three protocol modes',
    async () => {
      const { executed, events, recorded } = await killUnderLoad('strict', () => Promise.resolve());
      expect(unrecorded(executed, recorded)).toEqual([]);
      expect(unfinished(events)).toEqual([]);
      expect(gaps(events)).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'has them in the event log with recording: replicated, even where its disk vanishes with it',
    async () => {
      const { executed, recorded } = await killUnderLoad('replicated', ({ folder }) =>
        rm(path.join(folder, 'gateway/spool'), { recursive: true }),
      );
      expect(unrecorded(executed, recorded)).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'has recorded every statement that a client had an answer to with recording: overlapped, and every other',
    async () => {
      const { executed, events, recorded, answers } = await killUnderLoad('overlapped', () =>
        Promise.resolve(),
      );
      expect(answers.filter((answer) => answer.startsWith('SELECT n AS alone')).length).toBeGreaterThan(
        KILLS,
      );
      expect(answeredUnrecorded(answers, recorded)).toEqual([]);
      expect(unrecorded(executed, recorded).filter((one) => !isLoneRead(one))).toEqual([]);
      expect(unfinished(events)).toEqual([]);
      expect(gaps(events)).toEqual([]);
    },
    LIMIT_MS,
  );
});
