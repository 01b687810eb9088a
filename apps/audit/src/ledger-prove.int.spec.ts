import { proveEntry } from '#libs/ledger/prove/prove-entry.js';
import { proveGrowth } from '#libs/ledger/prove/prove-growth.js';
import { readTrustFolder } from '#libs/ledger/trust-folder.js';
import { Findings } from '#libs/ledger/verify/finding.js';
import type { LogReader } from '#libs/ledger/verify-log/log-reader.js';
import { verifyLog } from '#libs/ledger/verify-log/verify-log.js';
import { payloadCommitment } from '#libs/tlog/hashing.js';
import { decodeEntry } from '#libs/tlog/entry.js';
import { parseTilePath } from '#libs/tlog/tile.js';
import { checkTlogConsistency, parseTlogConsistency } from '#libs/tlog/tlog-consistency.js';
import { checkTlogProof, parseTlogProof } from '#libs/tlog/tlog-proof.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';
import { readTile } from './logs/read-tile.js';
import { attackedLedger, NAME, seen, type AttackedLedger } from './testing/attacked-ledger.js';

let attacked: AttackedLedger;
let logs: readonly NoteVerifier[];
let log: NoteVerifier;
beforeAll(async () => {
  attacked = await attackedLedger();
  ({ logs } = await readTrustFolder(attacked.trust));
  log = logs.find(({ name }) => name.endsWith(`/${NAME}`)) as NoteVerifier;
}, 90_000);
afterAll(() => attacked.dispose());

const eventAt = async (seq: number): Promise<string> =>
  (
    await attacked.admin.query<{ id: string }>(
      `SELECT event_id::text AS id FROM ledger.entries WHERE chain = ${attacked.chain} AND seq = ${seq}`,
    )
  ).rows[0]?.id as string;

describe('ledger prove', () => {
  it.each([0, 255, 256, 511, 512, 599, 601])('proves entry %i, with the bytes it is about', async (seq) => {
    const proof = await proveEntry(attacked.ledger.adminUrl, await eventAt(seq), logs);
    expect(proof).toMatchObject({ chain: NAME, seq: BigInt(seq), size: 602n });
    const parsed = parseTlogProof(proof.proof) as NonNullable<ReturnType<typeof parseTlogProof>>;
    expect(checkTlogProof(parsed, proof.entry, log)).toMatchObject({ ok: true });
    expect(parsed.extra).toEqual(proof.entry);
    const entry = decodeEntry(proof.entry);
    expect(payloadCommitment(proof.salt as Buffer, proof.payload as Buffer)).toEqual(entry?.payloadCommit);
    expect(entry?.eventId).toBe(proof.eventId);
  });

  it('proves growth between any two checkpoints', async () => {
    for (const [from, to] of [
      [300n, 602n],
      [300n, undefined],
      [300n, 300n],
      [602n, 602n],
    ] as const) {
      const proof = await proveGrowth(attacked.ledger.adminUrl, NAME, from, to, logs);
      const parsed = parseTlogConsistency(proof.proof) as NonNullable<
        ReturnType<typeof parseTlogConsistency>
      >;
      expect(checkTlogConsistency(parsed, proof.old, log)).toMatchObject({
        ok: true,
        from: { size: from },
        to: { size: to ?? 602n },
      });
    }
  });

  it('says why it cannot', async () => {
    const url = attacked.ledger.adminUrl;
    const id = await eventAt(17);
    await expect(proveEntry(url, '0198c5a0-0000-7000-8000-00000000ffff', logs)).rejects.toMatchObject({
      code: 'NO_SUCH_EVENT',
    });
    await expect(proveEntry(url, id, [])).rejects.toMatchObject({ code: 'NO_TRUSTED_KEY' });
    await expect(proveGrowth(url, 'statements/99', 1n, 2n, logs)).rejects.toMatchObject({
      code: 'NO_SUCH_CHAIN',
    });
    for (const [from, to] of [
      [299n, 602n],
      [0n, 602n],
      [602n, 300n],
      [300n, 601n],
    ] as const)
      await expect(proveGrowth(url, NAME, from, to, logs)).rejects.toMatchObject({
        code: 'NO_SUCH_CHECKPOINT',
      });
    const here = `chain = ${attacked.chain}`;
    await attacked.during(
      () => attacked.run(`UPDATE ledger.entries SET leaf = sha256(leaf) WHERE ${here} AND seq = 550`),
      async () => {
        await expect(proveEntry(url, await eventAt(551), logs)).rejects.toMatchObject({
          code: 'PROOF_INVALID',
        });
      },
    );
    await attacked.during(
      () => attacked.run(`DELETE FROM ledger.checkpoints WHERE ${here} AND size = 602`),
      async () => {
        await expect(proveEntry(url, await eventAt(551), logs)).rejects.toMatchObject({
          code: 'NOT_SIGNED_YET',
        });
      },
    );
  });
});

