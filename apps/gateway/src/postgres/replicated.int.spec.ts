import pg from 'pg';
import { eventually } from '#libs/testing/eventually.js';
import { TemporaryGateway } from './testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({ target: { recording: 'replicated' } });
});
afterAll(() => gateway.dispose());

describe('a target with recording: replicated', () => {
  it('says so on every intent, and runs a statement only when the event log has it', async () => {
    const client = await gateway.connect();
    await client.query('INSERT INTO numbers VALUES (1)');
    // No waiting: the log had it before the client had its answer.
    const direct = await gateway.direct();
    const platform = new pg.Client(gateway.postgres.adminUrl('platform'));
    await platform.connect();
    const { rows } = await platform.query<{ value: Buffer }>(
      `SELECT value FROM event_log.log WHERE topic = 'statements'`,
    );
    const texts = rows.map(({ value }) => value.toString('utf8'));
    expect(
      texts.some(
        (text) =>
          text.includes('INSERT INTO numbers VALUES (1)') && text.includes('"recording":"replicated"'),
      ),
    ).toBe(true);

    // The event log hangs: nothing runs, the client is told, and the intent has its outcome.
    await platform.query('BEGIN; LOCK event_log.heads');
    const failed = await client
      .query('INSERT INTO numbers VALUES (2)')
      .catch((error: { code: string }) => error.code);
    expect(failed).toBe('58030');
    expect((await direct.query('SELECT n FROM numbers')).rows).toEqual([{ n: 1 }]);
    await platform.query('ROLLBACK');
    await platform.end();
    const { outcome } = await gateway.outcomeOf('INSERT INTO numbers VALUES (2)');
    expect(outcome).toMatchObject({ outcome: 'refused', sqlstate: '58030' });
    await eventually(async () => {
      expect((await client.query('SELECT count(*)::int AS n FROM numbers')).rows).toEqual([{ n: 1 }]);
    }, 20_000);
  }, 60_000);
});
