import { formatCheckpoint } from '#libs/tlog/checkpoint.js';
import { hashBytes, hashText, LeafTree } from '#libs/tlog/leaf-tree.js';
import { signNote } from '#libs/tlog/signed-note.js';
import { noteVerifier } from '#libs/tlog/vkey.js';
import { generateKeyPairSync } from 'node:crypto';
import { genesisHash } from '#libs/tlog/genesis.js';
import { NO_PRODUCER } from '../event-columns.js';
import { lastOf, signedSize, type Attack, type ExpectedFinding } from './attack.js';
import type { AttackedChain } from './attacked-chain.js';

const enough = (chain: AttackedChain): boolean => signedSize(chain) >= 4;
const severalCheckpoints = (chain: AttackedChain): boolean =>
  chain.checkpoints.filter((size) => size > 0).length >= 2;
const fullTile = (chain: AttackedChain): boolean => enough(chain) && chain.size >= 256;

const simple = (
  name: string,
  statement: (here: string, chain: AttackedChain) => string,
  expected: (chain: AttackedChain) => ExpectedFinding[],
  fits = enough,
): Attack => ({
  name,
  fits,
  play: async ({ client }, chain) => {
    await client.query(statement(`chain = ${chain.chain}`, chain));
    return { placement: 'the chain', expected: expected(chain) };
  },
});

/** Columns beside an entry and another value for each. */
const COLUMNS: readonly string[] = [
  'recorded_at = recorded_at + 1000000',
  'event_time = coalesce(event_time, 0) + 1000',
  'producer_seq = producer_seq + 1',
  'source_offset = source_offset + 1',
  'event_id = gen_random_uuid()',
  'producer = gen_random_uuid()',
  'request_id = gen_random_uuid()',
  'session_id = gen_random_uuid()',
  `type = type || 'x'`,
  `identity = coalesce(identity, '') || 'x'`,
  'source = source + 1000',
];

const columnEdited: Attack = {
  name: 'a column beside the entry edited',
  fits: enough,
  play: async ({ client, random }, chain) => {
    const seq = random.int(0, chain.size);
    const edit = random.of(COLUMNS);
    await client.query(`UPDATE ledger.entries SET ${edit} WHERE chain = $1 AND seq = $2`, [chain.chain, seq]);
    return {
      placement: `entry ${seq}, ${edit.split(' ')[0]}`,
      expected: [{ kind: 'COLUMN_MISMATCH', seq }],
    };
  },
};

const tileDamaged: Attack = {
  name: 'a stored tile damaged',
  fits: fullTile,
  play: async ({ client, random }, chain) => {
    const n = random.int(0, Math.floor(chain.size / 256));
    const hash = random.int(0, 256);
    await client.query(
      `UPDATE ledger.tiles SET hashes = set_byte(hashes, $1, get_byte(hashes, $1) # 1) WHERE chain = $2 AND level = 0 AND n = $3`,
      [hash * 32 + random.int(0, 32), chain.chain, n],
    );
    const seq = n * 256 + hash;
    return { placement: `tile 0/${n}, hash ${hash}`, expected: [{ kind: 'TILE_MISMATCH', seq }] };
  },
};

const tileDeleted: Attack = {
  name: 'a stored tile deleted',
  fits: fullTile,
  play: async ({ client, random }, chain) => {
    const n = random.int(0, Math.floor(chain.size / 256));
    await client.query('DELETE FROM ledger.tiles WHERE chain = $1 AND level = 0 AND n = $2', [
      chain.chain,
      n,
    ]);
    return { placement: `tile 0/${n}`, expected: [{ kind: 'TILE_MISMATCH', seq: n * 256 }] };
  },
};

const tailCut: Attack = {
  name: 'the tail cut below the last checkpoint',
  fits: enough,
  play: async ({ client, random }, chain) => {
    const seq = random.int(1, signedSize(chain));
    for (const table of ['entries', 'payloads'])
      await client.query(`DELETE FROM ledger.${table} WHERE chain = $1 AND seq >= $2`, [chain.chain, seq]);
    return { placement: `from entry ${seq} on`, expected: [{ kind: 'TRUNCATED', seq }] };
  },
};

/** What is not signed yet is missed by nobody's signature, but the head and the consumer's offset remember it. */
const unsignedTailCut: Attack = {
  name: 'the tail cut above the last checkpoint',
  fits: severalCheckpoints,
  play: async (stage, chain) => {
    const { client, random } = stage;
    const last = random.of(chain.checkpoints.filter((size) => size > 0 && size < chain.size));
    const { rows } = await client.query<{ note: Buffer }>(
      'SELECT note FROM ledger.checkpoints WHERE chain = $1 AND size = $2',
      [chain.chain, last],
    );
    await stage.pin(chain, rows[0]?.note as Buffer);
    await client.query('DELETE FROM ledger.checkpoints WHERE chain = $1 AND size > $2', [chain.chain, last]);
    const seq = random.int(last, chain.size);
    for (const table of ['entries', 'payloads'])
      await client.query(`DELETE FROM ledger.${table} WHERE chain = $1 AND seq >= $2`, [chain.chain, seq]);
    return { placement: `from entry ${seq} on`, expected: [{ kind: 'TAIL_LOSS', seq: lastOf(seq) }] };
  },
};

