import { createPublicKey } from 'node:crypto';
import { appendFile, cp, mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { verifyLedger, type VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { formatVkey, noteVerifier } from '#libs/tlog/vkey.js';
import {
  attackedLedger,
  ENTRIES,
  NAME,
  OTHER_PRODUCER,
  P1,
  seen,
  type AttackedLedger,
} from './testing/attacked-ledger.js';
import { clockAt, eventBytes, privateKey, recordAt } from './testing/test-ledger.js';

let attacked: AttackedLedger;
beforeAll(async () => {
  attacked = await attackedLedger();
}, 90_000);
afterAll(() => attacked.dispose());

describe('a clean ledger', () => {
  it('has no findings but those of its producers, twice in a row', async () => {
    for (let time = 0; time < 2; time += 1) {
      const report = await attacked.verify();
      expect(report.entries).toBe(ENTRIES);
      expect(seen(report.findings)).toEqual([`SOURCE_GAP ${NAME} 600`]);
    }
  });

  it('raises no alarm for entries that are not signed yet', async () => {
    await attacked.during(
      async () => {
        const ingest = attacked.ledger.ingest();
        await ingest.claim(P1);
        await ingest.handle(P1, [recordAt(1, eventBytes(1, { producer: OTHER_PRODUCER }), 2, 'approvals')]);
      },
      async () => {
        const report = await attacked.verify();
        expect(report.entries).toBe(ENTRIES + 1);
        expect(seen(report.findings)).toEqual([`SOURCE_GAP ${NAME} 600`]);
      },
    );
  });

  it('calls stale what has not been signed for long', async () => {
    await attacked.during(
      async () => {
        const at = { topic: 'approvals', partition: 3 } as const;
        const ingest = attacked.ledger.ingest({ clock: clockAt(Date.now() - 20 * 60_000) });
        await ingest.claim(at);
        await ingest.handle(at, [recordAt(0, eventBytes(0), 3, 'approvals')]);
      },
      async () => {
        const report = await attacked.verify();
        expect(seen(report.findings)).toEqual([`SOURCE_GAP ${NAME} 600`, 'STALE approvals/3 0']);
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
      await attacked.admin.query<Column>(
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
        const { rows } = await attacked.admin.query<{
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
        const changed = await attacked.admin.query<{ at: string }>(
          `UPDATE ledger.${table} SET ${name} = ${change} WHERE ctid = '${row.at}' RETURNING ctid::text AS at`,
        );
        const findings = await attacked.findings();
        const named = findings.some(
          (finding) => finding.chain === row.chain && (row.seq === null || finding.seq === Number(row.seq)),
        );
        if (!named)
          missed.push(
            `${table}.${name} of ${row.chain} ${row.seq ?? ''} (${change}): ${seen(findings).join(', ')}`,
          );
        await attacked.admin.query(
          `UPDATE ledger.${table} SET ${name} = $1::text::${type} WHERE ctid = '${changed.rows[0]?.at}'`,
          [row.old],
        );
      }
    }
    expect(missed).toEqual([]);
    expect(await attacked.findings()).toEqual([]);
  }, 300_000);

  it('is found when it is taken away', async () => {
    for (const column of ['request_id', 'session_id', 'identity', 'event_time'])
      await attacked.during(
        () =>
          attacked.run(
            `UPDATE ledger.entries SET ${column} = NULL WHERE chain = ${attacked.chain} AND ${column} IS NOT NULL`,
          ),
        async () =>
          expect(seen(await attacked.findings())).toContainEqual(expect.stringMatching(/^COLUMN_MISMATCH/)),
      );
  }, 120_000);
});

describe('a trust folder', () => {
  const changed = async (change: (folder: string) => Promise<void>): Promise<VerifyReport> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-trust-'));
    await cp(attacked.trust, folder, { recursive: true });
    await change(folder);
    const report = await attacked.verify(folder);
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
    const keys = attacked.ledger.chains.map(({ origin }) => formatVkey(noteVerifier(origin, 'log', other)));
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

describe('append-only triggers', () => {
  const statesOf = async (state: string): Promise<readonly string[]> => {
    await attacked.run(`ALTER TABLE ledger.entries ${state} TRIGGER append_only`);
    const report = await attacked.verify();
    await attacked.run('ALTER TABLE ledger.entries DISABLE TRIGGER append_only');
    return (report.notices ?? []).filter((notice) => notice.startsWith('ledger.entries'));
  };

  it('that are switched off are a notice, never a finding', async () => {
    expect(await statesOf('DISABLE')).toEqual(['ledger.entries: its append-only trigger is switched off']);
    expect(await statesOf('ENABLE')).toEqual([
      'ledger.entries: its append-only trigger is not ENABLE ALWAYS',
    ]);
    expect(await statesOf('ENABLE ALWAYS')).toEqual([]);
  });
});

describe('a database that cannot be read', () => {
  it('leaves the question open', async () => {
    const report = await verifyLedger({
      url: 'postgresql://nobody:x@127.0.0.1:1/none',
      trustFolder: attacked.trust,
    });
    expect(report).toMatchObject({
      verdict: 'INCONCLUSIVE',
      entries: 0,
      findings: [{ kind: 'INTERRUPTED' }],
    });
  });
});
