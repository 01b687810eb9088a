import type { PgClient } from '#libs/postgres/client.js';
import { formatCheckpoint } from '#libs/tlog/checkpoint.js';
import { decodeEntry, encodeEntry, type Entry } from '#libs/tlog/entry.js';
import { leafHash, payloadCommitment } from '#libs/tlog/hashing.js';
import { hashBytes, hashText, LeafTree } from '#libs/tlog/leaf-tree.js';
import { signNote } from '#libs/tlog/signed-note.js';
import type { AttackedChain } from './attacked-chain.js';

/** How far a forger goes after having changed an entry. */
export type Depth = 'payload' | 'commitment' | 'leaf' | 'rebuilt' | 'resigned';

interface Row {
  readonly seq: string;
  readonly entry: Buffer;
}

const AT_ONCE = 5_000;

/**
 * Changes one entry of a copy and, as far as `depth` says, all that follows from it: its commitment, its leaf
 * hash, every later entry with the tiles and the head, the signatures. `edit` gives the entry's new fields.
 */
export async function forge(
  client: PgClient,
  chain: AttackedChain,
  seq: number,
  depth: Depth,
  edit: (entry: Entry, salt: Buffer, payload: Buffer) => { entry: Entry; payload: Buffer },
): Promise<void> {
  const here = `chain = ${chain.chain}`;
  const { rows } = await client.query<Row & { salt: Buffer; payload: Buffer }>(
    `SELECT e.seq::text, e.entry, p.salt, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
     WHERE e.${here} AND e.seq = $1`,
    [seq],
  );
  const victim = rows[0] as (typeof rows)[number];
  const edited = edit(decodeEntry(victim.entry) as Entry, victim.salt, victim.payload);
  await client.query(`UPDATE ledger.payloads SET payload = $1 WHERE ${here} AND seq = $2`, [
    edited.payload,
    seq,
  ]);
  if (depth === 'payload') return;
  const bytes = encodeEntry({
    ...edited.entry,
    payloadLength: edited.payload.length,
    payloadCommit: payloadCommitment(victim.salt, edited.payload),
  });
  await client.query(
    `UPDATE ledger.entries SET entry = $1 ${depth === 'commitment' ? '' : ', leaf = $3'} WHERE ${here} AND seq = $2`,
    depth === 'commitment' ? [bytes, seq] : [bytes, seq, leafHash(bytes)],
  );
  if (depth === 'commitment' || depth === 'leaf') return;
  await rebuild(client, chain, seq, depth === 'resigned');
}

/** Makes every entry above `seq` name its predecessor again, and the tiles, the head and, with the key, the notes. */
export async function rebuild(
  client: PgClient,
  chain: AttackedChain,
  seq: number,
  resign: boolean,
): Promise<void> {
  const here = `chain = ${chain.chain}`;
  const tiles: { level: number; n: number; hashes: Buffer; root: Buffer }[] = [];
  const tree = new LeafTree((tile) => void tiles.push(tile));
  const sizes = new Set(
    (
      await client.query<{ size: string }>(`SELECT size::text FROM ledger.checkpoints WHERE ${here}`)
    ).rows.map(({ size }) => Number(size)),
  );
  const notes = new Map<number, Buffer>();
  const note = (): void => {
    if (!resign || !sizes.has(tree.size)) return;
    const body = formatCheckpoint({ origin: chain.log.name, size: BigInt(tree.size), root: tree.root() });
    notes.set(tree.size, signNote(body, chain.log, chain.stolenKey));
  };
  note();
  let head = '';
  for (let from = 0; ; from += AT_ONCE) {
    const { rows } = await client.query<Row>(
      `SELECT seq::text, entry FROM ledger.entries WHERE ${here} AND seq >= $1 AND seq < $2 ORDER BY entries.seq`,
      [from, from + AT_ONCE],
    );
    if (rows.length === 0) break;
    const changed: { seq: number; bytes: Buffer; leaf: Buffer }[] = [];
    for (const row of rows) {
      let bytes = row.entry;
      if (Number(row.seq) > seq)
        bytes = encodeEntry({ ...(decodeEntry(row.entry) as Entry), prev: hashBytes(head) });
      const leaf = leafHash(bytes);
      if (Number(row.seq) > seq) changed.push({ seq: Number(row.seq), bytes, leaf });
      head = hashText(leaf);
      tree.append(head);
      note();
    }
    await client.query(
      `UPDATE ledger.entries e SET entry = u.bytes, leaf = u.leaf
       FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS u(seq, bytes, leaf) WHERE e.${here} AND e.seq = u.seq`,
      [changed.map((one) => one.seq), changed.map((one) => one.bytes), changed.map((one) => one.leaf)],
    );
  }
  for (const { level, n, hashes, root } of tiles)
    await client.query(
      `UPDATE ledger.tiles SET hashes = $1, root = $2 WHERE ${here} AND level = $3 AND n = $4`,
      [hashes, root, level, n],
    );
  await client.query(`UPDATE ledger.chain_heads SET head = $1, compact_range = $2 WHERE ${here}`, [
    hashBytes(head),
    tree.encode(),
  ]);
  for (const [size, bytes] of notes)
    await client.query(`UPDATE ledger.checkpoints SET note = $1 WHERE ${here} AND size = $2`, [bytes, size]);
}
