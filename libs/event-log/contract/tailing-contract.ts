import { eventually } from '#libs/testing/eventually.js';
import type { EventLog, EventLogProducer, TailOptions } from '../port.js';
import { record, records, type Installation } from './installation.js';

const AT = { topic: 'decisions', partition: 1 } as const;

export function describeTailing(install: () => Promise<Installation>): void {
  describe('its tail', () => {
    let installation: Installation;
    let log: EventLog;
    let producer: EventLogProducer;
    let seen: string[];
    let fatal: Error[];

    beforeEach(async () => {
      seen = [];
      fatal = [];
      installation = await install();
      log = await installation.open();
      await log.ensureTopics();
      producer = await log.producer();
    });

    afterEach(() => installation.dispose());

    const tail = (from: TailOptions['from'], on = log) =>
      on.tail({
        ...AT,
        reader: 'gateway-1',
        from,
        onRecord: (one) => void seen.push(String(one.value)),
        onFatal: (error) => void fatal.push(error),
      });

    it('from the end sees exactly what is appended after it resolved', async () => {
      await producer.append(records('decisions', 1, 'old', 20));
      const reader = await tail('end');
      await producer.append([...records('decisions', 1, 'new', 3), record('decisions', 0, 'elsewhere')]);
      await producer.append([record('decisions', 1, 'last')]);
      await eventually(() => expect(seen).toEqual(['new0', 'new1', 'new2', 'last']));
      await reader.stop();
      await producer.append([record('decisions', 1, 'after stop')]);
      expect(seen).toHaveLength(4);
      expect(fatal).toEqual([]);
    });

    it('from the end of an empty partition sees the first record', async () => {
      const reader = await tail('end');
      await producer.append([record('decisions', 1, 'first')]);
      await eventually(() => expect(seen).toEqual(['first']));
      await reader.stop();
    });

    it('from the start sees everything, from an offset what follows', async () => {
      await producer.append(records('decisions', 1, 'd', 6));
      const whole = await tail('start');
      await eventually(() => expect(seen).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5']));
      await whole.stop();
      seen.length = 0;
      const part = await tail(4n);
      await eventually(() => expect(seen).toEqual(['d4', 'd5']));
      await part.stop();
    });

    it('shares with nobody: two of the same name see everything', async () => {
      const other = await installation.open();
      const [first, second] = [await tail('end'), await tail('end', other)];
      await producer.append([record('decisions', 1, 'x')]);
      await eventually(() => expect(seen).toEqual(['x', 'x']));
      await Promise.all([first.stop(), second.stop()]);
    });

    it('halts at an offset that is gone', async () => {
      await producer.append(records('decisions', 1, 'd', 6));
      await installation.trim(AT, 4n);
      const reader = await tail(2n);
      await eventually(() => expect(fatal).toHaveLength(1));
      expect(fatal[0]).toMatchObject({ code: 'OFFSET_GONE' });
      expect(seen).toEqual([]);
      await reader.stop();
    });

    it('halts when its reader rejects, and delivers nothing more', async () => {
      const reader = await log.tail({
        ...AT,
        reader: 'gateway-1',
        from: 'start',
        onRecord: (one) => {
          seen.push(String(one.value));
          throw new Error('cannot take it');
        },
        onFatal: (error) => void fatal.push(error),
      });
      await producer.append(records('decisions', 1, 'd', 3));
      await eventually(() => expect(fatal).toHaveLength(1));
      expect(fatal[0]?.message).toBe('cannot take it');
      expect(seen).toEqual(['d0']);
      await reader.stop();
    });
  });
}
