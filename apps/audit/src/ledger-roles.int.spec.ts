import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { loginOf, recordsFrom, testLedger, type TestLedger } from './testing/test-ledger.js';

let postgres: TemporaryPostgres;
let ledger: TestLedger;
let audit: PgClient;
let superuser: PgClient;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  ledger = await testLedger(postgres);
  const ingest = ledger.ingest();
  await ingest.claim({ topic: 'statements', partition: 0 });
  await ingest.handle({ topic: 'statements', partition: 0 }, recordsFrom(0, 260));
  const signer = await ledger.signer();
  await signer.start();
  await signer.stop();
  audit = await connectClient(ledger.auditUrl, 'test');
  superuser = await connectClient(ledger.adminUrl, 'test');
}, 60_000);

afterAll(async () => {
  await audit.end();
  await superuser.end();
  await ledger.close();
  await postgres.dispose();
});

const APPEND_ONLY = ['chains', 'entries', 'payloads', 'tiles', 'checkpoints', 'findings'];
const MOVING = ['chain_heads', 'consumer_offsets', 'producer_positions'];
const TABLES = [...APPEND_ONLY, ...MOVING];

/** The SQLSTATE of a refused statement; nothing when it went through. */
const refusal = (client: PgClient, text: string): Promise<string | undefined> =>
  client.query(text).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );

const REFUSED = '42501';

describe('the role of audit', () => {
  it.each(TABLES)('may not write to ledger.%s, whatever the statement', async (table) => {
    for (const text of [
      `INSERT INTO ledger.${table} SELECT * FROM ledger.${table}`,
      `UPDATE ledger.${table} SET chain = chain`,
      `DELETE FROM ledger.${table}`,
      `TRUNCATE ledger.${table}`,
      `ALTER TABLE ledger.${table} DISABLE TRIGGER ALL`,
      `DROP TABLE ledger.${table}`,
    ])
      expect([text, await refusal(audit, text)]).toEqual([text, REFUSED]);
    expect(await refusal(audit, `SELECT FROM ledger.${table} LIMIT 1`)).toBeUndefined();
  });

  it('may not become the owner, replace a function, nor tell a projection to go on', async () => {
    for (const text of [
      'SET ROLE countersign_ledger_owner',
      `CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
      'CREATE TABLE ledger.more (x int)',
      `SET session_replication_role = replica`,
      `INSERT INTO projections.passed_over VALUES ('changes_v1', 1, 1, 'me', 'because')`,
      'DELETE FROM projections.changes_v1',
    ])
      expect([text, await refusal(audit, text)]).toEqual([text, REFUSED]);
  });
});

describe('the reading role', () => {
  it('reads everything and calls nothing', async () => {
    const reader = await connectClient(
      await loginOf(ledger.adminUrl, 'countersign_reader', 'auditor'),
      'test',
    );
    for (const table of TABLES)
      expect(await refusal(reader, `TABLE ledger.${table} LIMIT 1`)).toBeUndefined();
    for (const text of [
      `SELECT ledger.claim(1, gen_random_uuid())`,
      `SELECT ledger.create_chain('x/0', gen_random_uuid(), 'x', 'x')`,
      `SELECT ledger.publish_checkpoint(1, 1, 1, 'x')`,
      'DELETE FROM ledger.entries',
    ])
      expect([text, await refusal(reader, text)]).toEqual([text, REFUSED]);
    await reader.end();
  });

  it.each(['countersign_gateway', 'countersign_approvals'])(
    '%s sees nothing of the ledger',
    async (group) => {
      const other = await connectClient(await loginOf(ledger.adminUrl, group, `${group}_login`), 'test');
      expect(await refusal(other, 'TABLE ledger.entries LIMIT 1')).toBe(REFUSED);
      expect(await refusal(other, 'TABLE projections.changes_v1 LIMIT 1')).toBe(REFUSED);
      await other.end();
    },
  );
});

describe('a superuser, and the owner', () => {
  it.each(['origin', 'replica', 'local'])(
    'may not change or take away what is sealed, with session_replication_role = %s',
    async (role) => {
      await superuser.query(`SET session_replication_role = ${role}`);
      for (const table of TABLES)
        for (const text of [
          ...(APPEND_ONLY.includes(table) ? [`UPDATE ledger.${table} SET chain = chain`] : []),
          `DELETE FROM ledger.${table}`,
          `TRUNCATE ledger.${table}`,
          `TRUNCATE ledger.${table} CASCADE`,
        ])
          expect([text, await refusal(superuser, text)]).toEqual([text, REFUSED]);
      for (const text of [
        'UPDATE ledger.chain_heads SET size = size - 1 WHERE size > 0',
        'UPDATE ledger.chain_heads SET epoch = epoch - 1',
        'UPDATE ledger.consumer_offsets SET next_offset = 0',
        'UPDATE ledger.producer_positions SET next_seq = 0',
      ])
        expect([text, await refusal(superuser, text)]).toEqual([text, REFUSED]);
      await superuser.query('RESET session_replication_role');
    },
  );

  it('is the owner only by name: the owner cannot log in, and is bound the same', async () => {
    const { rows } = await superuser.query(
      `SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'countersign_ledger_owner'`,
    );
    expect(rows).toEqual([{ rolcanlogin: false, rolsuper: false }]);
    await superuser.query('SET ROLE countersign_ledger_owner');
    expect(await refusal(superuser, 'DELETE FROM ledger.entries')).toBe(REFUSED);
    expect(await refusal(superuser, 'UPDATE ledger.payloads SET salt = salt')).toBe(REFUSED);
    await superuser.query('RESET ROLE');
  });
});

describe('the append function', () => {
  it('publishes no checkpoint beyond what is sealed, and none out of turn', async () => {
    const chain = ledger.chains.find(({ name }) => name === 'statements/0')?.chain;
    expect(await refusal(audit, `SELECT ledger.publish_checkpoint(${chain}, 1, 9999, 'x')`)).toBe('CS002');
    for (const [number, size] of [
      [5, 260],
      [2, 260],
      [1, 5],
    ]) {
      const { rows } = await audit.query<{ done: boolean }>(
        `SELECT ledger.publish_checkpoint(${chain}, ${number}, ${size}, 'x') AS done`,
      );
      expect([number, size, rows[0]?.done]).toEqual([number, size, false]);
    }
  });
});