/** A whole and sound state of long ago: nothing in it contradicts anything in it. */
const olderBackup: Attack = {
  name: 'the database restored from an older backup',
  fits: severalCheckpoints,
  play: async ({ client, random }, chain) => {
    const size = random.of(chain.checkpoints.filter((each) => each < signedSize(chain)));
    const here = `chain = ${chain.chain}`;
    const tree = new LeafTree(() => undefined);
    const [genesis] = (
      await client.query<{ genesis: Buffer }>(`SELECT genesis FROM ledger.chains WHERE ${here}`)
    ).rows;
    let head = hashText(genesisHash(genesis?.genesis as Buffer));
    const leaves = await client.query<{ leaf: Buffer }>(
      `SELECT leaf FROM ledger.entries WHERE ${here} AND seq < ${size} ORDER BY seq`,
    );
    for (const { leaf } of leaves.rows) tree.append((head = hashText(leaf)));
    await client.query(`
      DELETE FROM ledger.entries WHERE ${here} AND seq >= ${size};
      DELETE FROM ledger.payloads WHERE ${here} AND seq >= ${size};
      DELETE FROM ledger.findings WHERE ${here} AND seq >= ${size};
      DELETE FROM ledger.checkpoints WHERE ${here} AND size > ${size};
      DELETE FROM ledger.tiles WHERE ${here} AND (n + 1) * (256::numeric ^ (level + 1)) > ${size};
      DELETE FROM ledger.producer_positions WHERE ${here};
      INSERT INTO ledger.producer_positions SELECT chain, producer, max(producer_seq) + 1 FROM ledger.entries
        WHERE ${here} AND producer <> '${NO_PRODUCER}' GROUP BY 1, 2;
      DELETE FROM ledger.consumer_offsets o WHERE ${here} AND NOT EXISTS
        (SELECT FROM ledger.entries e WHERE e.${here} AND e.source = o.source);
      UPDATE ledger.consumer_offsets o SET next_offset =
        (SELECT max(source_offset) + 1 FROM ledger.entries e WHERE e.${here} AND e.source = o.source) WHERE ${here}`);
    await client.query(
      `UPDATE ledger.chain_heads SET size = $1, head = $2, compact_range = $3 WHERE ${here}`,
      [size, hashBytes(head), tree.encode()],
    );
    return {
      placement: `back to size ${size}`,
      expected: [{ kind: 'ROLLBACK', seq: lastOf(signedSize(chain)) }],
    };
  },
};

const forked: Attack = {
  name: 'same size, two roots',
  fits: enough,
  play: async (stage, chain) => {
    const size = signedSize(chain);
    const root = Buffer.alloc(32, stage.random.int(0, 256));
    const body = formatCheckpoint({ origin: chain.log.name, size: BigInt(size), root });
    await stage.pin(chain, signNote(body, chain.log, chain.stolenKey));
    return { placement: `size ${size}`, expected: [{ kind: 'FORK_EVIDENCE', seq: lastOf(size) }] };
  },
};

/** A note of the chain with something wrong about it; `body` is the good one. */
const note = (
  name: string,
  kind: ExpectedFinding['kind'],
  make: (good: string, body: string, chain: AttackedChain) => string | Buffer,
): Attack => ({
  name,
  fits: enough,
  play: async ({ client, random }, chain) => {
    const size = random.of(chain.checkpoints.filter((each) => each > 0));
    const { rows } = await client.query<{ note: Buffer }>(
      'SELECT note FROM ledger.checkpoints WHERE chain = $1 AND size = $2',
      [chain.chain, size],
    );
    const good = (rows[0]?.note as Buffer).toString('utf8');
    const made = Buffer.from(make(good, good.slice(0, good.indexOf('\n\n') + 1), chain));
    await client.query('UPDATE ledger.checkpoints SET note = $1 WHERE chain = $2 AND size = $3', [
      made,
      chain.chain,
      size,
    ]);
    return { placement: `checkpoint of size ${size}`, expected: [{ kind, seq: lastOf(size) }] };
  },
});

const signed = (text: string, { log, stolenKey }: AttackedChain): Buffer => signNote(text, log, stolenKey);

/** The same 32 bytes in base64, with one of the two unused bits of the last digit set. */
function notCanonical(body: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const last = body.at(-3) as string;
  return `${body.slice(0, -3)}${digits[digits.indexOf(last) | 1]}=\n`;
}

