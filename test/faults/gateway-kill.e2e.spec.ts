import { GatewayRig } from './gateway-rig.js';
import { GatewayTraffic } from './gateway-traffic.js';
import { executedOf, gaps, recordedOf, unfinished, unrecorded } from './executed-and-recorded.js';

/** The long form: COUNTERSIGN_KILLS=100 npm test -- test/faults/gateway-kill */
const KILLS = Number(process.env['COUNTERSIGN_KILLS'] ?? 2);

describe('a gateway that is killed at random under load', () => {
  it(
    'has recorded every statement that its target executed, in all three protocol modes',
    async () => {
      const rig = await GatewayRig.start();
      try {
        const traffic = new GatewayTraffic(rig, await rig.token());
        await rig.startGateway();
        traffic.begin(2);
        for (let kill = 0; kill < KILLS; kill += 1) {
          await traffic.progress(20 + Math.floor(Math.random() * 200));
          await rig.signalGateway('SIGKILL');
          await rig.startGateway();
        }
        await traffic.progress(20);
        await traffic.stop();
        await rig.signalGateway('SIGTERM');

        const executed = executedOf(await rig.targetLog());
        const events = await rig.events();
        expect(executed.length).toBeGreaterThan(KILLS * 20);
        expect(unrecorded(executed, recordedOf(events))).toEqual([]);
        expect(unfinished(events)).toEqual([]);
        expect(gaps(events)).toEqual([]);
        const outcomes = events.filter((event) => event.type === 'statement.outcome-recorded');
        console.info(
          `${KILLS} kills: ${executed.length} executed, ${recordedOf(events).length} recorded, ` +
            `${outcomes.filter(({ outcome }) => outcome === 'unknown').length} unknown, 0 unrecorded`,
        );
      } finally {
        await rig.dispose();
      }
    },
    120_000 + KILLS * 20_000,
  );
});
