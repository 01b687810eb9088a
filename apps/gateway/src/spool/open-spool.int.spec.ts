import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseEvent } from '#libs/contracts/events/registry.js';
import { verifyEvent } from '#libs/contracts/event-signature.js';
import { partitionOf } from '#libs/contracts/topics.js';
import { newId } from '#libs/kernel/uuid.js';
import { openSpool } from './open-spool.js';
import type { SpoolOptions } from './spool-options.js';
import type { Spool } from './spool.js';
import { segmentNumber } from './spool-layout.js';
import {
  appended,
  Drafts,
  optionsFor,
  RememberingLog,
  temporaryFolder,
  testKey,
  testPublicKey,
  type LoggedEvent,
} from './temporary-spool.js';

let folder: string;
let dispose: () => Promise<void>;
let log: RememberingLog;
const opened: Spool[] = [];

const open = async (more: Partial<SpoolOptions> = {}) => {
  const result = await openSpool(optionsFor(folder, log, more));
  opened.push(result.spool);
  return result;
};

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + 10_000; !(await condition());) {
    if (Date.now() > end) throw new Error(`not within 10 s: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const segments = async (): Promise<number[]> =>
  (await readdir(folder)).map(segmentNumber).filter((number) => number !== undefined);

/** Fails unless each partition's sequences are 0, 1, 2 … in the order of the log. */
function expectGapless(events: readonly LoggedEvent[]): void {
  const next = new Map<string, number>();
  for (const { topic, partition, producer, producerSeq } of events) {
    const place = `${producer} ${topic}/${partition}`;
    expect([place, producerSeq]).toEqual([place, next.get(place) ?? 0]);
    next.set(place, producerSeq + 1);
  }
}

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error as { code: string }).code,
  );

beforeEach(async () => {
  ({ folder, dispose } = await temporaryFolder());
  log = new RememberingLog();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((spool) => spool.close(0)));
  await dispose();
});

describe('appending', () => {
  it('calls back in the order of the calls, never before append returns, many on one write', async () => {
    const groups: number[] = [];
    const { spool } = await open({
      segmentBytes: 1 << 20,
      metrics: {
        groupWritten: (events) => groups.push(events),
        drained: () => undefined,
        drainFailed: () => undefined,
      },
    });
    const drafts = new Drafts(spool);
    const order: number[] = [];
    let returned = false;
    await new Promise<void>((resolve) => {
      for (let index = 0; index < 500; index += 1)
        spool.append([drafts.filler()], (error) => {
          expect(error).toBeUndefined();
          expect(returned).toBe(true);
          order.push(index);
          if (order.length === 500) resolve();
        });
      returned = true;
    });
    expect(order).toEqual(Array.from({ length: 500 }, (_, index) => index));
    expect(groups.filter((events) => events > 0)).toEqual([500]);
  });

  it('writes events as contracts say, in the envelope’s order, and signs those that are to be signed', async () => {
    const { spool } = await open();
    const drafts = new Drafts(spool);
    const intent = drafts.intent('review', newId());
    await appended(spool, drafts.sessionOpened(), intent);
    await appended(spool, drafts.released(intent));
    await appended(spool, drafts.outcome(intent), drafts.concluded(intent, 'completed'));
    await until(() => log.records.length === 5);
    for (const { topic, partition, key, value } of log.records) {
      expect(partition).toBe(partitionOf(topic, key));
      expect(value.toString()).toMatch(
        /^\{"id":"[^"]+","type":"[^"]+","schemaVersion":1,"time":"[^"]+","tenant":"default","producer":"[^"]+","producerSeq":[0-9]+,/,
      );
      const check = verifyEvent(value, new Map([[testKey.keyId, testPublicKey]]));
      expect(check.ok).toBe(topic === 'requests');
      expect(parseEvent(check.ok ? check.body : value)).toMatchObject({ ok: true });
    }
  });

  it('refuses a record that the event log would not take, and leaves no gap', async () => {
    const { spool } = await open();
    const drafts = new Drafts(spool);
    await appended(spool, drafts.filler());
    await expect(code(appended(spool, drafts.filler(), drafts.filler(1_000_000)))).resolves.toBe(
      'RECORD_TOO_LARGE',
    );
    await appended(spool, drafts.filler(900_000));
    await appended(spool, drafts.filler());
    await until(() => log.records.length === 3);
    expectGapless(log.events());
    expect(spool.state()).toMatchObject({ pendingBytes: 0, undrainedRecords: 0, broken: undefined });
  });

  it('takes an append that is larger than a segment', async () => {
    const { spool } = await open();
    const drafts = new Drafts(spool);
    const large = Array.from({ length: 5 }, () => drafts.filler(100_000));
    await Promise.all([
      appended(spool, drafts.filler()),
      appended(spool, ...large),
      appended(spool, drafts.filler()),
    ]);
    await appended(spool, ...large.map((draft) => ({ ...draft, event: { ...draft.event, id: newId() } })));
    await appended(spool, drafts.filler());
    await spool.close(0);
    const { spool: again } = await open();
    await until(() => again.state().undrainedRecords === 0);
    const ids = new Set(log.events().map(({ id }) => id));
    expect(ids.size).toBe(13);
  });

  it('refuses everything once it is closed', async () => {
    const { spool } = await open();
    await spool.close(1_000);
    await expect(code(appended(spool, new Drafts(spool).filler()))).resolves.toBe('SPOOL_CLOSED');
  });
});

describe('draining', () => {
  it('keeps the order and the sequences over segments and restarts, each event once after a clean close', async () => {
    const sent: string[] = [];
    for (let life = 0; life < 4; life += 1) {
      const { spool, recovered } = await open();
      expect(recovered.created).toBe(life === 0);
      const drafts = new Drafts(spool);
      await Promise.all(
        Array.from({ length: 300 }, (_, index) => {
          const intent = drafts.intent('allow', newId());
          const draft = index % 10 === 0 ? drafts.concluded(intent, 'completed') : drafts.filler();
          sent.push(draft.event.id);
          return appended(spool, draft);
        }),
      );
      await spool.close(10_000);
    }
    expect(log.events().map(({ id }) => id)).toEqual(sent);
    expectGapless(log.events());
    expect(new Set(log.events().map(({ producer }) => producer)).size).toBe(1);
  });

  it('goes on taking events while the log is away, and then drains them in order', async () => {
    log.away = true;
    const { spool } = await open();
    const drafts = new Drafts(spool);
    for (let index = 0; index < 400; index += 1) await appended(spool, drafts.filler());
    expect(spool.state()).toMatchObject({ undrainedRecords: 400 });
    expect((await segments()).length).toBeGreaterThan(3);
    log.away = false;
    await until(() => spool.state().undrainedRecords === 0);
    expect(log.records).toHaveLength(400);
    expectGapless(log.events());
  });

  it('opens a new producer after one failed', async () => {
    let failures = 0;
    const { spool } = await open({
      metrics: {
        groupWritten: () => undefined,
        drained: () => undefined,
        drainFailed: () => (failures += 1),
      },
    });
    const drafts = new Drafts(spool);
    await appended(spool, drafts.filler());
    await until(() => spool.state().undrainedRecords === 0);
    log.away = true;
    await appended(spool, drafts.filler());
    await until(() => failures > 0);
    log.away = false;
    await until(() => spool.state().undrainedRecords === 0);
    expect(log.opened).toBe(2);
    expectGapless(log.events());
  });

  it('ends in time when the log never answers', async () => {
    const { spool } = await open({ producerFactory: () => new Promise(() => undefined) });
    await appended(spool, new Drafts(spool).filler());
    const start = Date.now();
    await spool.close(200);
    expect(Date.now() - start).toBeLessThan(2_000);
  });

  it('deletes drained segments though a session is open, and still ends that session after a crash', async () => {
    const { spool } = await open();
    const drafts = new Drafts(spool);
    const held = drafts.intent('review', newId());
    await appended(spool, drafts.sessionOpened(), held, drafts.asked(held));
    for (let index = 0; index < 600; index += 1) await appended(spool, drafts.filler());
    await until(async () => !(await segments()).includes(0));
    await until(async () => (await segments()).length <= 3);
    await spool.close(1_000);
    const { recovered } = await open();
    expect(recovered).toMatchObject({
      outcomes: { cancelled: 1, unknown: 0 },
      reviewsConcluded: 1,
      sessionsClosed: 1,
    });
    await until(() => log.events().at(-1)?.type === 'session.closed');
    expectGapless(log.events());
  });
});

describe('a spool that is full', () => {
  it('refuses what begins, takes what ends from the reserve, and takes all again when it has drained', async () => {
    log.away = true;
    const { spool } = await open({ maxBytes: 4 << 20, segmentBytes: 1 << 20 });
    const drafts = new Drafts(spool);
    const running = drafts.intent('allow');
    await appended(spool, running);
    let full: unknown;
    while (full === undefined)
      full = await appended(spool, drafts.filler(50_000)).catch((error: unknown) => error);
    expect(full).toMatchObject({ code: 'SPOOL_FULL' });
    expect(spool.state().pendingBytes).toBeGreaterThanOrEqual(3 << 20);
    await expect(code(appended(spool, drafts.intent('allow')))).resolves.toBe('SPOOL_FULL');
    await expect(code(appended(spool, drafts.intent('deny'), drafts.outcome(running)))).resolves.toBe(
      'SPOOL_FULL',
    );
    await appended(spool, drafts.outcome(running));
    await appended(spool, drafts.concluded(running, 'completed'), drafts.sessionClosed());
    log.away = false;
    await until(() => spool.state().undrainedRecords === 0);
    await appended(spool, drafts.intent('allow'));
    expectGapless(log.events());
  });

  it('ends the reserve too, at its bound', async () => {
    log.away = true;
    const { spool } = await open({ maxBytes: 4 << 20, segmentBytes: 1 << 20 });
    const drafts = new Drafts(spool);
    const running = drafts.intent('allow');
    const reasons = (bytes: number) => {
      const draft = drafts.outcome(running);
      return { ...draft, event: { ...draft.event, reason: 'x'.repeat(bytes) } };
    };
    let full: unknown;
    while (full === undefined) full = await appended(spool, reasons(50_000)).catch((error: unknown) => error);
    expect(full).toMatchObject({ code: 'SPOOL_FULL' });
    expect(spool.state().pendingBytes).toBeGreaterThanOrEqual(4 << 20);
    expect(spool.state().pendingBytes).toBeLessThan((4 << 20) + 100_000);
  });

  it('opens all the same, ends what was open, and drains', async () => {
    log.away = true;
    const bounds = { maxBytes: 4 << 20, segmentBytes: 1 << 20 };
    const { spool } = await open(bounds);
    const drafts = new Drafts(spool);
    await appended(spool, drafts.intent('allow'));
    while ((await code(appended(spool, drafts.filler(50_000)))) === 'no error');
    await spool.close(0);
    log.away = false;
    const { spool: again, recovered } = await open(bounds);
    expect(recovered.outcomes.unknown).toBe(1);
    await until(() => again.state().undrainedRecords === 0);
    expectGapless(log.events());
  });
});

describe('opening', () => {
  const fill = async (): Promise<void> => {
    log.away = true;
    const { spool } = await open();
    const drafts = new Drafts(spool);
    for (let index = 0; index < 200; index += 1) await appended(spool, drafts.filler());
    await spool.close(0);
  };
  const file = (number: number) => path.join(folder, `segment-${String(number).padStart(10, '0')}.spool`);

  it('refuses a folder that is in use, and takes it once it is free', async () => {
    const { spool } = await open();
    await expect(open()).rejects.toMatchObject({
      code: 'SPOOL_LOCKED',
      message: `the spool in ${folder} is in use by another process`,
    });
    await spool.close(0);
    await open();
  });

  it('refuses the spool of another tenant', async () => {
    const { spool } = await open();
    await spool.close(0);
    await expect(open({ tenant: 'other' })).rejects.toMatchObject({ code: 'SPOOL_FOREIGN' });
  });

  it('names file and offset of damage, and changes nothing', async () => {
    await fill();
    const bytes = await readFile(file(1));
    bytes[10_000] = (bytes[10_000] as number) ^ 1;
    await writeFile(file(1), bytes);
    const before = await readdir(folder);
    await expect(open()).rejects.toMatchObject({
      code: 'SPOOL_DAMAGED',
      message: expect.stringMatching(/segment-0000000001\.spool is damaged at offset [0-9]+: /) as string,
    });
    expect(await readdir(folder)).toEqual(before);
    expect(await readFile(file(1))).toEqual(bytes);
  });

  it('refuses when a segment is missing', async () => {
    await fill();
    await rm(file(1));
    await expect(open()).rejects.toMatchObject({ message: `${file(1)} is missing` });
  });

  it('refuses when the end of a segment that is not the last was lost', async () => {
    await fill();
    const bytes = await readFile(file(0));
    const end = bytes.lastIndexOf('}') + 1;
    const lastGroup = bytes.lastIndexOf(Buffer.from('1e435331', 'hex'), end);
    await writeFile(file(0), bytes.fill(0, lastGroup));
    await expect(open()).rejects.toMatchObject({
      message: expect.stringContaining('events at the end of the segment before it are missing') as string,
    });
  });

  it('cuts an unfinished write off the end, and goes on with its sequence numbers', async () => {
    await fill();
    const last = Math.max(...(await segments()).filter((number) => number < 99));
    // The last but one holds groups, the last is preallocated.
    const bytes = await readFile(file(last - 1));
    const end = bytes.lastIndexOf('}') + 1;
    await truncate(file(last - 1), end - 100);
    log.away = false;
    const { spool, recovered } = await open();
    expect(recovered.tornBytes).toBeGreaterThan(0);
    await appended(spool, new Drafts(spool).filler());
    await until(() => spool.state().undrainedRecords === 0);
    expect(log.records).toHaveLength(200);
    expectGapless(log.events());
  });
});