/** The log as audit serves it, read from the tables. */
const served: LogReader = {
  read: async (path) => {
    const chain = attacked.ledger.chains.find(({ name }) => name === NAME);
    if (path === 'genesis') return chain?.genesis;
    if (path === 'checkpoint')
      return (
        await attacked.admin.query<{ note: Buffer }>(
          `SELECT note FROM ledger.checkpoints WHERE chain = ${attacked.chain} ORDER BY number DESC LIMIT 1`,
        )
      ).rows[0]?.note;
    const tile = parseTilePath(path);
    return tile === undefined ? undefined : readTile(attacked.ledger.pool.query, attacked.chain, 602n, tile);
  },
};

/** What is found when one resource comes back changed. */
async function whenServed(change: (path: string, bytes: Buffer) => Buffer | undefined): Promise<string[]> {
  const findings = new Findings();
  const reader: LogReader = {
    read: async (path, max) => {
      const bytes = await served.read(path, max);
      return bytes === undefined ? undefined : change(path, Buffer.from(bytes));
    },
  };
  const { notes } = await readTrustFolder(attacked.trust);
  await verifyLog({ chain: NAME, log, reader, trustedNote: notes.get('statements-0') }, findings);
  return seen(findings.list());
}

const flip = (bytes: Buffer, at: number): Buffer => {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
};

const noteOf = async (size: number): Promise<Buffer> =>
  (
    await attacked.admin.query<{ note: Buffer }>(
      `SELECT note FROM ledger.checkpoints WHERE chain = ${attacked.chain} AND size = ${size}`,
    )
  ).rows[0]?.note as Buffer;

describe('a log as it is served', () => {
  const gap = `SOURCE_GAP ${NAME} 600`;

  it('is verified whole, with nothing found but the one gap of its producer', async () => {
    expect(await whenServed((_, bytes) => bytes)).toEqual([gap]);
  });

  it.each<[string, (path: string, bytes: Buffer) => Buffer | undefined, string]>([
    [
      'a hash of a full tile changed',
      (p, b) => (p === 'tile/0/001' ? flip(b, 32 * 9) : b),
      'TILE_MISMATCH statements/0 265',
    ],
    [
      'a partial tile changed',
      (p, b) => (p === 'tile/0/002.p/90' ? flip(b, 32 * 7) : b),
      'TILE_MISMATCH statements/0 519',
    ],
    [
      'a tile of the level above changed',
      (p, b) => (p.startsWith('tile/1/') ? flip(b, 33) : b),
      'TILE_MISMATCH statements/0 256',
    ],
    ['a tile absent', (p, b) => (p === 'tile/0/000' ? undefined : b), 'TILE_MISMATCH statements/0 0'],
    [
      'an entry changed in its bundle',
      (p, b) => (p === 'tile/entries/000' ? flip(b, 100) : b),
      'ROOT_MISMATCH statements/0 601',
    ],
    [
      'a bundle cut',
      (p, b) => (p === 'tile/entries/001' ? b.subarray(0, -1) : b),
      'BUNDLE_MALFORMED statements/0 256',
    ],
    [
      'a bundle with an entry too few',
      (p, b) => (p === 'tile/entries/002.p/90' ? b.subarray(2 + b.readUInt16BE(0)) : b),
      'BUNDLE_MALFORMED statements/0 512',
    ],
    [
      'a bundle absent',
      (p, b) => (p.startsWith('tile/entries/002') ? undefined : b),
      'TRUNCATED statements/0 512',
    ],
    ['no checkpoint', (p, b) => (p === 'checkpoint' ? undefined : b), 'CHAIN_MISSING statements/0'],
    [
      'the signature changed',
      (p, b) =>
        p === 'checkpoint'
          ? Buffer.from(
              b
                .toString()
                .replace(/.(.{8})=\n$/, (m, rest: string) => `${m.startsWith('A') ? 'B' : 'A'}${rest}=\n`),
            )
          : b,
      'SIG_INVALID statements/0',
    ],
    [
      'the checkpoint with CRLF',
      (p, b) => (p === 'checkpoint' ? Buffer.from(b.toString().replaceAll('\n', '\r\n')) : b),
      'MALFORMED_CHECKPOINT statements/0',
    ],
    [
      'another genesis descriptor',
      (p, b) => (p === 'genesis' ? flip(b, 12) : b),
      'CHAIN_BREAK statements/0 0',
    ],
  ])('%s: found and named', async (_, change, expected) => {
    expect(await whenServed(change)).toContain(expected);
  });

  it('at an old checkpoint is stale, nothing worse', async () => {
    const old = await noteOf(300);
    expect(await whenServed((path, bytes) => (path === 'checkpoint' ? old : bytes))).toEqual([
      `STALE ${NAME} 601`,
    ]);
  });

  it('that a reader cannot reach leaves the question open', async () => {
    const findings = new Findings();
    const reader: LogReader = { read: () => Promise.reject(new Error('ECONNREFUSED')) };
    await verifyLog({ chain: NAME, log, reader, trustedNote: undefined }, findings);
    expect(seen(findings.list())).toEqual([`INTERRUPTED ${NAME}`]);
  });
});
