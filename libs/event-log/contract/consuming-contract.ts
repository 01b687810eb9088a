import { eventually } from '#libs/testing/eventually.js';
import type { EventLog, EventLogProducer } from '../port.js';
import { record, records, type Installation } from './installation.js';
import { LedgerDouble } from './ledger-double.js';

const AT = { topic: 'requests', partition: 2 } as const;

export function describeConsuming(install: () => Promise<Installation>): void {
  describe('its consumer groups', () => {
    let installation: Installation;
    let log: EventLog;
    let producer: EventLogProducer;
    let ledger: LedgerDouble;
    const fatal: Error[] = [];
    const onFatal = (error: Error): void => void fatal.push(error);

    beforeEach(async () => {
      fatal.length = 0;
      installation = await install();
      log = await installation.open();
      await log.ensureTopics();
      producer = await log.producer();
      ledger = new LedgerDouble();
    });

    afterEach(() => installation.dispose());

    const consume = (member: string, handler = ledger.member(member), on = log) =>
      on.consume({ group: 'audit', topics: ['requests', 'decisions'], handler, onFatal });

    it('deliver what was there and what comes, in order, from the position that claim gives', async () => {
      await producer.append(records('requests', 2, 'r', 10));
      ledger.setPosition(AT, 4n);
      const member = await consume('a');
      await eventually(() => expect(ledger.values(AT)).toEqual(['r4', 'r5', 'r6', 'r7', 'r8', 'r9']));
      await producer.append([record('requests', 2, 'late'), record('decisions', 0, 'other')]);
      await eventually(() => expect(ledger.total).toBe(8));
      expect(ledger.values(AT).at(-1)).toBe('late');
      await member.stop();
      expect(fatal).toEqual([]);
    });

    it('deliver again from the claimed position what a handler rejected', async () => {
      await producer.append(records('requests', 2, 'r', 5));
      let failures = 2;
      const seen: bigint[] = [];
      const member = await consume(
        'a',
        ledger.member('a', (_, batch) => {
          seen.push(batch[0]?.offset ?? -1n);
          if (failures-- > 0) throw new Error('the database is away');
        }),
      );
      await eventually(() => expect(ledger.values(AT)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']));
      expect(seen).toEqual([0n, 0n, 0n]);
      expect(ledger.claims.filter(({ key }) => key === 'requests/2')).toHaveLength(3);
      await member.stop();
    });

    it('do not let a failing partition hold up another', async () => {
      await producer.append([record('requests', 0, 'poison'), record('requests', 1, 'good')]);
      const member = await consume(
        'a',
        ledger.member('a', (at) => {
          if (at.partition === 0) throw new Error('refused for ever');
        }),
      );
      await eventually(() => expect(ledger.values({ topic: 'requests', partition: 1 })).toEqual(['good']));
      await producer.append([record('requests', 1, 'more')]);
      await eventually(() =>
        expect(ledger.values({ topic: 'requests', partition: 1 })).toEqual(['good', 'more']),
      );
      await member.stop();
    });

    it('drop the claim of a member that was fenced, and lose nothing by it', async () => {
      await producer.append(records('requests', 2, 'r', 3));
      let intruded = false;
      const member = await consume(
        'a',
        ledger.member('a', async () => {
          if (intruded) return;
          intruded = true;
          await ledger.member('intruder').claim(AT);
        }),
      );
      await eventually(() => expect(ledger.values(AT)).toEqual(['r0', 'r1', 'r2']));
      expect(ledger.refused).toEqual([{ member: 'a', key: 'requests/2' }]);
      await member.stop();
    });

    it('share the partitions among members, and hand them over when one stops', async () => {
      const first = await consume('a');
      await producer.append([0, 1, 2, 3].map((partition) => record('requests', partition, 'one')));
      await eventually(() => expect(ledger.total).toBe(4));
      const other = await installation.open();
      const second = await consume('b', ledger.member('b'), other);
      // Every round gives each partition a record; whoever holds a partition claims it then.
      let rounds = 1;
      const round = async (): Promise<void> => {
        rounds += 1;
        await producer.append([0, 1, 2, 3].map((partition) => record('requests', partition, 'more')));
        await eventually(() => expect(ledger.total).toBe(4 * rounds), 15_000);
      };
      await eventually(async () => {
        await round();
        const owners = [...ledger.owners()].filter(([key]) => key.startsWith('requests/'));
        expect(owners.filter(([, owner]) => owner === 'a')).toHaveLength(2);
        expect(owners.filter(([, owner]) => owner === 'b')).toHaveLength(2);
      }, 20_000);
      await first.stop();
      await round();
      expect(
        [...ledger.owners()].filter(([key]) => key.startsWith('requests/')).map(([, owner]) => owner),
      ).toEqual(['b', 'b', 'b', 'b']);
      await second.stop();
      expect(fatal).toEqual([]);
    }, 60_000);

    it('wait for a handler that runs when they are stopped', async () => {
      await producer.append(records('requests', 2, 'r', 1));
      let handling: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => (handling = resolve));
      let ended = false;
      const member = await consume(
        'a',
        ledger.member('a', async () => {
          handling();
          await new Promise((resolve) => setTimeout(resolve, 500));
          ended = true;
        }),
      );
      await begun;
      await member.stop();
      expect(ended).toBe(true);
    });

    it('survive a handler that takes longer than the session', async () => {
      await producer.append(records('requests', 2, 'r', 2));
      const other = await installation.open();
      const slow = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5_000));
      const first = await consume('a', ledger.member('a', slow));
      const second = await consume('b', ledger.member('b', slow), other);
      await eventually(() => expect(ledger.values(AT)).toEqual(['r0', 'r1']), 25_000);
      expect(ledger.refused.length).toBeLessThanOrEqual(1);
      await Promise.all([first.stop(), second.stop()]);
    }, 60_000);

    it('halt at an offset that is gone, and never begin elsewhere', async () => {
      await producer.append(records('requests', 2, 'r', 10));
      await installation.trim(AT, 5n);
      ledger.setPosition(AT, 3n);
      const member = await consume('a');
      await eventually(() => expect(fatal).toHaveLength(1));
      expect(fatal[0]).toMatchObject({ code: 'OFFSET_GONE' });
      expect(ledger.total).toBe(0);
      await member.stop();
    });

    it('halt at an offset that is gone also where nothing is left and nothing comes', async () => {
      await producer.append(records('requests', 2, 'r', 10));
      await installation.trim(AT, 10n);
      ledger.setPosition(AT, 3n);
      const member = await consume('a');
      await eventually(() => expect(fatal).toHaveLength(1), 30_000);
      expect(fatal[0]).toMatchObject({ code: 'OFFSET_GONE' });
      expect(ledger.total).toBe(0);
      await member.stop();
    }, 60_000);

    it('halt when what they are about to read is removed under them', async () => {
      await producer.append(records('requests', 2, 'r', 3));
      let fail = false;
      const member = await consume(
        'a',
        ledger.member('a', () => {
          if (fail) throw new Error('the database is away');
        }),
      );
      await eventually(() => expect(ledger.values(AT)).toEqual(['r0', 'r1', 'r2']));
      fail = true;
      await producer.append(records('requests', 2, 's', 3));
      await installation.trim(AT, 5n);
      await eventually(() => expect(fatal).toHaveLength(1), 30_000);
      expect(fatal[0]).toMatchObject({ code: 'OFFSET_GONE' });
      await member.stop();
    }, 60_000);

    it('do not let a slow partition hold up another', async () => {
      await producer.append([record('requests', 0, 'slow')]);
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      let slow = false;
      const member = await consume(
        'a',
        ledger.member('a', async (at) => {
          if (at.partition !== 0) return;
          slow = true;
          await released;
        }),
      );
      await eventually(() => expect(slow).toBe(true));
      const quick = { topic: 'requests', partition: 1 } as const;
      for (let i = 0; i < 5; i += 1) {
        await producer.append([record('requests', 1, String(i)), record('requests', 0, 'more')]);
        await eventually(() => expect(ledger.values(quick)).toHaveLength(i + 1));
      }
      expect(ledger.values({ topic: 'requests', partition: 0 })).toEqual([]);
      release();
      await eventually(() => expect(ledger.values({ topic: 'requests', partition: 0 })).toHaveLength(6));
      await member.stop();
      expect(fatal).toEqual([]);
    }, 60_000);

    it('begin behind what was trimmed when the claim stands there', async () => {
      await producer.append(records('requests', 2, 'r', 10));
      await installation.trim(AT, 5n);
      ledger.setPosition(AT, 5n);
      const member = await consume('a');
      await eventually(() => expect(ledger.values(AT)).toEqual(['r5', 'r6', 'r7', 'r8', 'r9']));
      await member.stop();
      expect(fatal).toEqual([]);
    });

    it('halt where the log is shorter than the claimed position', async () => {
      await producer.append(records('requests', 2, 'r', 3));
      ledger.setPosition(AT, 7n);
      const member = await consume('a');
      await eventually(() => expect(fatal).toHaveLength(1), 20_000);
      expect(fatal[0]).toMatchObject({ code: 'OFFSET_AHEAD' });
      await member.stop();
    }, 40_000);
  });
}
