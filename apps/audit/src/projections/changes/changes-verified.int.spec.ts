import { newId } from '#libs/kernel/uuid.js';
import { INTENT_COLUMNS, OUTCOME_COLUMNS } from '#libs/ledger/changes-register.js';
import type { Finding } from '#libs/ledger/verify/finding.js';
import { verifyLedger, type VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import {
  eventBytes,
  intentBytes,
  outcomeBytes,
  recordAt,
  silent,
  testLedger,
  type TestLedger,
} from '../../testing/test-ledger.js';
import { ProjectionRunner } from '../projection-runner.js';
import { changesProjection } from './changes-projection.js';

const STATEMENTS = { topic: 'statements', partition: 0 } as const;
const APPROVALS = { topic: 'approvals', partition: 0 } as const;
const APPROVALS_PRODUCER = '0198c5a0-0000-7000-8000-0000000000ac';
const TABLES = ['changes_v1', 'change_decisions_v1', 'positions'];

let postgres: TemporaryPostgres;
let ledger: TestLedger;
let admin: PgClient;
/** Intents by seq: 0 a write with an outcome, 1 a read with one, 2 a reviewed write, 3 its outcome … */
const intents = [newId(), newId(), newId(), newId()];
const requests = [newId(), newId()];

const decision = (number: number, type: string, requestId: string, fields: Record<string, unknown>): Buffer =>
  eventBytes(number, { producer: APPROVALS_PRODUCER, type, requestId, ...fields });

const verify = (): Promise<VerifyReport> =>
  verifyLedger({ url: ledger.adminUrl, trustFolder: ledger.trustFolder });

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  ledger = await testLedger(postgres);
  admin = await connectClient(ledger.adminUrl, 'test');
  const [written, read, reviewed, left] = intents as [string, string, string, string];
  const statements = [
    intentBytes(0, written, 'write'),
    intentBytes(1, read, 'read'),
    intentBytes(2, reviewed, 'ddl', { requestId: requests[0] }),
    outcomeBytes(3, read),
    outcomeBytes(4, reviewed),
    outcomeBytes(5, written),
    intentBytes(6, left, 'code'),
  ];
  const decisions = [
    decision(0, 'request.granted', requests[0] as string, {
      decidedBy: ['bob'],
      digest: 'ab'.repeat(32),
      grantExpiresAt: '2026-11-21T10:10:00.000Z',
    }),
    decision(1, 'request.refused', requests[1] as string, { decidedBy: ['bob', 'dana'], reason: 'no' }),
    // The one who granted it stays.
    decision(2, 'request.expired', requests[0] as string, {}),
  ];
  const runner = new ProjectionRunner({
    pool: ledger.pool,
    projection: changesProjection,
    chains: ledger.chains,
    logger: silent,
    intervalMs: 1_000,
    onStopped: (_, problem) => {
      if (problem !== undefined) throw new Error(problem);
    },
  });
  // Half of the statements are projected as they were sealed, the rest is read from the ledger.
  const ingest = ledger.ingest({
    onSealed: (chain, entries) => runner.sealed(chain, entries.slice(0, 3)),
  });
  await ingest.claim(STATEMENTS);
  await ingest.claim(APPROVALS);
  await ingest.handle(
    STATEMENTS,
    statements.map((value, offset) => recordAt(offset, value)),
  );
  await ingest.handle(
    APPROVALS,
    decisions.map((value, offset) => recordAt(offset, value, 0, 'approvals')),
  );
  const signer = await ledger.signer();
  await signer.start();
  await signer.stop();
  await runner.catchUp();
}, 60_000);

afterAll(async () => {
  await admin.end();
  await ledger.close();
  await postgres.dispose();
});

const found = ({ findings }: VerifyReport): string[] =>
  findings.map(({ kind, chain, seq }: Finding) => `${kind} ${chain} ${seq ?? ''}`.trim());

/** Runs the edit, says what is found, and puts the projections back. */
async function after(edit: string): Promise<VerifyReport> {
  for (const table of TABLES) await admin.query(`CREATE TABLE saved_${table} AS TABLE projections.${table}`);
  try {
    expect((await admin.query(edit)).rowCount).toBeGreaterThan(0);
    return await verify();
  } finally {
    for (const table of TABLES)
      await admin.query(
        `BEGIN; DELETE FROM projections.${table}; INSERT INTO projections.${table} TABLE saved_${table};
         DROP TABLE saved_${table}; COMMIT`,
      );
  }
}

const other = (column: string): string =>
  ({
    chain: 'chain + 100',
    seq: 'seq + 100',
    intended_at: 'intended_at + 1',
    outcome_at: 'outcome_at + 1',
    policy_version: 'policy_version + 1',
    rows: 'rows + 1',
    request_id: 'gen_random_uuid()',
    session_id: 'gen_random_uuid()',
    intent_id: 'gen_random_uuid()',
  })[column] ?? `coalesce(${column}, '') || 'x'`;

