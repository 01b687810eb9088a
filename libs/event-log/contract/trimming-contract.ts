import { eventually } from '#libs/testing/eventually.js';
import type { EventLog, EventLogProducer } from '../port.js';
import { collect } from './collect.js';
import { record, records, type Installation } from './installation.js';
import { LedgerDouble } from './ledger-double.js';

const AT = { topic: 'requests', partition: 2 } as const;
const HOUR_MS = 3_600_000;

export function describeTrimming(install: () => Promise<Installation>): void {
  describe('its trimming', () => {
    let installation: Installation;
    let log: EventLog;
    let producer: EventLogProducer;

    beforeEach(async () => {
      installation = await install();
      log = await installation.open();
      await log.ensureTopics();
      producer = await log.producer();
    });

    afterEach(() => installation.dispose());

    const consume = async (group: string, ledger: LedgerDouble) =>
      log.consume({
        group,
        topics: ['requests'],
        handler: ledger.member(group),
        onFatal: (error) => {
          throw error;
        },
      });

    it('removes what is sealed and what every group has read, and no more', async () => {
      await producer.append(records('requests', 2, 'r', 10));
      const [audit, approvals] = [new LedgerDouble(), new LedgerDouble()];
      const sealing = await consume('audit', audit);
      await eventually(() => expect(audit.total).toBe(10));
      // Approvals has never read: everything is still there for it.
      await expect(log.trim(AT, 10n, 0)).resolves.toBe(0n);
      const deciding = await consume('approvals', approvals);
      await eventually(() => expect(approvals.total).toBe(10));
      await eventually(() => expect(log.trim(AT, 6n, 0)).resolves.toBe(6n));
      await deciding.stop();
      await producer.append(records('requests', 2, 's', 5));
      await eventually(() => expect(audit.total).toBe(15));
      // Approvals stands at 10, so that is as far as it goes.
      await expect(log.trim(AT, 15n, 0)).resolves.toBe(10n);
      const left = await collect(log, AT, 5);
      expect(left.map(({ offset }) => offset)).toEqual([10n, 11n, 12n, 13n, 14n]);
      await expect(collect(log, AT, 1, 9n)).rejects.toMatchObject({ code: 'OFFSET_GONE' });
      await producer.append([record('requests', 2, 'next')]);
      await expect(log.endOffset(AT)).resolves.toBe(16n);
      await sealing.stop();
    }, 60_000);

    it('keeps what is young, and what is kept for ever', async () => {
      await producer.append([...records('requests', 2, 'r', 4), record('control', 0, 'policy')]);
      const [audit, approvals] = [new LedgerDouble(), new LedgerDouble()];
      const groups = [await consume('audit', audit), await consume('approvals', approvals)];
      await eventually(() => expect(audit.total + approvals.total).toBe(8));
      await expect(log.trim(AT, 4n, HOUR_MS)).resolves.toBe(0n);
      await expect(log.trim({ topic: 'control', partition: 0 }, 1n, 0)).resolves.toBe(0n);
      await eventually(() => expect(log.trim(AT, 4n, 0)).resolves.toBe(4n));
      await Promise.all(groups.map((group) => group.stop()));
    }, 60_000);

    it('figures tell how far a group is behind and since when', async () => {
      const ledger = new LedgerDouble();
      let failing = true;
      const member = await log.consume({
        group: 'audit',
        topics: ['requests'],
        handler: ledger.member('a', () => {
          if (failing) throw new Error('the database is away');
        }),
        onFatal: (error) => {
          throw error;
        },
      });
      const before = Date.now();
      await producer.append(records('requests', 2, 'r', 3));
      const figures = () =>
        log
          .figures()
          .groups.find(({ group }) => group === 'audit')
          ?.partitions.find(({ partition }) => partition === 2);
      await eventually(() => expect(figures()?.waitingSince).toBeGreaterThanOrEqual(before - 1_000), 20_000);
      failing = false;
      await eventually(() => expect(ledger.total).toBe(3));
      await eventually(() => expect(figures()).toMatchObject({ lag: 0, waitingSince: undefined }), 20_000);
      expect(log.figures().groups[0]?.rebalances).toBeGreaterThanOrEqual(1);
      expect(log.figures()).toMatchObject({ queuedBytes: 0, queuedRecords: 0, retries: 0 });
      await member.stop();
    }, 60_000);
  });
}
