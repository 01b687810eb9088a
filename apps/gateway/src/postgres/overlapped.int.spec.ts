import pg from 'pg';
import { eventually } from '#libs/testing/eventually.js';
import { TemporaryGateway } from './testing/temporary-gateway.js';

const POLICY = `
version: 1
default: allow
rules:
  - { id: no-names, when: "'numbers' in statement.writes && statement.kind == 'DELETE'", effect: deny }
`;

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({
    policy: POLICY,
    target: { recording: 'overlapped' },
    spoolMaxBytes: 4 << 20,
  });
});
afterAll(() => gateway?.dispose());

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'ran',
    (error: { code?: string }) => error.code,
  );

const one = { text: 'SELECT name FROM customers WHERE id = $1', values: [7] };

describe('a target with recording: overlapped', () => {
  it('answers as the target does, and says so on every intent', async () => {
    const client = await gateway.connect();
    const direct = await gateway.direct();
    for (const query of [
      'SELECT name FROM customers ORDER BY id LIMIT 3',
      one,
      { ...one, name: 'named' },
      { ...one, name: 'named' },
      'SELECT 1 AS a; SELECT 2 AS b',
      'SELECT * FROM customers',
    ]) {
      const rows = (result: pg.QueryResult | pg.QueryResult[]): unknown =>
        [result].flat().map((each) => each.rows);
      expect(rows(await client.query(query))).toEqual(rows(await direct.query(query)));
    }
    expect(await codeOf(client.query('SELECT 1/0'))).toBe('22012');
    expect(await codeOf(client.query('SELECT nothing FROM customers'))).toBe('42703');
    await client.query('BEGIN');
    await client.query('INSERT INTO numbers VALUES (1)');
    expect((await client.query('SELECT n FROM numbers')).rows).toEqual([{ n: 1 }]);
    await client.query('COMMIT');
    expect(await codeOf(client.query('DELETE FROM numbers'))).toBe('42501');
    const { intent, outcome } = await gateway.outcomeOf('SELECT * FROM customers');
    expect(intent.recording).toBe('overlapped');
    expect(outcome).toMatchObject({ outcome: 'completed', rows: 100 });
    const failed = await gateway.outcomeOf('SELECT 1/0');
    expect(failed.outcome).toMatchObject({ outcome: 'failed', sqlstate: '22012' });
  });

  it('lets no answer leave of what cannot be recorded, and lives on', async () => {
    const client = await gateway.connect();
    const direct = await gateway.direct();
    const platform = new pg.Client(gateway.postgres.adminUrl('platform'));
    await platform.connect();
    await platform.query('BEGIN; LOCK event_log.heads');
    const filler = 'x'.repeat(60_000);
    let filled: unknown = 'ran';
    for (let count = 0; filled === 'ran' && count < 200; count += 1)
      filled = await codeOf(client.query(`SELECT '${count} ${filler}'`));
    expect(filled).toBe('53100');
    const text = 'SELECT name FROM customers WHERE id = 8';
    for (const query of [text, one, { ...one, name: 'new' }, `INSERT INTO numbers VALUES (2)`])
      expect(await codeOf(client.query(query))).toBe('53100');
    expect((await direct.query('SELECT n FROM numbers')).rows).toEqual([{ n: 1 }]);
    await platform.query('ROLLBACK');
    await platform.end();
    await eventually(async () => {
      expect((await client.query(one)).rows).toEqual([{ name: 'name 7' }]);
    }, 30_000);
    expect(gateway.of('statement.intent-recorded').some(({ statement }) => statement.text === text)).toBe(
      false,
    );
    const intents = new Set(gateway.of('statement.intent-recorded').map(({ id }) => id));
    await eventually(() => {
      for (const { intentId } of gateway.of('statement.outcome-recorded'))
        expect(
          intents.has(intentId) || gateway.of('statement.intent-recorded').some(({ id }) => id === intentId),
        ).toBe(true);
    });
  }, 60_000);
});
