import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newId } from '#libs/kernel/uuid.js';
import { execFileSync } from 'node:child_process';
import type { CodedError } from '#libs/kernel/coded-error.js';
import { openSpool } from './open-spool.js';
import { nodeFiles, type SpoolFiles } from './spool-files.js';
import type { SpoolOptions } from './spool-options.js';
import type { DraftEvent, Spool } from './spool.js';
import { appended, Drafts, optionsFor, RememberingLog, temporaryFolder } from './temporary-spool.js';

/** What happens to the operation that fails: nothing of it, half of it, or all of it reached the disk. */
type Effect = 'not persisted' | 'half persisted' | 'persisted';

class DiskFault extends Error {
  constructor(readonly code: 'ENOSPC' | 'EIO') {
    super(`${code}: the disk failed, as the test wanted`);
  }
}

/** The real file system, whose operations fail from the nth change on, as a broken disk's do. */
class FailingDisk implements SpoolFiles {
  changes = 0;
  failAt = Number.POSITIVE_INFINITY;
  effect: Effect = 'not persisted';
  code: 'ENOSPC' | 'EIO' = 'EIO';
  /** Only these operations fail; all when empty. */
  only = '';

  list = nodeFiles.list;
  readAll = nodeFiles.readAll;
  read = nodeFiles.read;
  openForRead = nodeFiles.openForRead;
  openForAppend = nodeFiles.openForAppend;
  close = nodeFiles.close;
  makeFolder = nodeFiles.makeFolder;

  createSegment: SpoolFiles['createSegment'] = (file, header, bytes) =>
    this.change('createSegment', () => nodeFiles.createSegment(file, header, bytes));
  remove: SpoolFiles['remove'] = (file) => this.change('remove', () => nodeFiles.remove(file));

  writeDurably: SpoolFiles['writeDurably'] = (descriptor, buffer, length, position, done) => {
    if (!this.fails('writeDurably'))
      return nodeFiles.writeDurably(descriptor, buffer, length, position, done);
    if (this.effect === 'not persisted') return void setImmediate(() => done(new DiskFault(this.code)));
    const written = this.effect === 'persisted' ? length : Math.floor(length / 2);
    nodeFiles.writeDurably(descriptor, buffer, written, position, () => done(new DiskFault(this.code)));
  };

  private async change(name: string, operation: () => Promise<void>): Promise<void> {
    if (!this.fails(name)) return operation();
    if (this.effect === 'persisted') await operation();
    throw new DiskFault(this.code);
  }

  private fails(name: string): boolean {
    this.changes += 1;
    return this.changes >= this.failAt && (this.only === '' || this.only === name);
  }
}

let folder: string;
let dispose: () => Promise<void>;
let disk: FailingDisk;
let log: RememberingLog;
const opened: Spool[] = [];

const open = async (more: Partial<SpoolOptions> = {}): Promise<Spool> => {
  const { spool } = await openSpool(optionsFor(folder, log, more));
  opened.push(spool);
  return spool;
};
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'durable',
    (error: unknown) => (error as CodedError).code,
  );

beforeEach(async () => {
  ({ folder, dispose } = await temporaryFolder());
  disk = new FailingDisk();
  log = new RememberingLog();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((spool) => spool.close(0)));
  await dispose();
});

/** Everything that the spool in the folder holds, drained by an undisturbed process. */
async function reopened(): Promise<RememberingLog> {
  const fresh = new RememberingLog();
  const { spool } = await openSpool(optionsFor(folder, fresh));
  await spool.close(10_000);
  return fresh;
}

