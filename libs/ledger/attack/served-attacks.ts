import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { queryOn } from '#libs/postgres/bulk-pool.js';
import { formatCheckpoint } from '#libs/tlog/checkpoint.js';
import { EMPTY_ROOT, leafHash } from '#libs/tlog/hashing.js';
import { signNote } from '#libs/tlog/signed-note.js';
import { encodeBundle } from '#libs/tlog/entry-bundle.js';
import { hashesAtLevel, parseTilePath, TILE_WIDTH, tilePath } from '#libs/tlog/tile.js';
import { checkTlogProof, parseTlogProof, type TlogProof } from '#libs/tlog/tlog-proof.js';
import { readHashes } from '../chain-tree.js';
import { proveEntry } from '../prove/prove-entry.js';
import { Findings, type Finding } from '../verify/finding.js';
import type { LogReader } from '../verify-log/log-reader.js';
import { verifyLog } from '../verify-log/verify-log.js';
import { lastOf, signedSize, type Attack, type Stage } from './attack.js';
import type { AttackedChain } from './attacked-chain.js';

const enough = (chain: AttackedChain): boolean => signedSize(chain) >= 4;

/** The log as it would be served, read from the copy. */
function servedFrom(query: BulkQuery, chain: AttackedChain): LogReader {
  const size = BigInt(signedSize(chain));
  // One connection answers one question at a time.
  let before: Promise<unknown> = Promise.resolve();
  return {
    read: (path) => {
      const answer = before.then(() => read(path));
      before = answer.catch(() => undefined);
      return answer;
    },
  };
  async function read(path: string): Promise<Buffer | undefined> {
    if (path === 'genesis' || path === 'checkpoint') {
      const [row] = await query<{ bytes: Buffer }>(
        path === 'genesis'
          ? 'SELECT genesis AS bytes FROM ledger.chains WHERE chain = $1'
          : 'SELECT note AS bytes FROM ledger.checkpoints WHERE chain = $1 ORDER BY checkpoints.number DESC LIMIT 1',
        [chain.chain],
      );
      return row?.bytes;
    }
    const tile = parseTilePath(path);
    if (tile === undefined) return undefined;
    const begin = tile.n * BigInt(TILE_WIDTH);
    const end = begin + BigInt(tile.width);
    const level = tile.level === 'entries' ? 0 : tile.level;
    if (end > hashesAtLevel(size, level)) return undefined;
    if (tile.level !== 'entries')
      return Buffer.concat(await readHashes(query, chain.chain, level, begin, end));
    const rows = await query<{ entry: Buffer }>(
      'SELECT entry FROM ledger.entries WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY entries.seq',
      [chain.chain, begin, end],
    );
    return encodeBundle(rows.map(({ entry }) => entry));
  }
}

async function newestNote({ client }: Stage, chain: AttackedChain): Promise<Buffer> {
  const { rows } = await client.query<{ note: Buffer }>(
    'SELECT note FROM ledger.checkpoints WHERE chain = $1 ORDER BY number DESC LIMIT 1',
    [chain.chain],
  );
  return rows[0]?.note as Buffer;
}

async function whenServed(
  stage: Stage,
  chain: AttackedChain,
  change: (path: string, bytes: Buffer) => Buffer,
): Promise<Finding[]> {
  const served = servedFrom(queryOn(stage.client), chain);
  const reader: LogReader = {
    read: async (path, max) => {
      const bytes = await served.read(path, max);
      return bytes === undefined ? undefined : change(path, Buffer.from(bytes));
    },
  };
  const findings = new Findings();
  const trustedNote = await newestNote(stage, chain);
  await verifyLog({ chain: chain.name, log: chain.log, reader, trustedNote }, findings);
  return findings.list();
}

/** The path of the tile or bundle of level 0 that holds an entry, at the size of the last checkpoint. */
function pathOf(chain: AttackedChain, level: 0 | 'entries', seq: number): string {
  const n = Math.floor(seq / TILE_WIDTH);
  return tilePath({ level, n: BigInt(n), width: Math.min(TILE_WIDTH, signedSize(chain) - n * TILE_WIDTH) });
}

const staleServed: Attack = {
  name: 'an old checkpoint served',
  fits: (chain) => chain.checkpoints.some((size) => size > 0 && size < signedSize(chain)),
  play: async (stage, chain) => {
    const size = stage.random.of(chain.checkpoints.filter((each) => each > 0 && each < signedSize(chain)));
    const { rows } = await stage.client.query<{ note: Buffer }>(
      'SELECT note FROM ledger.checkpoints WHERE chain = $1 AND size = $2',
      [chain.chain, size],
    );
    const old = rows[0]?.note as Buffer;
    return {
      placement: `size ${size} served`,
      expected: [{ kind: 'STALE', seq: lastOf(signedSize(chain)) }],
      found: await whenServed(stage, chain, (path, bytes) => (path === 'checkpoint' ? old : bytes)),
    };
  },
};

