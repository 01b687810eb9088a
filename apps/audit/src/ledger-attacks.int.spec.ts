import { createPublicKey } from 'node:crypto';
import { appendFile, cp, mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Finding } from '#libs/ledger/verify/finding.js';
import { verifyLedger, type VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { CompactRange } from '#libs/tlog/compact-range.js';
import { formatCheckpoint } from '#libs/tlog/checkpoint.js';
import { decodeEntry, encodeEntry, type Entry } from '#libs/tlog/entry.js';
import { leafHash, payloadCommitment } from '#libs/tlog/hashing.js';
import { signNote } from '#libs/tlog/signed-note.js';
import { fullTileRoot } from '#libs/tlog/tile.js';
import { formatVkey, noteVerifier } from '#libs/tlog/vkey.js';
import {
  eventBytes,
  privateKey,
  recordAt,
  recordsFrom,
  testLedger,
  type TestLedger,
} from '../testing/test-ledger.js';

const ENTRIES = 603;
const P0 = { topic: 'statements', partition: 0 } as const;
const P1 = { topic: 'approvals', partition: 2 } as const;
const NAME = 'statements/0';

let postgres: TemporaryPostgres;
let ledger: TestLedger;
let admin: PgClient;
let trust: string;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  ledger = await testLedger(postgres);
  const ingest = ledger.ingest();
  await ingest.claim(P0);
  await ingest.claim(P1);
  const signer = await ledger.signer();
  await signer.start();
  await ingest.handle(P0, recordsFrom(0, 300));
  await new Promise((resolve) => setTimeout(resolve, 150));
  const withoutColumns = {
    sessionId: undefined,
    identity: undefined,
    requestId: '0198c5a0-0000-7000-8000-0000000000dd',
  };
  await ingest.handle(P0, [
    ...recordsFrom(300, 299),
    recordAt(599, Buffer.from('poison')),
    recordAt(600, eventBytes(599, withoutColumns)),
    // A gap, so that ingest's own findings have a row.
    recordAt(601, eventBytes(607)),
  ]);
  await ingest.handle(P1, [
    recordAt(0, eventBytes(0, { producer: '0198c5a0-0000-7000-8000-0000000000ab' }), 2, 'approvals'),
  ]);
  await signer.stop();
  trust = ledger.trustFolder;
  admin = await connectClient(ledger.adminUrl, 'attacker');
  // What a superuser can always do, and what the triggers cannot prevent: switching them off.
  for (const table of await tables()) await admin.query(`ALTER TABLE ledger.${table} DISABLE TRIGGER ALL`);
}, 90_000);

afterAll(async () => {
  await admin.end();
  await ledger.close();
  await postgres.dispose();
});

