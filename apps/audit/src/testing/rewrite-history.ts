import { createPublicKey } from 'node:crypto';
import { formatCheckpoint } from '#libs/tlog/checkpoint.js';
import { CompactRange } from '#libs/tlog/compact-range.js';
import { decodeEntry, encodeEntry, type Entry } from '#libs/tlog/entry.js';
import { leafHash, payloadCommitment } from '#libs/tlog/hashing.js';
import { signNote } from '#libs/tlog/signed-note.js';
import { fullTileRoot } from '#libs/tlog/tile.js';
import { noteVerifier } from '#libs/tlog/vkey.js';
import { NAME, type AttackedLedger } from './attacked-ledger.js';
import { privateKey, type TestLedger } from './test-ledger.js';

/** Rewrites history from an entry on: its payload, then everything that follows from it, as far as `depth` says. */
export async function rewriteHistory(
  { admin, ledger, chain: chainNo }: AttackedLedger,
  seq: number,
  depth: 'commitment' | 'leaf' | 'all' | 'resigned',
): Promise<void> {
  const here = `chain = ${chainNo}`;
  const { rows } = await admin.query<{ entry: Buffer; salt: Buffer; payload: Buffer }>(
    `SELECT e.entry, p.salt, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
     WHERE e.${here} ORDER BY seq`,
  );
  const victim = rows[seq] as (typeof rows)[number];
  const payload = Buffer.from(
    victim.payload.toString().replace('"client"', '"target"').replace('"found":607', '"found":608'),
  );
  expect(payload.equals(victim.payload)).toBe(false);
  await admin.query(`UPDATE ledger.payloads SET payload = $1 WHERE ${here} AND seq = $2`, [payload, seq]);
  const range = CompactRange.empty();
  const leaves: Buffer[] = [];
  for (const [index, row] of rows.entries()) {
    let entry = decodeEntry(row.entry) as Entry;
    if (index === seq)
      entry = {
        ...entry,
        payloadLength: payload.length,
        payloadCommit: payloadCommitment(victim.salt, payload),
      };
    if (index > seq && (depth === 'all' || depth === 'resigned'))
      entry = { ...entry, prev: leaves[index - 1] as Buffer };
    const bytes = encodeEntry(entry);
    const leaf = leafHash(bytes);
    leaves.push(leaf);
    range.append(leaf);
    if (bytes.equals(row.entry)) continue;
    await admin.query(
      `UPDATE ledger.entries SET entry = $1 ${depth === 'commitment' ? '' : ', leaf = $4'} WHERE ${here} AND seq = $2 AND $3`,
      [bytes, index, true, ...(depth === 'commitment' ? [] : [leaf])],
    );
  }
  if (depth === 'commitment' || depth === 'leaf') return;
  for (let n = 0; (n + 1) * 256 <= leaves.length; n += 1) {
    const hashes = Buffer.concat(leaves.slice(n * 256, n * 256 + 256));
    await admin.query(
      `UPDATE ledger.tiles SET hashes = $1, root = $2 WHERE ${here} AND level = 0 AND n = $3`,
      [hashes, fullTileRoot(hashes), n],
    );
  }
  await admin.query(`UPDATE ledger.chain_heads SET head = $1, compact_range = $2 WHERE ${here}`, [
    leaves.at(-1),
    range.encode(),
  ]);
  if (depth === 'all') return;
  const chain = ledger.chains.find(({ name }) => name === NAME) as TestLedger['chains'][number];
  const log = noteVerifier(chain.origin, 'log', createPublicKey(privateKey));
  const sizes = await admin.query<{ size: string }>(
    `SELECT size::text FROM ledger.checkpoints WHERE ${here}`,
  );
  for (const { size } of sizes.rows) {
    const upTo = CompactRange.empty();
    for (const leaf of leaves.slice(0, Number(size))) upTo.append(leaf);
    const body = formatCheckpoint({ origin: chain.origin, size: BigInt(size), root: upTo.root() });
    await admin.query(`UPDATE ledger.checkpoints SET note = $1 WHERE ${here} AND size = $2`, [
      signNote(body, log, privateKey),
      size,
    ]);
  }
}
