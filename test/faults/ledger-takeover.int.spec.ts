import { eventually } from '#libs/testing/eventually.js';
import { eventLogsUnderTest } from '../e2e/event-logs.js';
import { auditInstallation, type AuditInstallation, type AuditInstance } from './audit-instances.js';

const LONG = 90_000;

/**
 * Two processes of audit share the partitions. One is killed, one is stopped for longer than its session
 * and woken as a zombie; events keep coming. Nothing may be lost, nothing sealed twice.
 */
describe.each(eventLogsUnderTest())(
  'Two instances of audit over the $kind event log',
  ({ kind, environment }) => {
    let installation: AuditInstallation;
    let running = true;
    let producing: Promise<void> = Promise.resolve();

    beforeAll(async () => {
      const settings = environment();
      installation = await auditInstallation(kind === 'kafka' ? settings : {});
      producing = (async () => {
        while (running) {
          await installation.produce(3);
          await new Promise((resolve) => setTimeout(resolve, 25));
        }
      })();
    }, LONG);

    afterAll(async () => {
      running = false;
      await producing;
      await installation.dispose();
    }, LONG);

    const ready = (instance: AuditInstance): Promise<void> =>
      eventually(async () => expect([await instance.isReady(), instance.errors()]).toEqual([true, '']), LONG);
    const writerCount = async (): Promise<number> => new Set(await installation.writers()).size;
    /** Everything produced until now is sealed. */
    const caughtUp = async (): Promise<void> => {
      const upTo = installation.produced();
      await eventually(async () => expect(await installation.sealed()).toBeGreaterThanOrEqual(upTo), LONG);
    };

    it(
      'share the partitions, and take over from one that is killed or was stopped',
      async () => {
        const first = await installation.startInstance();
        await ready(first);
        await caughtUp();
        const second = await installation.startInstance();
        await ready(second);
        await eventually(async () => expect(await writerCount()).toBe(2), LONG);
        await caughtUp();

        const before = await installation.writers();
        first.signal('SIGKILL');
        await eventually(async () => expect(await writerCount()).toBe(1), LONG);
        await caughtUp();
        expect(before).toEqual(expect.arrayContaining([...new Set(await installation.writers())]));

        const third = await installation.startInstance();
        await ready(third);
        await eventually(async () => expect(await writerCount()).toBe(2), LONG);
        const zombie = await installation.writers();
        second.signal('SIGSTOP');
        await eventually(async () => expect(await writerCount()).toBe(1), LONG);
        await caughtUp();
        second.signal('SIGCONT');
        await eventually(async () => expect(await writerCount()).toBe(2), LONG);
        await caughtUp();
        expect(new Set(await installation.writers())).toEqual(new Set(zombie));

        running = false;
        await producing;
        await caughtUp();
        for (const instance of [second, third]) instance.signal('SIGTERM');
        expect([await second.ended, await third.ended]).toEqual([0, 0]);
        expect(await installation.account()).toMatchObject({
          missing: 0,
          twice: 0,
          report: { verdict: 'OK', entries: installation.produced(), findings: [] },
        });
      },
      6 * LONG,
    );
  },
);