const tileServed: Attack = {
  name: 'a served tile damaged',
  fits: enough,
  play: async (stage, chain) => {
    const seq = stage.random.int(0, signedSize(chain));
    const path = pathOf(chain, 0, seq);
    const at = (seq % TILE_WIDTH) * 32 + stage.random.int(0, 32);
    return {
      placement: `${path}, hash ${seq % TILE_WIDTH}`,
      expected: [{ kind: 'TILE_MISMATCH', seq }],
      found: await whenServed(stage, chain, (asked, bytes) => {
        if (asked === path) bytes[at] = (bytes[at] as number) ^ 1;
        return bytes;
      }),
    };
  },
};

const bundleServed: Attack = {
  name: 'a served bundle cut short',
  fits: enough,
  play: async (stage, chain) => {
    const seq = stage.random.int(0, signedSize(chain));
    const path = pathOf(chain, 'entries', seq);
    return {
      placement: path,
      expected: [{ kind: 'BUNDLE_MALFORMED', seq: seq - (seq % TILE_WIDTH) }],
      found: await whenServed(stage, chain, (asked, bytes) =>
        asked === path ? bytes.subarray(0, bytes.length - 1 - stage.random.int(0, 40)) : bytes,
      ),
    };
  },
};

/** A good proof of a random entry with something changed; it must not hold. */
const proof = (
  name: string,
  change: (proof: TlogProof, stage: Stage, chain: AttackedChain) => { proof: TlogProof; entry?: Buffer },
): Attack => ({
  name,
  fits: enough,
  play: async (stage, chain) => {
    const seq = stage.random.int(0, signedSize(chain));
    const { rows } = await stage.client.query<{ id: string }>(
      'SELECT event_id::text AS id FROM ledger.entries WHERE chain = $1 AND seq = $2',
      [chain.chain, seq],
    );
    const good = await proveEntry(stage.url, rows[0]?.id as string, [chain.log]);
    const changed = change(parseTlogProof(good.proof) as TlogProof, stage, chain);
    const checked = checkTlogProof(changed.proof, changed.entry ?? good.entry, chain.log);
    const findings = new Findings();
    if (!checked.ok) findings.add(checked.problem, chain.name, BigInt(seq), 'the proof does not hold');
    return {
      placement: `entry ${seq}`,
      expected: [{ kind: 'PROOF_INVALID', seq }],
      found: findings.list(),
    };
  },
});

const PROOF_ATTACKS: readonly Attack[] = [
  proof('a bit of a proof changed', (good, { random }) => {
    const hashes = good.hashes.map((hash) => Buffer.from(hash));
    const hash = random.of(hashes);
    const at = random.int(0, 32);
    hash[at] = (hash[at] as number) ^ (1 << random.int(0, 8));
    return { proof: { ...good, hashes } };
  }),
  proof('an inner node passed as an entry', (good) => {
    // Nobody knows bytes whose leaf hash is a node; the bytes of the node itself are what a forger has.
    const [sibling, ...above] = good.hashes;
    const leaf = leafHash(good.extra ?? Buffer.alloc(0));
    const pair = good.index % 2n === 0n ? [leaf, sibling] : [sibling, leaf];
    return {
      proof: { ...good, index: good.index / 2n, hashes: above },
      entry: Buffer.concat(pair.map((hash) => hash ?? Buffer.alloc(32))),
    };
  }),
  proof('a proof under a checkpoint of size 0', (good, _stage, { log, stolenKey }) => ({
    proof: {
      ...good,
      index: 0n,
      hashes: [],
      checkpoint: signNote(
        formatCheckpoint({ origin: log.name, size: 0n, root: EMPTY_ROOT }),
        log,
        stolenKey,
      ),
    },
  })),
  proof('an index at the size or above', (good, { random }, chain) => ({
    proof: { ...good, index: BigInt(signedSize(chain) + random.int(0, 1_000)) },
  })),
  proof('an index at 2^63 or above', (good, { random }) => ({
    proof: { ...good, index: (1n << 63n) + BigInt(random.int(0, 1_000)) },
  })),
];

/** Attacks on what is served to others: the log's files and single proofs. */
export const SERVED_ATTACKS: readonly Attack[] = [staleServed, tileServed, bundleServed, ...PROOF_ATTACKS];