const tables = async (): Promise<string[]> =>
  (
    await admin.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'ledger' ORDER BY 1`,
    )
  ).rows.map(({ name }) => name);

const verify = (trustFolder = trust): Promise<VerifyReport> =>
  verifyLedger({ url: ledger.adminUrl, trustFolder });

/** The one finding the ledger has before anything is done to it. */
const GAP = { kind: 'SOURCE_GAP', chain: NAME, seq: 601 } as const;
const isGap = (finding: Finding): boolean =>
  finding.kind === GAP.kind && finding.chain === GAP.chain && finding.seq === GAP.seq;

const attackFindings = async (trustFolder?: string): Promise<Finding[]> => {
  const report = await verify(trustFolder);
  const others = report.findings.filter((finding) => !isGap(finding));
  if (others.length > 0) expect(report.verdict).toBe('TAMPERED');
  return others;
};

const seen = (findings: readonly Finding[]): string[] => [
  ...new Set(findings.map(({ kind, chain, seq }) => `${kind} ${chain} ${seq ?? ''}`.trim())),
];

/** Runs an attack on the tables and puts everything back, whatever happens. */
async function during(attack: () => Promise<void>, check: () => Promise<void>): Promise<void> {
  for (const table of await tables())
    await admin.query(`CREATE TABLE public.saved_${table} AS TABLE ledger.${table}`);
  try {
    await attack();
    await check();
  } finally {
    for (const table of await tables())
      await admin.query(
        `BEGIN; TRUNCATE ledger.${table}; INSERT INTO ledger.${table} TABLE public.saved_${table}; DROP TABLE public.saved_${table}; COMMIT`,
      );
  }
}

describe('a clean ledger', () => {
  it('has no findings but those of its producers, twice in a row', async () => {
    for (let time = 0; time < 2; time += 1) {
      const report = await verify();
      expect(report.entries).toBe(ENTRIES);
      expect(seen(report.findings)).toEqual([`SOURCE_GAP ${NAME} 601`]);
    }
  });

  it('raises no alarm for entries that are not signed yet', async () => {
    await during(
      async () => {
        const ingest = ledger.ingest();
        await ingest.claim(P1);
        await ingest.handle(P1, [
          recordAt(1, eventBytes(1, { producer: '0198c5a0-0000-7000-8000-0000000000ab' }), 2, 'approvals'),
        ]);
      },
      async () => {
        const report = await verify();
        expect(report.entries).toBe(ENTRIES + 1);
        expect(seen(report.findings)).toEqual([`SOURCE_GAP ${NAME} 601`]);
      },
    );
  });
});

interface Column {
  table: string;
  name: string;
  type: string;
}

/** Ways to change a value of a type, as SQL over the column; each gives another value than before. */
function changes(type: string, column: string, random: () => number): string[] {
  const at = `(${Math.floor(random() * 1e6)} % octet_length(${column}))`;
  switch (type) {
    case 'bytea':
      return [
        `CASE WHEN octet_length(${column}) = 0 THEN '\\x00' ELSE set_byte(${column}, ${at}, get_byte(${column}, ${at}) # ${1 << Math.floor(random() * 8)}) END`,
        `${column} || '\\x00'`,
        `CASE WHEN octet_length(${column}) = 0 THEN '\\x01' ELSE substring(${column} FROM 2) END`,
      ];
    case 'integer':
    case 'bigint':
      return [`coalesce(${column}, 0) + 100000`, `coalesce(${column}, 0) - 100001`];
    case 'text':
      return [`coalesce(${column}, '') || 'x'`, `'#' || substr(coalesce(${column}, ''), 2)`];
    case 'uuid':
      return [
        `(substr(coalesce(${column}, '00000000-0000-0000-0000-000000000000')::text, 1, 35) ||
          CASE substr(coalesce(${column}, '00000000-0000-0000-0000-000000000000')::text, 36) WHEN 'e' THEN 'f' ELSE 'e' END)::uuid`,
      ];
    default:
      throw new Error(`no way to change a ${type}: add one`);
  }
}

