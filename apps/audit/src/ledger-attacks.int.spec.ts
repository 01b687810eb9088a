import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  attackedLedger,
  NAME,
  OTHER_PRODUCER,
  P1,
  seen,
  type AttackedLedger,
} from './testing/attacked-ledger.js';
import { rewriteHistory } from './testing/rewrite-history.js';
import { eventBytes, recordAt } from './testing/test-ledger.js';

let attacked: AttackedLedger;
beforeAll(async () => {
  attacked = await attackedLedger();
}, 90_000);
afterAll(() => attacked.dispose());

const here = (): string => `chain = ${attacked.chain}`;

/** What was done, and what must be found at the least. */
const ATTACKS: [string, () => Promise<void>, string[]][] = [
  [
    'a payload bit changed',
    () =>
      attacked.run(
        `UPDATE ledger.payloads SET payload = set_byte(payload, 3, get_byte(payload, 3) # 4) WHERE ${here()} AND seq = 17`,
      ),
    [`PAYLOAD_MISMATCH ${NAME} 17`],
  ],
  [
    '… and its commitment rewritten',
    () => rewriteHistory(attacked, 17, 'commitment'),
    [`LEAF_MISMATCH ${NAME} 17`],
  ],
  [
    '… and the stored leaf hash',
    () => rewriteHistory(attacked, 17, 'leaf'),
    [`CHAIN_BREAK ${NAME} 17`, `TILE_MISMATCH ${NAME} 17`],
  ],
  [
    '… in a tile that is not full yet',
    () => rewriteHistory(attacked, 550, 'leaf'),
    [`CHAIN_BREAK ${NAME} 550`, `ROOT_MISMATCH ${NAME} 601`],
  ],
  [
    '… of the last entry',
    () => rewriteHistory(attacked, 601, 'leaf'),
    [`FINDING_MISMATCH ${NAME} 601`, `ROOT_MISMATCH ${NAME} 601`, `HEAD_MISMATCH ${NAME} 601`],
  ],
  [
    '… and every later entry, tile and head rebuilt',
    () => rewriteHistory(attacked, 17, 'all'),
    [`ROOT_MISMATCH ${NAME} 299`],
  ],
  [
    '… and re-signed with the stolen key',
    () => rewriteHistory(attacked, 17, 'resigned'),
    [`CONSISTENCY_FAIL ${NAME} 601`],
  ],
  [
    'an entry deleted',
    () =>
      attacked.run(
        `DELETE FROM ledger.entries WHERE ${here()} AND seq = 40; DELETE FROM ledger.payloads WHERE ${here()} AND seq = 40`,
      ),
    [`SEQ_GAP ${NAME} 40`],
  ],
  [
    'the first entry deleted',
    () =>
      attacked.run(
        `DELETE FROM ledger.entries WHERE ${here()} AND seq = 0; DELETE FROM ledger.payloads WHERE ${here()} AND seq = 0`,
      ),
    [`SEQ_GAP ${NAME} 0`],
  ],
  [
    'an entry renumbered',
    () =>
      attacked.run(
        `UPDATE ledger.entries SET seq = 5000 WHERE ${here()} AND seq = 40; UPDATE ledger.payloads SET seq = 5000 WHERE ${here()} AND seq = 40`,
      ),
    [`SEQ_GAP ${NAME} 40`, `SEQ_FIELD_MISMATCH ${NAME} 5000`],
  ],
  [
    'two entries swapped',
    () =>
      attacked.run(
        `UPDATE ledger.entries SET seq = -1 WHERE ${here()} AND seq = 40; UPDATE ledger.entries SET seq = 40 WHERE ${here()} AND seq = 41; UPDATE ledger.entries SET seq = 41 WHERE ${here()} AND seq = -1`,
      ),
    [`SEQ_FIELD_MISMATCH ${NAME} 40`, `SEQ_FIELD_MISMATCH ${NAME} 41`],
  ],
  [
    'an entry replayed at the end',
    () =>
      attacked.run(
        `DROP INDEX ledger.entries_event_id; DROP INDEX ledger.entries_source_offset; INSERT INTO ledger.entries SELECT chain, 602, source, source_offset, recorded_at, event_time, producer_seq, event_id, producer, request_id, session_id, type, identity, leaf, entry FROM ledger.entries WHERE ${here()} AND seq = 5; INSERT INTO ledger.payloads SELECT chain, 602, salt, payload FROM ledger.payloads WHERE ${here()} AND seq = 5`,
      ),
    [`SEQ_FIELD_MISMATCH ${NAME} 602`, `CHAIN_BREAK ${NAME} 602`, `SOURCE_REGRESSION ${NAME} 602`],
  ],
  [
    'the tail cut below the last checkpoint',
    () =>
      attacked.run(
        `DELETE FROM ledger.entries WHERE ${here()} AND seq >= 590; DELETE FROM ledger.payloads WHERE ${here()} AND seq >= 590`,
      ),
    [`TRUNCATED ${NAME} 590`, `TAIL_LOSS ${NAME} 589`],
  ],
  [
    'the consumer’s offset set back',
    () => attacked.run(`UPDATE ledger.consumer_offsets SET next_offset = 3 WHERE ${here()}`),
    [`SOURCE_REGRESSION ${NAME} 601`],
  ],
  [
    'the consumer’s offset set forward',
    () => attacked.run(`UPDATE ledger.consumer_offsets SET next_offset = next_offset + 9 WHERE ${here()}`),
    [`TAIL_LOSS ${NAME} 601`],
  ],
  [
    'the last checkpoint deleted',
    () => attacked.run(`DELETE FROM ledger.checkpoints WHERE ${here()} AND size = 602`),
    [`ROLLBACK ${NAME} 601`],
  ],
  [
    'a checkpoint in the middle deleted',
    () => attacked.run(`DELETE FROM ledger.checkpoints WHERE ${here()} AND size = 300`),
    [`CHECKPOINT_GAP ${NAME} 601`],
  ],
  [
    'all checkpoints deleted',
    () => attacked.run(`DELETE FROM ledger.checkpoints WHERE ${here()}`),
    [`ROLLBACK ${NAME} 601`],
  ],
  [
    'a checkpoint replaced by an older one',
    () =>
      attacked.run(
        `UPDATE ledger.checkpoints SET note = (SELECT note FROM ledger.checkpoints WHERE ${here()} AND size = 300) WHERE ${here()} AND size = 602`,
      ),
    [`ROLLBACK ${NAME} 601`],
  ],
  [
    'a tile deleted',
    () => attacked.run(`DELETE FROM ledger.tiles WHERE ${here()} AND n = 1`),
    [`TILE_MISMATCH ${NAME} 256`],
  ],
  [
    'a tile invented',
    () =>
      attacked.run(
        `INSERT INTO ledger.tiles SELECT chain, level, 77, root, hashes FROM ledger.tiles WHERE ${here()} AND n = 1`,
      ),
    [`TILE_MISMATCH ${NAME} 601`],
  ],
  [
    'a payload erased without a tombstone',
    () => attacked.run(`DELETE FROM ledger.payloads WHERE ${here()} AND seq = 9`),
    [`UNAUTHORISED_ERASURE ${NAME} 9`],
  ],
  [
    'a payload left without its entry',
    () =>
      attacked.run(
        `INSERT INTO ledger.payloads SELECT chain, 9999, salt, payload FROM ledger.payloads WHERE ${here()} AND seq = 9`,
      ),
    [`EXTRA_ROW ${NAME} 9999`],
  ],
  [
    'a chain deleted with all it has',
    () =>
      attacked.run(
        `DELETE FROM ledger.chains WHERE ${here()}; DELETE FROM ledger.chain_heads WHERE ${here()}; DELETE FROM ledger.entries WHERE ${here()}; DELETE FROM ledger.payloads WHERE ${here()}; DELETE FROM ledger.checkpoints WHERE ${here()}; DELETE FROM ledger.tiles WHERE ${here()}; DELETE FROM ledger.consumer_offsets WHERE ${here()}; DELETE FROM ledger.producer_positions WHERE ${here()}; DELETE FROM ledger.findings WHERE ${here()}`,
      ),
    [`CHAIN_MISSING ${NAME}`],
  ],
  [
    'ingest’s own finding deleted',
    () => attacked.run(`DELETE FROM ledger.findings WHERE ${here()}`),
    [`FINDING_MISMATCH ${NAME} 600`],
  ],
  [
    'the head row deleted',
    () => attacked.run(`DELETE FROM ledger.chain_heads WHERE ${here()}`),
    [`HEAD_MISMATCH ${NAME} 601`],
  ],
];