const CHECKPOINT_ATTACKS: readonly Attack[] = [
  note('a bad signature', 'SIG_INVALID', (good) => {
    const at = good.length - 12;
    return `${good.slice(0, at)}${good[at] === 'A' ? 'B' : 'A'}${good.slice(at + 1)}`;
  }),
  note('an unknown key', 'NO_TRUSTED_SIGNATURE', (_good, body, { log }) => {
    const other = generateKeyPairSync('ed25519');
    return signNote(body, noteVerifier(log.name, 'log', other.publicKey), other.privateKey);
  }),
  note('a wrong origin', 'ORIGIN_MISMATCH', (_good, body, chain) => signed(`other.${body}`, chain)),
  note('CRLF in a checkpoint', 'MALFORMED_CHECKPOINT', (good) => good.replaceAll('\n', '\r\n')),
  note('a size with a leading zero', 'MALFORMED_CHECKPOINT', (_good, body, chain) =>
    signed(body.replace('\n', '\n0'), chain),
  ),
  note('a hyphen for the dash', 'MALFORMED_CHECKPOINT', (good) => good.replace('\u2014', '-')),
  note('a blank line in the body', 'MALFORMED_CHECKPOINT', (_good, body, chain) =>
    signed(body.replace('\n', '\n\n'), chain),
  ),
  note('an extension line in the body', 'MALFORMED_CHECKPOINT', (_good, body, chain) =>
    signed(`${body}extension\n`, chain),
  ),
  note('base64 that is not canonical', 'MALFORMED_CHECKPOINT', (_good, body, chain) =>
    signed(notCanonical(body), chain),
  ),
  note(
    '101 signatures',
    'MALFORMED_CHECKPOINT',
    (good) => `${good}${'\u2014 elsewhere.example/w AAAAAAA=\n'.repeat(100)}`,
  ),
];

/** Attacks on the rows beside the entries: columns, tiles, heads, offsets, checkpoints, whole chains. */
export const ROW_ATTACKS: readonly Attack[] = [
  columnEdited,
  tileDamaged,
  tileDeleted,
  tailCut,
  unsignedTailCut,
  olderBackup,
  forked,
  simple(
    'the consumer’s offset set back',
    (here) => `UPDATE ledger.consumer_offsets SET next_offset = next_offset - 1 WHERE ${here}`,
    ({ size }) => [{ kind: 'SOURCE_REGRESSION', seq: lastOf(size) }],
  ),
  simple(
    'the consumer’s offset set forward',
    (here) => `UPDATE ledger.consumer_offsets SET next_offset = next_offset + 3 WHERE ${here}`,
    ({ size }) => [{ kind: 'TAIL_LOSS', seq: lastOf(size) }],
  ),
  simple(
    'the last checkpoint deleted',
    (here, chain) => `DELETE FROM ledger.checkpoints WHERE ${here} AND size = ${signedSize(chain)}`,
    (chain) => [{ kind: 'ROLLBACK', seq: lastOf(signedSize(chain)) }],
  ),
  simple(
    'the checkpoints after an older one deleted',
    (here, chain) => `DELETE FROM ledger.checkpoints WHERE ${here} AND size > ${chain.checkpoints[0] ?? 0}`,
    (chain) => [{ kind: 'ROLLBACK', seq: lastOf(signedSize(chain)) }],
    severalCheckpoints,
  ),
  simple(
    'a checkpoint replaced by an older one',
    (here, chain) =>
      `UPDATE ledger.checkpoints SET note = (SELECT note FROM ledger.checkpoints WHERE ${here} AND size = ${chain.checkpoints[0]}) WHERE ${here} AND size = ${signedSize(chain)}`,
    (chain) => [{ kind: 'ROLLBACK', seq: lastOf(signedSize(chain)) }],
    severalCheckpoints,
  ),
  ...CHECKPOINT_ATTACKS,
  simple(
    'the head moved',
    (here) => `UPDATE ledger.chain_heads SET size = size - 1 WHERE ${here}`,
    ({ size }) => [{ kind: 'HEAD_MISMATCH', seq: lastOf(size) }],
  ),
  simple(
    'the fence of a chain edited',
    (here) => `UPDATE ledger.chain_heads SET epoch = epoch + 1 WHERE ${here}`,
    ({ size }) => [{ kind: 'HEAD_MISMATCH', seq: lastOf(size) }],
  ),
  simple(
    'a producer’s position edited',
    (here) => `UPDATE ledger.producer_positions SET next_seq = next_seq + 1 WHERE ${here}`,
    ({ size }) => [{ kind: 'POSITION_MISMATCH', seq: lastOf(size) }],
  ),
  simple(
    'a finding of ingest invented',
    (_here, chain) =>
      `INSERT INTO ledger.findings (chain, seq, kind, detail) VALUES (${chain.chain}, 2, 'SOURCE_GAP', 'invented')`,
    () => [{ kind: 'FINDING_MISMATCH', seq: 2 }],
  ),
  simple(
    'a chain deleted with all it has',
    (here) =>
      [
        'chains',
        'chain_heads',
        'entries',
        'payloads',
        'checkpoints',
        'tiles',
        'consumer_offsets',
        'producer_positions',
        'findings',
      ]
        .map((table) => `DELETE FROM ledger.${table} WHERE ${here}`)
        .join('; '),
    () => [{ kind: 'CHAIN_MISSING' }],
  ),
];