/** A fixed sequence of numbers in [0, 1), so that a failure can be repeated. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

describe('any value of any table of the ledger that is changed behind its back', () => {
  it('is found, and the entry is named', async () => {
    const columns = (
      await admin.query<Column>(
        `SELECT c.table_name AS table, c.column_name AS name, c.data_type AS type
         FROM information_schema.columns c WHERE c.table_schema = 'ledger' ORDER BY 1, ordinal_position`,
      )
    ).rows;
    expect(columns.length).toBeGreaterThan(45);
    const random = sequence(20_261_121);
    const hasSeq = new Set(columns.filter(({ name }) => name === 'seq').map(({ table }) => table));
    const missed: string[] = [];
    for (const { table, name, type } of columns) {
      for (const change of changes(type, name, random)) {
        const { rows } = await admin.query<{
          at: string;
          chain: string | null;
          seq: string | null;
          old: string | null;
        }>(
          `SELECT t.ctid::text AS at, ${hasSeq.has(table) ? 't.seq::text' : 'NULL'} AS seq, t.${name}::text AS old,
             (SELECT c.name FROM ledger.chains c WHERE c.chain = t.chain) AS chain
           FROM ledger.${table} t ORDER BY md5(t.ctid::text || '${random()}') LIMIT 1`,
        );
        const row = rows[0];
        if (row === undefined) throw new Error(`ledger.${table} is empty: the test proves nothing`);
        const changed = await admin.query<{ at: string }>(
          `UPDATE ledger.${table} SET ${name} = ${change} WHERE ctid = '${row.at}' RETURNING ctid::text AS at`,
        );
        const findings = await attackFindings();
        const named = findings.some(
          (finding) => finding.chain === row.chain && (row.seq === null || finding.seq === Number(row.seq)),
        );
        if (!named)
          missed.push(
            `${table}.${name} of ${row.chain} ${row.seq ?? ''} (${change}): ${seen(findings).join(', ')}`,
          );
        await admin.query(
          `UPDATE ledger.${table} SET ${name} = $1::text::${type} WHERE ctid = '${changed.rows[0]?.at}'`,
          [row.old],
        );
      }
    }
    expect(missed).toEqual([]);
    expect(await attackFindings()).toEqual([]);
  }, 300_000);

  it('is found when it is taken away', async () => {
    for (const column of ['request_id', 'session_id', 'identity', 'event_time'])
      await during(
        () =>
          run(
            `UPDATE ledger.entries SET ${column} = NULL WHERE chain = ${chainNo()} AND ${column} IS NOT NULL`,
          ),
        async () =>
          expect(seen(await attackFindings())).toContainEqual(expect.stringMatching(/^COLUMN_MISMATCH/)),
      );
  }, 120_000);
});

const run = async (text: string): Promise<void> => void (await admin.query(text));
const chainNo = (): number => ledger.chains.find(({ name }) => name === NAME)?.chain as number;
const here = (): string => `chain = ${chainNo()}`;

/** Rewrites history from an entry on: its payload, then everything that follows from it, as far as `depth` says. */
async function rewrite(seq: number, depth: 'commitment' | 'leaf' | 'all' | 'resigned'): Promise<void> {
  const { rows } = await admin.query<{ entry: Buffer; salt: Buffer; payload: Buffer }>(
    `SELECT e.entry, p.salt, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
     WHERE e.${here()} ORDER BY seq`,
  );
  const victim = rows[seq] as (typeof rows)[number];
  const payload = Buffer.from(victim.payload.toString().replace('"client"', '"target"'));
  expect(payload.equals(victim.payload)).toBe(false);
  await admin.query(`UPDATE ledger.payloads SET payload = $1 WHERE ${here()} AND seq = $2`, [payload, seq]);
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
      `UPDATE ledger.entries SET entry = $1 ${depth === 'commitment' ? '' : ', leaf = $4'} WHERE ${here()} AND seq = $2 AND $3`,
      [bytes, index, true, ...(depth === 'commitment' ? [] : [leaf])],
    );
  }
  if (depth === 'commitment' || depth === 'leaf') return;
  for (let n = 0; (n + 1) * 256 <= leaves.length; n += 1) {
    const hashes = Buffer.concat(leaves.slice(n * 256, n * 256 + 256));
    await admin.query(
      `UPDATE ledger.tiles SET hashes = $1, root = $2 WHERE ${here()} AND level = 0 AND n = $3`,
      [hashes, fullTileRoot(hashes), n],
    );
  }
  await admin.query(`UPDATE ledger.chain_heads SET head = $1, compact_range = $2 WHERE ${here()}`, [
    leaves.at(-1),
    range.encode(),
  ]);
  if (depth === 'all') return;
  const chain = ledger.chains.find(({ name }) => name === NAME) as TestLedger['chains'][number];
  const log = noteVerifier(chain.origin, 'log', createPublicKey(privateKey));
  const sizes = await admin.query<{ size: string }>(
    `SELECT size::text FROM ledger.checkpoints WHERE ${here()}`,
  );
  for (const { size } of sizes.rows) {
    const upTo = CompactRange.empty();
    for (const leaf of leaves.slice(0, Number(size))) upTo.append(leaf);
    const body = formatCheckpoint({ origin: chain.origin, size: BigInt(size), root: upTo.root() });
    await admin.query(`UPDATE ledger.checkpoints SET note = $1 WHERE ${here()} AND size = $2`, [
      signNote(body, log, privateKey),
      size,
    ]);
  }
}