describe('a write that fails', () => {
  it.each([
    ['ENOSPC', 'not persisted', 'refused at once, and gone'],
    ['EIO', 'not persisted', 'refused at once, and gone'],
    ['EIO', 'half persisted', 'refused at once, and gone'],
    ['EIO', 'persisted', 'refused at once, and found later as unknown'],
  ] as const)('%s, %s: the intent is %s', async (code, effect, claim) => {
    log.away = true;
    const spool = await open({ files: disk });
    const drafts = new Drafts(spool);
    const before = drafts.filler();
    await appended(spool, before);
    Object.assign(disk, { code, effect, failAt: 0, only: 'writeDurably' });
    const intent = drafts.intent('allow');
    const waiting = [codeOf(appended(spool, intent)), codeOf(appended(spool, drafts.filler()))];
    expect(await Promise.all(waiting)).toEqual(['SPOOL_BROKEN', 'SPOOL_BROKEN']);
    expect(spool.state().broken).toMatchObject({ code: 'SPOOL_BROKEN' });

    disk.failAt = Number.POSITIVE_INFINITY;
    const writes = disk.changes;
    expect(await codeOf(appended(spool, drafts.filler()))).toBe('SPOOL_BROKEN');
    expect(await codeOf(appended(spool, drafts.outcome(intent)))).toBe('SPOOL_BROKEN');
    expect(disk.changes).toBe(writes);
    await spool.close(0);

    const events = (await reopened()).events();
    expect(events.map(({ producerSeq }) => producerSeq)).toEqual(events.map((_, index) => index));
    expect(events[0]?.id).toBe(before.event.id);
    const outcomes = events.filter(({ type }) => type === 'statement.outcome-recorded');
    if (claim.endsWith('unknown'))
      expect(outcomes).toMatchObject([{ intentId: intent.event.id, outcome: 'unknown' }]);
    else expect(events).toHaveLength(1);
  });
});

describe('bytes that a failed sync left in memory only', () => {
  it('go to the disk again before anything else is written', async () => {
    log.away = true;
    const spool = await open({ files: disk });
    const drafts = new Drafts(spool);
    await appended(spool, drafts.filler());
    Object.assign(disk, { effect: 'persisted', failAt: 0, only: 'writeDurably' });
    const doubtful = drafts.intent('allow');
    expect(await codeOf(appended(spool, doubtful))).toBe('SPOOL_BROKEN');
    await spool.close(0);

    const written: string[] = [];
    const files: SpoolFiles = {
      ...nodeFiles,
      writeDurably: (descriptor, buffer, length, position, done) => {
        written.push(buffer.toString('utf8', 0, length));
        nodeFiles.writeDurably(descriptor, buffer, length, position, done);
      },
    };
    await (await open({ files })).close(0);
    expect(written[0]).toContain(`{"id":"${doubtful.event.id}","type":"statement.intent-recorded"`);
    expect(written[0]).not.toContain('outcome-recorded');
    expect(written.filter((text) => text.includes('outcome-recorded'))).toHaveLength(1);
  });
});