describe('the register of changes, verified against the ledger', () => {
  it('is found sound as audit made it, also where a statement has no outcome yet', async () => {
    expect(await verify()).toMatchObject({ verdict: 'OK', findings: [] });
    const { rows } = await admin.query(
      'SELECT decided_by FROM projections.change_decisions_v1 ORDER BY decided_at, decision',
    );
    expect(rows).toHaveLength(2);
  });

  it.each([...INTENT_COLUMNS, ...OUTCOME_COLUMNS])('names the row whose %s was edited', async (column) => {
    const report = await after(
      `UPDATE projections.changes_v1 SET ${column} = ${other(column)} WHERE intent_id = '${intents[0]}'`,
    );
    expect(report.verdict).toBe('TAMPERED');
    expect(found(report)).toContain('PROJECTION_DIVERGED statements/0 0');
    expect(report.findings[0]?.detail).toContain(intents[0]);
  });

  it.each([
    [
      'a row deleted',
      () => `DELETE FROM projections.changes_v1 WHERE intent_id = '${intents[2]}'`,
      ['PROJECTION_DIVERGED statements/0 2'],
    ],
    [
      'an outcome invented',
      () => `UPDATE projections.changes_v1 SET outcome = 'completed' WHERE intent_id = '${intents[3]}'`,
      ['PROJECTION_DIVERGED statements/0 6'],
    ],
    [
      'a row that nothing in the ledger makes',
      () =>
        `INSERT INTO projections.changes_v1 SELECT gen_random_uuid(), chain, seq, intended_at, request_id, session_id, who, who_kind, on_behalf_of, target, environment, database, kind, category, statement_sha256, statement_text, rule, effect, policy_version FROM projections.changes_v1 WHERE intent_id = '${intents[0]}'`,
      ['PROJECTION_DIVERGED statements/0 0'],
    ],
    [
      'a row for a statement that only read',
      () =>
        `INSERT INTO projections.changes_v1 SELECT '${intents[1]}', chain, 1, intended_at, request_id, session_id, who, who_kind, on_behalf_of, target, environment, database, kind, category, statement_sha256, statement_text, rule, effect, policy_version FROM projections.changes_v1 WHERE intent_id = '${intents[0]}'`,
      ['PROJECTION_DIVERGED statements/0 1'],
    ],
    [
      'its position set back',
      () => `UPDATE projections.positions SET next_seq = 6 WHERE next_seq = 7`,
      ['PROJECTION_DIVERGED statements/0 6'],
    ],
    [
      'a decision turned round',
      () =>
        `UPDATE projections.change_decisions_v1 SET decision = 'granted' WHERE request_id = '${requests[1]}'`,
      ['PROJECTION_DIVERGED approvals/0 1'],
    ],
    [
      'a decider added',
      () =>
        `UPDATE projections.change_decisions_v1 SET decided_by = '{bob,eve}' WHERE request_id = '${requests[0]}'`,
      ['PROJECTION_DIVERGED approvals/0 2'],
    ],
    [
      'a decision deleted',
      () => `DELETE FROM projections.change_decisions_v1 WHERE request_id = '${requests[0]}'`,
      ['PROJECTION_DIVERGED approvals/0 2'],
    ],
    [
      'a decision invented',
      () =>
        `INSERT INTO projections.change_decisions_v1 VALUES (gen_random_uuid(), 'granted', '{eve}', 1, NULL)`,
      ['PROJECTION_DIVERGED *'],
    ],
  ])('finds %s', async (_, edit, expected) => {
    expect(found(await after(edit()))).toEqual(expected);
  });

  it('does not hold against the register what was altered in the ledger', async () => {
    await admin.query('ALTER TABLE ledger.payloads DISABLE TRIGGER ALL');
    const edit = (from: string, to: string): Promise<unknown> =>
      admin.query(
        `UPDATE ledger.payloads SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '${from}', '${to}'), 'UTF8')
         WHERE chain = (SELECT chain FROM ledger.chains WHERE name = 'statements/0') AND seq = 0`,
      );
    await edit('SELECT 1', 'SELECT 2');
    expect(found(await verify())).toEqual(['PAYLOAD_MISMATCH statements/0 0']);
    await edit('SELECT 2', 'SELECT 1');
    await admin.query('ALTER TABLE ledger.payloads ENABLE ALWAYS TRIGGER append_only');
    expect(await verify()).toMatchObject({ verdict: 'OK', findings: [] });
  });

  it('says so where this role may not look', async () => {
    await admin.query('REVOKE SELECT ON projections.changes_v1 FROM countersign_audit');
    const report = await verifyLedger({ url: ledger.auditUrl, trustFolder: ledger.trustFolder });
    expect(report).toMatchObject({
      verdict: 'OK',
      notices: ['projections were not compared: this role may not read them'],
    });
    await admin.query('GRANT SELECT ON projections.changes_v1 TO countersign_audit');
  });
});
