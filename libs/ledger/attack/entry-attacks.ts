import { decodeEntry, type Entry } from '#libs/tlog/entry.js';
import { isSealedByLedger } from '../event-columns.js';
import { coveringSize, lastOf, signedSize, type Attack, type Played, type Stage } from './attack.js';
import type { AttackedChain } from './attacked-chain.js';
import { forge, type Depth } from './forge.js';
import type { Random } from './random.js';

const enough = (chain: AttackedChain): boolean => signedSize(chain) >= 4;

/** An entry that has a successor below the last checkpoint. */
const somewhere = ({ random }: Stage, chain: AttackedChain): number => random.int(1, signedSize(chain) - 1);

const flipped =
  (random: Random) =>
  (entry: Entry, _salt: Buffer, payload: Buffer): { entry: Entry; payload: Buffer } => {
    const changed = payload.length === 0 ? Buffer.alloc(1) : Buffer.from(payload);
    const at = random.int(0, changed.length);
    changed[at] = (changed[at] as number) ^ (1 << random.int(0, 8));
    return { entry, payload: changed };
  };

const rewritten = (
  name: string,
  depth: Depth,
  expected: (chain: AttackedChain, seq: number) => Played['expected'],
): Attack => ({
  name,
  fits: enough,
  play: async (stage, chain) => {
    const seq = somewhere(stage, chain);
    await forge(stage.client, chain, seq, depth, flipped(stage.random));
    return { placement: `entry ${seq}`, expected: expected(chain, seq) };
  },
});

/** Changes an entry as a thief of the key would: everything after it rebuilt and signed again. */
const reforged = (
  name: string,
  kind: 'TIME_REGRESSION' | 'SOURCE_REGRESSION' | 'DUPLICATE_SOURCE' | 'SOURCE_GAP',
  column: string,
  change: (
    entry: Entry,
    before: Entry[],
    payload: Buffer,
  ) => { entry: Entry; payload: Buffer; value: bigint },
): Attack => ({
  name,
  fits: enough,
  play: async (stage, chain) => {
    const seq = await eventFrom(stage, chain, Math.max(2, somewhere(stage, chain)));
    const before = await entriesBefore(stage, chain, seq);
    let value = 0n;
    await forge(stage.client, chain, seq, 'resigned', (entry, _salt, payload) => {
      const changed = change(entry, before, payload);
      ({ value } = changed);
      return changed;
    });
    await stage.client.query(`UPDATE ledger.entries SET ${column} = $1 WHERE chain = $2 AND seq = $3`, [
      value,
      chain.chain,
      seq,
    ]);
    return { placement: `entry ${seq}`, expected: [{ kind, seq }] };
  },
});

const onRows = (
  name: string,
  statements: (chain: AttackedChain, seq: number) => string[],
  expected: (chain: AttackedChain, seq: number) => Played['expected'],
): Attack => ({
  name,
  fits: enough,
  play: async (stage, chain) => {
    const seq = somewhere(stage, chain);
    await stage.client.query(statements(chain, seq).join('; '));
    return { placement: `entry ${seq}`, expected: expected(chain, seq) };
  },
});

const BOTH = ['entries', 'payloads'] as const;

const renumber = (chain: AttackedChain, from: number, to: number): string[] =>
  BOTH.map(
    (table) => `UPDATE ledger.${table} SET seq = ${to} WHERE chain = ${chain.chain} AND seq = ${from}`,
  );

/** A copy of an entry, with its payload, at another place. */
const copyTo = (chain: AttackedChain, from: number, to: number): string[] =>
  BOTH.map(
    (table) =>
      `CREATE TEMPORARY TABLE moved AS SELECT * FROM ledger.${table} WHERE chain = ${chain.chain} AND seq = ${from};
       UPDATE moved SET seq = ${to}; INSERT INTO ledger.${table} TABLE moved; DROP TABLE moved`,
  );