/** What was done, and what must be found at the least. */
const ATTACKS: [string, () => Promise<void>, string[]][] = [
  [
    'a payload bit changed',
    () =>
      run(
        `UPDATE ledger.payloads SET payload = set_byte(payload, 3, get_byte(payload, 3) # 4) WHERE ${here()} AND seq = 17`,
      ),
    [`PAYLOAD_MISMATCH ${NAME} 17`],
  ],
  ['… and its commitment rewritten', () => rewrite(17, 'commitment'), [`LEAF_MISMATCH ${NAME} 17`]],
  [
    '… and the stored leaf hash',
    () => rewrite(17, 'leaf'),
    [`CHAIN_BREAK ${NAME} 17`, `TILE_MISMATCH ${NAME} 17`],
  ],
  [
    '… in a tile that is not full yet',
    () => rewrite(550, 'leaf'),
    [`CHAIN_BREAK ${NAME} 550`, `ROOT_MISMATCH ${NAME} 601`],
  ],
  [
    '… of the last entry',
    () => rewrite(601, 'leaf'),
    [`ROOT_MISMATCH ${NAME} 601`, `HEAD_MISMATCH ${NAME} 601`],
  ],
  ['… and every later entry, tile and head rebuilt', () => rewrite(17, 'all'), [`ROOT_MISMATCH ${NAME} 299`]],
  ['… and re-signed with the stolen key', () => rewrite(17, 'resigned'), [`CONSISTENCY_FAIL ${NAME} 601`]],
  [
    'an entry deleted',
    () =>
      run(
        `DELETE FROM ledger.entries WHERE ${here()} AND seq = 40; DELETE FROM ledger.payloads WHERE ${here()} AND seq = 40`,
      ),
    [`SEQ_GAP ${NAME} 40`],
  ],
  [
    'the first entry deleted',
    () =>
      run(
        `DELETE FROM ledger.entries WHERE ${here()} AND seq = 0; DELETE FROM ledger.payloads WHERE ${here()} AND seq = 0`,
      ),
    [`SEQ_GAP ${NAME} 0`],
  ],
  [
    'an entry renumbered',
    () =>
      run(
        `UPDATE ledger.entries SET seq = 5000 WHERE ${here()} AND seq = 40; UPDATE ledger.payloads SET seq = 5000 WHERE ${here()} AND seq = 40`,
      ),
    [`SEQ_GAP ${NAME} 40`, `SEQ_FIELD_MISMATCH ${NAME} 5000`],
  ],
  [
    'two entries swapped',
    () =>
      run(
        `UPDATE ledger.entries SET seq = -1 WHERE ${here()} AND seq = 40; UPDATE ledger.entries SET seq = 40 WHERE ${here()} AND seq = 41; UPDATE ledger.entries SET seq = 41 WHERE ${here()} AND seq = -1`,
      ),
    [`SEQ_FIELD_MISMATCH ${NAME} 40`, `SEQ_FIELD_MISMATCH ${NAME} 41`],
  ],
  [
    'an entry replayed at the end',
    () =>
      run(
        `DROP INDEX ledger.entries_event_id; DROP INDEX ledger.entries_source_offset; INSERT INTO ledger.entries SELECT chain, 602, source, source_offset, recorded_at, event_time, producer_seq, event_id, producer, request_id, session_id, type, identity, leaf, entry FROM ledger.entries WHERE ${here()} AND seq = 5; INSERT INTO ledger.payloads SELECT chain, 602, salt, payload FROM ledger.payloads WHERE ${here()} AND seq = 5`,
      ),
    [`SEQ_FIELD_MISMATCH ${NAME} 602`, `CHAIN_BREAK ${NAME} 602`, `SOURCE_REGRESSION ${NAME} 602`],
  ],
  [
    'the tail cut below the last checkpoint',
    () =>
      run(
        `DELETE FROM ledger.entries WHERE ${here()} AND seq >= 590; DELETE FROM ledger.payloads WHERE ${here()} AND seq >= 590`,
      ),
    [`TRUNCATED ${NAME} 590`, `TAIL_LOSS ${NAME} 589`],
  ],
  [
    'the consumer’s offset set back',
    () => run(`UPDATE ledger.consumer_offsets SET next_offset = 3 WHERE ${here()}`),
    [`SOURCE_REGRESSION ${NAME} 601`],
  ],
  [
    'the consumer’s offset set forward',
    () => run(`UPDATE ledger.consumer_offsets SET next_offset = next_offset + 9 WHERE ${here()}`),
    [`TAIL_LOSS ${NAME} 601`],
  ],
  [
    'the last checkpoint deleted',
    () => run(`DELETE FROM ledger.checkpoints WHERE ${here()} AND size = 602`),
    [`ROLLBACK ${NAME} 601`],
  ],
  [
    'a checkpoint in the middle deleted',
    () => run(`DELETE FROM ledger.checkpoints WHERE ${here()} AND size = 300`),
    [`CHECKPOINT_GAP ${NAME} 601`],
  ],
  [
    'all checkpoints deleted',
    () => run(`DELETE FROM ledger.checkpoints WHERE ${here()}`),
    [`ROLLBACK ${NAME} 601`],
  ],
  [
    'a checkpoint replaced by an older one',
    () =>
      run(
        `UPDATE ledger.checkpoints SET note = (SELECT note FROM ledger.checkpoints WHERE ${here()} AND size = 300) WHERE ${here()} AND size = 602`,
      ),
    [`ROLLBACK ${NAME} 601`],
  ],
  [
    'a tile deleted',
    () => run(`DELETE FROM ledger.tiles WHERE ${here()} AND n = 1`),
    [`TILE_MISMATCH ${NAME} 256`],
  ],
  [
    'a tile invented',
    () =>
      run(
        `INSERT INTO ledger.tiles SELECT chain, level, 77, root, hashes FROM ledger.tiles WHERE ${here()} AND n = 1`,
      ),
    [`TILE_MISMATCH ${NAME} 601`],
  ],
  [
    'a payload erased without a tombstone',
    () => run(`DELETE FROM ledger.payloads WHERE ${here()} AND seq = 9`),
    [`UNAUTHORISED_ERASURE ${NAME} 9`],
  ],
  [
    'a payload left without its entry',
    () =>
      run(
        `INSERT INTO ledger.payloads SELECT chain, 9999, salt, payload FROM ledger.payloads WHERE ${here()} AND seq = 9`,
      ),
    [`EXTRA_ROW ${NAME} 9999`],
  ],
  [
    'a chain deleted with all it has',
    () =>
      run(
        `DELETE FROM ledger.chains WHERE ${here()}; DELETE FROM ledger.chain_heads WHERE ${here()}; DELETE FROM ledger.entries WHERE ${here()}; DELETE FROM ledger.payloads WHERE ${here()}; DELETE FROM ledger.checkpoints WHERE ${here()}; DELETE FROM ledger.tiles WHERE ${here()}; DELETE FROM ledger.consumer_offsets WHERE ${here()}; DELETE FROM ledger.producer_positions WHERE ${here()}; DELETE FROM ledger.findings WHERE ${here()}`,
      ),
    [`CHAIN_MISSING ${NAME}`],
  ],
  [
    'ingest’s own finding deleted',
    () => run(`DELETE FROM ledger.findings WHERE ${here()}`),
    [`FINDING_MISMATCH ${NAME} 601`],
  ],
  [
    'the head row deleted',
    () => run(`DELETE FROM ledger.chain_heads WHERE ${here()}`),
    [`HEAD_MISMATCH ${NAME} 601`],
  ],
];

