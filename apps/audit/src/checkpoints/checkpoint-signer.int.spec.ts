import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createPublicKey } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pinCheckpoint, readTrustFolder, trustLogs } from '#libs/ledger/trust-folder.js';
import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { connectClient } from '#libs/postgres/client.js';
import { eventually } from '#libs/testing/eventually.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { formatCheckpoint } from '#libs/tlog/checkpoint.js';
import { signNote } from '#libs/tlog/signed-note.js';
import { noteVerifier } from '#libs/tlog/vkey.js';
import { keyInMemory } from './checkpoint-key.js';
import { restoreSignedChain } from './restore-signed-chain.js';
import { privateKey, recordsFrom, testLedger, type TestLedger } from '../testing/test-ledger.js';

const P0 = { topic: 'statements', partition: 0 } as const;
const NAME = 'statements/0';

let postgres: TemporaryPostgres;
let ledger: TestLedger;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
}, 60_000);
afterAll(() => postgres.dispose());
beforeEach(async () => {
  ledger = await testLedger(postgres);
});
afterEach(() => ledger.close());

const sizeOf = (note: Buffer | string | undefined): string | undefined => note?.toString().split('\n')[1];
const outside = (): Promise<string> =>
  readFile(path.join(ledger.trustFolder, 'checkpoints', 'statements-0.note'), 'utf8');
const clean = { verdict: 'OK', findings: [] };
const verify = (): Promise<unknown> =>
  verifyLedger({ url: ledger.adminUrl, trustFolder: ledger.trustFolder });

describe('the signer', () => {
  it('signs every log from its creation on, size 0 included', async () => {
    const signer = await ledger.signer();
    await signer.start();
    for (const { name } of ledger.chains) expect(sizeOf(signer.current(name))).toBe('0');
    await signer.stop();
    expect(await verify()).toEqual({ ...clean, entries: 0 });
  });

  it('signs what grew soon after: in the database, outside it, and served', async () => {
    const signer = await ledger.signer();
    await signer.start();
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    for (const [from, count] of [
      [0, 5],
      [5, 600],
    ] as const) {
      await ingest.handle(P0, recordsFrom(from, count));
      await eventually(() => expect(sizeOf(signer.current(NAME))).toBe(String(from + count)));
      expect(await outside()).toBe(signer.current(NAME)?.toString());
    }
    await signer.stop();
    expect(await verify()).toEqual({ ...clean, entries: 605 });
  });

  it('shares the work with a second signer: one line of checkpoints, no fork', async () => {
    const signers = await Promise.all([ledger.signer({ intervalMs: 7 }), ledger.signer({ intervalMs: 11 })]);
    await Promise.all(signers.map((signer) => signer.start()));
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    for (let from = 0; from < 200; from += 4) await ingest.handle(P0, recordsFrom(from, 4));
    for (const signer of signers) await eventually(() => expect(sizeOf(signer.current(NAME))).toBe('200'));
    for (const signer of signers) {
      expect(signer.problem()).toBeUndefined();
      await signer.stop();
    }
    expect(await verify()).toEqual({ ...clean, entries: 200 });
  });

  it('starts beside one that signs meanwhile, and still refuses a database that is behind', async () => {
    const first = await ledger.signer({ intervalMs: 5 });
    await first.start();
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, recordsFrom(0, 1));
    await eventually(() => expect(sizeOf(first.current(NAME))).toBe('1'));
    const chain = ledger.chains.find(({ name }) => name === NAME) as TestLedger['chains'][number];
    const log = noteVerifier(chain.origin, 'log', createPublicKey(privateKey));
    const trust = await readTrustFolder(ledger.trustFolder);
    // Between the look at the database and the copy outside the first one signs what has grown.
    let grown = false;
    const query: BulkQuery = async (text, values, name) => {
      const rows = await ledger.pool.query(text, values, name);
      if (!grown && text.includes('ledger.checkpoints')) {
        grown = true;
        await ingest.handle(P0, recordsFrom(1, 4));
        await eventually(async () => expect(sizeOf(await outside())).toBe('5'));
      }
      return rows as never;
    };
    const restored = await restoreSignedChain(query, chain, log, trust, ledger.trustFolder);
    expect(sizeOf(restored.served)).toBe('5');
    await first.stop();

    const behind: BulkQuery = (text, values, name) =>
      ledger.pool.query(
        text.replace('FROM ledger.checkpoints WHERE', 'FROM ledger.checkpoints WHERE size < 5 AND'),
        values,
        name,
      );
    await expect(restoreSignedChain(behind, chain, log, trust, ledger.trustFolder)).rejects.toMatchObject({
      code: 'ROLLBACK',
    });
  });

  it('catches the copy outside up when it died between the two', async () => {
    const first = await ledger.signer();
    await first.start();
    await first.stop();
    const before = await outside();
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, recordsFrom(0, 3));
    const second = await ledger.signer();
    await second.start();
    await second.stop();
    await writeFile(path.join(ledger.trustFolder, 'checkpoints', 'statements-0.note'), before);
    const third = await ledger.signer();
    await third.start();
    expect(sizeOf(await outside())).toBe('3');
    await third.stop();
  });

  it('publishes nothing that its key did not sign', async () => {
    const key = keyInMemory(privateKey);
    let broken: ((body: Buffer) => Promise<Buffer>) | undefined;
    const signer = await ledger.signer({
      intervalMs: 20,
      key: { publicKey: key.publicKey, sign: (body) => (broken ?? ((given) => key.sign(given)))(body) },
    });
    await signer.start();
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    for (const [seq, answer] of [
      () => key.sign(Buffer.from('something else')),
      () => Promise.resolve(Buffer.alloc(64)),
      () => Promise.resolve(Buffer.alloc(0)),
      () => Promise.reject(new Error('the token is not there')),
    ].entries()) {
      broken = answer;
      await ingest.handle(P0, recordsFrom(seq, 1));
      await eventually(() => expect(signer.problem()).toContain(NAME));
      expect(sizeOf(signer.current(NAME))).toBe(String(seq));
      broken = undefined;
      await eventually(() => expect(sizeOf(signer.current(NAME))).toBe(String(seq + 1)));
    }
    await signer.stop();
    expect(await verify()).toEqual({ ...clean, entries: 4 });
  });

  it('signs nothing that does not follow from what it signed, and goes on when it was put right', async () => {
    const signer = await ledger.signer({ intervalMs: 20 });
    await signer.start();
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, recordsFrom(0, 10));
    await eventually(() => expect(sizeOf(signer.current(NAME))).toBe('10'));
    const admin = await connectClient(ledger.adminUrl, 'attacker');
    const chain = ledger.chains.find(({ name }) => name === NAME)?.chain;
    await admin.query('ALTER TABLE ledger.chain_heads DISABLE TRIGGER ALL');
    await admin.query(`CREATE TABLE public.saved AS SELECT * FROM ledger.chain_heads WHERE chain = ${chain}`);
    await admin.query(
      `UPDATE ledger.chain_heads SET size = 11, compact_range = '\\x00' WHERE chain = ${chain}`,
    );
    await eventually(() => expect(signer.problem()).toContain(NAME));
    await admin.query(`UPDATE ledger.chain_heads SET size = 4 WHERE chain = ${chain}`);
    await eventually(() => expect(signer.problem()).toContain('ROLLBACK'));
    expect(sizeOf(signer.current(NAME))).toBe('10');
    await admin.query(`UPDATE ledger.chain_heads h SET size = s.size, compact_range = s.compact_range
      FROM public.saved s WHERE h.chain = s.chain`);
    await admin.query(`DROP TABLE public.saved;
      ALTER TABLE ledger.chain_heads ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER only_forward`);
    await admin.end();
    await eventually(() => expect(signer.problem()).toBeUndefined());
    await ingest.handle(P0, recordsFrom(10, 1));
    await eventually(() => expect(sizeOf(signer.current(NAME))).toBe('11'));
    await signer.stop();
    expect(await verify()).toEqual({ ...clean, entries: 11 });
  });
});