/** Attacks on entries and payloads. */
export const ENTRY_ATTACKS: readonly Attack[] = [
  rewritten('a payload bit changed', 'payload', (_, seq) => [{ kind: 'PAYLOAD_MISMATCH', seq }]),
  rewritten('… and its commitment rewritten', 'commitment', (_, seq) => [{ kind: 'LEAF_MISMATCH', seq }]),
  rewritten('… and the stored leaf hash', 'leaf', ({ size }, seq) => [
    { kind: 'CHAIN_BREAK', seq },
    ...(seq < size - (size % 256) ? [{ kind: 'TILE_MISMATCH' as const, seq }] : []),
  ]),
  rewritten('… and every later entry and tile rebuilt', 'rebuilt', (chain, seq) => [
    { kind: 'ROOT_MISMATCH', seq: lastOf(coveringSize(chain, seq)) },
  ]),
  rewritten('… and re-signed with the stolen key', 'resigned', (chain) => [
    { kind: 'CONSISTENCY_FAIL', seq: lastOf(signedSize(chain)) },
  ]),
  onRows(
    'an entry deleted',
    (chain, seq) =>
      BOTH.map((table) => `DELETE FROM ledger.${table} WHERE chain = ${chain.chain} AND seq = ${seq}`),
    (_, seq) => [{ kind: 'SEQ_GAP', seq }],
  ),
  onRows(
    'an entry renumbered',
    (chain, seq) => renumber(chain, seq, chain.size + 1_000),
    ({ size }, seq) => [
      { kind: 'SEQ_GAP', seq },
      { kind: 'SEQ_FIELD_MISMATCH', seq: size + 1_000 },
    ],
  ),
  onRows(
    'two entries swapped',
    (chain, seq) => [
      ...renumber(chain, seq, -9),
      ...renumber(chain, seq + 1, seq),
      ...renumber(chain, -9, seq + 1),
    ],
    (_, seq) => [
      { kind: 'SEQ_FIELD_MISMATCH', seq },
      { kind: 'SEQ_FIELD_MISMATCH', seq: seq + 1 },
    ],
  ),
  onRows(
    'an entry inserted, the later ones moved up',
    (chain, seq) => [
      ...BOTH.flatMap((table) => [
        `UPDATE ledger.${table} SET seq = -seq - 1 WHERE chain = ${chain.chain} AND seq >= ${seq}`,
        `UPDATE ledger.${table} SET seq = -seq WHERE chain = ${chain.chain} AND seq < 0`,
      ]),
      ...copyTo(chain, seq + 1, seq),
    ],
    (_, seq) => [{ kind: 'SEQ_FIELD_MISMATCH', seq: seq + 1 }],
  ),
  onRows(
    'an entry replayed at the end',
    (chain, seq) => copyTo(chain, seq, chain.size),
    ({ size }) => [
      { kind: 'SEQ_FIELD_MISMATCH', seq: size },
      { kind: 'CHAIN_BREAK', seq: size },
    ],
  ),
  onRows(
    'an entry that does not parse',
    (chain, seq) => [
      `UPDATE ledger.entries SET entry = substring(entry FROM 1 FOR octet_length(entry) - 1) WHERE chain = ${chain.chain} AND seq = ${seq}`,
    ],
    (_, seq) => [{ kind: 'ENTRY_MALFORMED', seq }],
  ),
  onRows(
    'a payload erased without its tombstone',
    (chain, seq) => [`DELETE FROM ledger.payloads WHERE chain = ${chain.chain} AND seq = ${seq}`],
    (_, seq) => [{ kind: 'UNAUTHORISED_ERASURE', seq }],
  ),
  onRows(
    'a payload without an entry',
    (chain, seq) => [
      `INSERT INTO ledger.payloads SELECT p.* FROM (SELECT chain, ${chain.size + 7}::bigint AS seq, salt, payload FROM ledger.payloads WHERE chain = ${chain.chain} AND seq = ${seq}) AS p`,
    ],
    ({ size }) => [{ kind: 'EXTRA_ROW', seq: size + 7 }],
  ),
  reforged('time goes back', 'TIME_REGRESSION', 'recorded_at', (entry, before, payload) => {
    const value = (before.at(-1) as Entry).recordedAt - 1_000_000n;
    return { entry: { ...entry, recordedAt: value }, payload, value };
  }),
  reforged('a source offset goes back', 'SOURCE_REGRESSION', 'source_offset', (entry, before, payload) => {
    const value = (before[0] as Entry).source.offset;
    const { source } = before.at(-1) as Entry;
    return { entry: { ...entry, source: { ...source, offset: value } }, payload, value };
  }),
  reforged(
    'a source offset is sealed twice',
    'DUPLICATE_SOURCE',
    'source_offset',
    (entry, before, payload) => {
      const { source } = before.at(-1) as Entry;
      return { entry: { ...entry, source }, payload, value: source.offset };
    },
  ),
  reforged('a producer skipped a number', 'SOURCE_GAP', 'producer_seq', (entry, _before, payload) => {
    const value = entry.producerSeq + 5n;
    const text = payload
      .toString('utf8')
      .replace(`"producerSeq":${entry.producerSeq}`, `"producerSeq":${value}`);
    return { entry: { ...entry, producerSeq: value }, payload: Buffer.from(text), value };
  }),
];

/** The first event from `seq` on, or the last before it, that a producer made. */
async function eventFrom({ client }: Stage, chain: AttackedChain, seq: number): Promise<number> {
  const { rows } = await client.query<{ seq: string; type: string }>(
    `SELECT seq::text, type FROM ledger.entries WHERE chain = $1 AND seq >= 2 AND seq < $3
     ORDER BY abs(entries.seq - $2) LIMIT 50`,
    [chain.chain, seq, signedSize(chain)],
  );
  return Number((rows.find(({ type }) => !isSealedByLedger(type)) ?? rows[0])?.seq);
}

async function entriesBefore({ client }: Stage, chain: AttackedChain, seq: number): Promise<Entry[]> {
  const { rows } = await client.query<{ entry: Buffer }>(
    'SELECT entry FROM ledger.entries WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY entries.seq',
    [chain.chain, seq - 2, seq],
  );
  return rows.map(({ entry }) => decodeEntry(entry) as Entry);
}