describe('what an attacker with the whole database can do', () => {
  it.each(ATTACKS)('%s: found and named', async (_, attack, expected) => {
    const indexes = `CREATE UNIQUE INDEX IF NOT EXISTS entries_event_id ON ledger.entries (event_id);
      CREATE UNIQUE INDEX IF NOT EXISTS entries_source_offset ON ledger.entries (source, source_offset)`;
    await during(attack, async () => {
      const found = seen(await attackFindings());
      expect(found).toEqual(expect.arrayContaining(expected));
    });
    await run(indexes);
    expect(await attackFindings()).toEqual([]);
  });

  it('an older backup put back: found by the copies outside', async () => {
    const newer = await mkdtemp(path.join(tmpdir(), 'countersign-trust-'));
    await cp(trust, newer, { recursive: true });
    const ingest = ledger.ingest();
    await during(
      async () => undefined,
      async () => {
        await ingest.claim(P1);
        const producer = '0198c5a0-0000-7000-8000-0000000000ab';
        await ingest.handle(P1, [recordAt(1, eventBytes(1, { producer }), 2, 'approvals')]);
        const signer = await ledger.signer({ trustFolder: newer });
        await signer.start();
        await signer.stop();
        expect(await attackFindings(newer)).toEqual([]);
      },
    );
    expect(seen(await attackFindings(newer))).toEqual(['ROLLBACK approvals/2 1']);
    await expect(ledger.signer({ trustFolder: newer })).rejects.toMatchObject({ code: 'ROLLBACK' });
    await rm(newer, { recursive: true });
  });

  it('a database that shrank below what was signed does not start the signer', async () => {
    await during(
      () => run(`UPDATE ledger.chain_heads SET size = 10 WHERE ${here()}`),
      async () => {
        await expect(ledger.signer()).rejects.toMatchObject({ code: 'ROLLBACK' });
      },
    );
    await during(
      () => rewrite(17, 'resigned'),
      async () => {
        await expect(ledger.signer()).rejects.toThrow(
          /^ROLLBACK: chain statements\/0 .*ledger-rollback\.md$/,
        );
      },
    );
  });
});