describe('the copy outside', () => {
  const ORIGIN = 'audit.example/x/0';
  const log = noteVerifier(ORIGIN, 'log', createPublicKey(privateKey));
  const noteOf = (size: bigint, root: Buffer) => {
    const checkpoint = { origin: ORIGIN, size, root };
    return { checkpoint, note: signNote(formatCheckpoint(checkpoint), log, privateKey) };
  };
  const folderFor = async (work: (folder: string) => Promise<void>): Promise<void> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-trust-'));
    await trustLogs(folder, [log]);
    await work(folder);
    await rm(folder, { recursive: true });
  };

  it('only grows, and never has two roots of one size', () =>
    folderFor(async (folder) => {
      const pin = ({ note, checkpoint }: ReturnType<typeof noteOf>) =>
        pinCheckpoint(folder, 'x/0', log, note, checkpoint);
      const [five, other, four, six] = [
        noteOf(5n, Buffer.alloc(32, 1)),
        noteOf(5n, Buffer.alloc(32, 2)),
        noteOf(4n, Buffer.alloc(32, 1)),
        noteOf(6n, Buffer.alloc(32, 3)),
      ] as const;
      expect(await pin(five)).toEqual({ stored: true });
      expect(await pin(five)).toEqual({ stored: true });
      expect(await pin(other)).toEqual({ stored: false, pinned: five.checkpoint });
      expect(await pin(four)).toEqual({ stored: false, pinned: five.checkpoint });
      expect(await pin(six)).toEqual({ stored: true });
      expect(await readFile(path.join(folder, 'checkpoints', 'x-0.note'))).toEqual(six.note);
    }));

  it('keeps the largest of many that come at once', () =>
    folderFor(async (folder) => {
      const sizes = Array.from({ length: 20 }, (_, index) => BigInt((index * 7) % 20));
      await Promise.all(
        sizes.map((size) => {
          const { note, checkpoint } = noteOf(size, Buffer.alloc(32, 1));
          return pinCheckpoint(folder, 'x/0', log, note, checkpoint);
        }),
      );
      expect(sizeOf(await readFile(path.join(folder, 'checkpoints', 'x-0.note')))).toBe('19');
    }));

  it('refuses another key for a log it knows', () =>
    folderFor(async (folder) => {
      const raw = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.alloc(32, 1)]);
      const other = noteVerifier(ORIGIN, 'log', createPublicKey({ key: raw, format: 'der', type: 'spki' }));
      await expect(trustLogs(folder, [other])).rejects.toMatchObject({ code: 'TRUST_KEY_DIFFERS' });
    }));
});