describe('a disk without room for the next segment', () => {
  it('takes what ends while the current segment lasts, nothing new, and all again when there is room', async () => {
    log.away = true;
    const spool = await open({ files: disk });
    const drafts = new Drafts(spool);
    Object.assign(disk, { code: 'ENOSPC', failAt: 0, only: 'createSegment' });
    const running: DraftEvent[] = [];
    let refused = 'durable';
    while (refused === 'durable') {
      const intent = drafts.intent('allow');
      refused = await codeOf(appended(spool, intent));
      if (refused === 'durable') running.push(intent);
    }
    expect(refused).toBe('SPOOL_FULL');
    expect(spool.state().broken).toBeUndefined();
    await appended(spool, drafts.outcome(running[0] as DraftEvent));
    disk.failAt = Number.POSITIVE_INFINITY;
    for (const end = Date.now() + 5_000; (await codeOf(appended(spool, drafts.filler()))) !== 'durable';) {
      if (Date.now() > end) throw new Error('the spool did not find the room again');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    log.away = false;
    await spool.close(10_000);
    const events = log.events();
    expect(events).toHaveLength(running.length + 2);
    expect(events.map(({ producerSeq }) => producerSeq)).toEqual(events.map((_, index) => index));
  });

  it('tells all who wait, and keeps the sequence whole, when the segment runs out in the middle', async () => {
    log.away = true;
    const spool = await open({ files: disk });
    const drafts = new Drafts(spool);
    Object.assign(disk, { code: 'ENOSPC', failAt: 0, only: 'createSegment' });
    const results: string[] = [];
    // Closings only: these are refused by nothing but the end of the room.
    for (let round = 0; !results.includes('SPOOL_FULL'); round += 1)
      results.push(
        ...(await Promise.all(
          Array.from({ length: 20 }, () => codeOf(appended(spool, drafts.outcome(drafts.intent('allow'))))),
        )),
      );
    expect(new Set(results)).toEqual(new Set(['durable', 'SPOOL_FULL']));
    disk.failAt = Number.POSITIVE_INFINITY;
    for (const end = Date.now() + 5_000; results.at(-1) !== 'durable';) {
      if (Date.now() > end) throw new Error('the spool did not find the room again');
      await new Promise((resolve) => setTimeout(resolve, 50));
      results.push(await codeOf(appended(spool, drafts.filler())));
    }
    await spool.close(0);
    const events = (await reopened()).events();
    expect(events).toHaveLength(results.filter((result) => result === 'durable').length);
    expect(events.map(({ producerSeq }) => producerSeq)).toEqual(events.map((_, index) => index));
  });

  it('is found on a real disk that is full', async () => {
    await mkdir(folder, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' });
    } catch (error) {
      process.stderr.write(`SKIPPED: a really full disk (no tmpfs can be mounted here: ${String(error)})\n`);
      return;
    }
    try {
      log.away = true;
      const spool = await open({ segmentBytes: 256 << 10, logger: optionsFor(folder, log).logger });
      const drafts = new Drafts(spool);
      const intent = drafts.intent('allow');
      await appended(spool, intent);
      let refused = 'durable';
      while (refused === 'durable') refused = await codeOf(appended(spool, drafts.filler(2_000)));
      expect(refused).toBe('SPOOL_FULL');
      await appended(spool, drafts.outcome(intent));
      log.away = false;
      await spool.close(10_000);
      const events = log.events();
      expect(events.map(({ producerSeq }) => producerSeq)).toEqual(events.map((_, index) => index));
      expect(events.at(-1)).toMatchObject({ intentId: intent.event.id });
    } finally {
      await Promise.all(opened.splice(0).map((spool) => spool.close(0)));
      execFileSync('umount', [folder]);
    }
  });
});

describe('a segment that is wholly in the event log', () => {
  it('stays until the next one’s checkpoint is durable', async () => {
    let release: () => void = () => undefined;
    let held: (() => void) | undefined;
    const holding = new Promise<void>((resolve) => (held = resolve));
    const files: SpoolFiles = {
      ...nodeFiles,
      writeDurably: (descriptor, buffer, length, position, done) => {
        const write = () => nodeFiles.writeDurably(descriptor, buffer, length, position, done);
        const text = buffer.toString('utf8', 0, length);
        if (!text.includes('"sequences":[["statements"')) return write();
        release = write;
        held?.();
      },
    };
    let acknowledge: () => void = () => undefined;
    const acknowledged = new Promise<void>((resolve) => (acknowledge = resolve));
    const producerFactory = async () => {
      const producer = await log.factory();
      const append: typeof producer.append = (records) => acknowledged.then(() => producer.append(records));
      return { ...producer, append };
    };
    const spool = await open({ files, producerFactory });
    const drafts = new Drafts(spool);
    // Two fill the first segment; the third begins the next while the log has not answered.
    await appended(spool, drafts.filler(25_000), drafts.filler(25_000));
    let third = 'waits';
    spool.append([drafts.filler(25_000)], (error) => (third = error?.code ?? 'durable'));
    await holding;
    acknowledge();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(log.records).toHaveLength(2);
    expect(spool.state().undrainedRecords).toBe(1);
    expect(third).toBe('waits');
    expect(await readdir(folder)).toContain('segment-0000000000.spool');
    release();
    for (const end = Date.now() + 5_000; (await readdir(folder)).includes('segment-0000000000.spool');) {
      if (Date.now() > end) throw new Error('the segment stayed');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

describe('a recovery that the disk, or another kill, interrupts at any change', () => {
  it('is completed by the next one, and writes no end twice', async () => {
    log.away = true;
    const { spool } = await openSpool(optionsFor(folder, log));
    const drafts = Array.from({ length: 4 }, () => new Drafts(spool));
    for (const of of drafts) {
      const held = of.intent('review', newId());
      const released = of.intent('review', newId());
      await appended(spool, of.sessionOpened(), of.intent('allow'), of.intent('deny'), held, of.asked(held));
      await appended(spool, released, of.asked(released), of.released(released), of.filler(9_000));
    }
    await spool.close(0);
    // An unfinished write stands at the end, as a kill leaves it.
    const segments = (await readdir(folder)).sort();
    const last = path.join(folder, segments[segments.length - 2] as string);
    const bytes = await readFile(last);
    await writeFile(last, bytes.subarray(0, bytes.lastIndexOf('}') - 7));
    const kept = `${folder}-kept`;
    await rename(folder, kept);

    let interrupted = 0;
    for (const effect of ['not persisted', 'half persisted', 'persisted'] as const)
      for (let failAt = 1; ; failAt += 1) {
        await cp(kept, folder, { recursive: true });
        disk = new FailingDisk();
        Object.assign(disk, { failAt, effect });
        const recovery = await codeOf(
          openSpool(optionsFor(folder, log, { files: disk })).then(({ spool: recovered }) =>
            recovered.close(0),
          ),
        );
        if (recovery !== 'durable') interrupted += 1;
        const events = (await reopened()).events();
        await rm(folder, { recursive: true });
        const place = `${effect} from change ${failAt}`;
        const ended = (type: string, field: string) =>
          events.filter((event) => event.type === type).map((event) => event[field]);
        expect([place, ended('statement.outcome-recorded', 'intentId').sort()]).toEqual([
          place,
          ended('statement.intent-recorded', 'id').sort(),
        ]);
        expect([place, ended('review.concluded', 'intentId').sort()]).toEqual([
          place,
          ended('review.asked', 'intentId').sort(),
        ]);
        expect([place, ended('session.closed', 'sessionId').sort()]).toEqual([
          place,
          ended('session.opened', 'sessionId').sort(),
        ]);
        expect(new Set(ended('statement.outcome-recorded', 'outcome'))).toEqual(
          new Set(['unknown', 'cancelled', 'refused']),
        );
        if (disk.changes < failAt) break;
      }
    expect(interrupted).toBeGreaterThan(10);
  }, 60_000);
});

describe('any change to the disk that fails, and all after it', () => {
  /** Begins, appends over several segments, drains, closes; returns what was called back as durable. */
  async function life(): Promise<{ durable: string[]; refused: string[] }> {
    const durable: string[] = [];
    const refused: string[] = [];
    try {
      const { spool } = await openSpool(optionsFor(folder, log, { files: disk }));
      const drafts = new Drafts(spool);
      await Promise.all(
        Array.from({ length: 6 }, async () => {
          for (let index = 0; index < 12; index += 1) {
            const intent = drafts.intent('allow');
            const events = [intent, drafts.filler(4_000), drafts.outcome(intent)];
            const result = await codeOf(appended(spool, ...events));
            (result === 'durable' ? durable : refused).push(...events.map(({ event }) => event.id));
          }
        }),
      );
      await spool.close(200);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    return { durable, refused };
  }

  it('loses nothing that was called back, and leaves no gap', async () => {
    await life();
    const changes = disk.changes;
    expect(changes).toBeGreaterThan(30);
    for (const effect of ['not persisted', 'half persisted', 'persisted'] as const)
      for (let failAt = 1; failAt <= changes; failAt += effect === 'half persisted' ? 2 : 3) {
        await dispose();
        ({ folder, dispose } = await temporaryFolder());
        disk = new FailingDisk();
        log = new RememberingLog();
        Object.assign(disk, { failAt, effect });
        const { durable } = await life();
        const first = log.events().map(({ id }) => id);
        const events = (await reopened()).events();
        // Twice is allowed, by id; lost, or out of sequence, is not.
        const all = new Map([...log.events(), ...events].map((event) => [event.producerSeq, event.id]));
        const place = `${effect} from change ${failAt} of ${changes}`;
        const kept = new Set([...first, ...events.map(({ id }) => id)]);
        expect([place, durable.filter((id) => !kept.has(id))]).toEqual([place, []]);
        expect([place, [...all.keys()].sort((a, b) => a - b)]).toEqual([
          place,
          [...all.keys()].map((_, i) => i),
        ]);
        expect([place, all.size]).toEqual([place, kept.size]);
      }
  }, 120_000);
});