describe('a trust folder', () => {
  const changed = async (change: (folder: string) => Promise<void>): Promise<VerifyReport> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-trust-'));
    await cp(trust, folder, { recursive: true });
    await change(folder);
    const report = await verify(folder);
    await rm(folder, { recursive: true });
    return report;
  };

  it('without keys leaves everything unverifiable', async () => {
    const report = await changed((folder) => unlink(path.join(folder, 'ledger-keys')));
    expect(report.verdict).toBe('UNVERIFIABLE');
  });

  it('without the copies leaves a rollback open, and says so', async () => {
    const report = await changed(async (folder) => {
      for (const name of await readdir(path.join(folder, 'checkpoints')))
        await unlink(path.join(folder, 'checkpoints', name));
    });
    expect(report.findings.filter(({ kind }) => kind === 'NO_PINNED_CHECKPOINT')).toHaveLength(17);
  });

  it('with another key finds every signature untrusted', async () => {
    const other = createPublicKey({
      key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.alloc(32, 1)]),
      format: 'der',
      type: 'spki',
    });
    const keys = ledger.chains.map(({ origin }) => formatVkey(noteVerifier(origin, 'log', other)));
    const report = await changed((folder) => writeFile(path.join(folder, 'ledger-keys'), keys.join('\n')));
    expect(report.verdict).toBe('TAMPERED');
    expect(seen(report.findings)).toContain('NO_TRUSTED_SIGNATURE statements/0');
  });

  it('that names a log the database does not have finds it missing', async () => {
    const extra = formatVkey(
      noteVerifier('audit.example/ledger/statements/9', 'log', createPublicKey(privateKey)),
    );
    const report = await changed(async (folder) => {
      await appendFile(path.join(folder, 'ledger-keys'), `${extra}\n`);
    });
    expect(seen(report.findings)).toContain('CHAIN_MISSING statements/9');
  });
});

describe('a database that cannot be read', () => {
  it('leaves the question open', async () => {
    const report = await verifyLedger({ url: 'postgresql://nobody:x@127.0.0.1:1/none', trustFolder: trust });
    expect(report).toMatchObject({
      verdict: 'INCONCLUSIVE',
      entries: 0,
      findings: [{ kind: 'INTERRUPTED' }],
    });
  });
});