describe('what an attacker with the whole database can do', () => {
  it.each(ATTACKS)('%s: found and named', async (_, attack, expected) => {
    const indexes = `CREATE UNIQUE INDEX IF NOT EXISTS entries_event_id ON ledger.entries (event_id);
      CREATE UNIQUE INDEX IF NOT EXISTS entries_source_offset ON ledger.entries (source, source_offset)
        WHERE type NOT IN ('gap.sealed', 'regression.sealed')`;
    await attacked.during(attack, async () => {
      const found = seen(await attacked.findings());
      expect(found).toEqual(expect.arrayContaining(expected));
    });
    await attacked.run(indexes);
    expect(await attacked.findings()).toEqual([]);
  });

  it('an older backup put back: found by the copies outside', async () => {
    const newer = await mkdtemp(path.join(tmpdir(), 'countersign-trust-'));
    await cp(attacked.trust, newer, { recursive: true });
    const ingest = attacked.ledger.ingest();
    await attacked.during(
      async () => undefined,
      async () => {
        await ingest.claim(P1);
        const producer = OTHER_PRODUCER;
        await ingest.handle(P1, [recordAt(1, eventBytes(1, { producer }), 2, 'approvals')]);
        const signer = await attacked.ledger.signer({ trustFolder: newer });
        await signer.start();
        await signer.stop();
        expect(await attacked.findings(newer)).toEqual([]);
      },
    );
    expect(seen(await attacked.findings(newer))).toEqual(['ROLLBACK approvals/2 1']);
    await expect(attacked.ledger.signer({ trustFolder: newer })).rejects.toMatchObject({ code: 'ROLLBACK' });
    await rm(newer, { recursive: true });
  });

  it('a database that shrank below what was signed does not start the signer', async () => {
    await attacked.during(
      () => attacked.run(`UPDATE ledger.chain_heads SET size = 10 WHERE ${here()}`),
      async () => {
        await expect(attacked.ledger.signer()).rejects.toMatchObject({ code: 'ROLLBACK' });
      },
    );
    await attacked.during(
      () => rewriteHistory(attacked, 17, 'resigned'),
      async () => {
        await expect(attacked.ledger.signer()).rejects.toThrow(
          /^ROLLBACK: chain statements\/0 .*ledger-rollback\.md$/,
        );
      },
    );
  });
});
