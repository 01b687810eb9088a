import type pg from 'pg';
import { olderServer } from '#libs/testing/installed-postgres.js';
import { TemporaryGateway } from '../postgres/testing/temporary-gateway.js';

const POLICY = `
version: 1
default: allow
rules:
  - { id: unsure, when: statement.incomplete, effect: flag }
  - { id: secrets, when: "statement.category == 'read' && 'other.secrets' in statement.tables", effect: deny }
  - { id: counted, when: "statement.category == 'write' && !statement.bounded", effect: review, reviewers: [{ group: dba, count: 1 }] }
`;

/** `numbers` is a table of public, of schema other and, by a function that nobody can read, of the session's own. */
const SCHEMA = `
  CREATE SCHEMA other;
  CREATE TABLE other.secrets (n int);
  CREATE VIEW other.numbers AS SELECT n FROM other.secrets;
  CREATE FUNCTION opaque() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'CREATE TEMP VIEW numbers AS SELECT n FROM other.secrets'; END $$;
  CREATE FUNCTION wander() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'SET search_path = other'; END $$;`;

const OLDER = await olderServer();

const SERVERS = [
  { name: 'the bundled server', programs: undefined, isThere: true },
  {
    name: 'a server that does not report search_path (14 to 17, skipped where none is installed)',
    programs: OLDER?.folder,
    isThere: OLDER !== undefined,
  },
];

describe.each(SERVERS)('what a name means at $name', ({ programs, isThere }) => {
  const claim = isThere ? it : it.skip;
  let gateway: TemporaryGateway;
  let client: pg.Client;

  beforeAll(async () => {
    if (!isThere) return;
    gateway = await TemporaryGateway.start({ policy: POLICY, programs });
    const admin = await gateway.direct();
    await admin.query('GRANT CREATE ON DATABASE shop TO app');
    // Through the gateway, which reads the catalog again for it.
    client = await gateway.connect();
    await client.query(SCHEMA);
  }, 240_000);
  afterAll(() => (isThere ? gateway.dispose() : undefined), 120_000);
  beforeEach(async () => {
    if (isThere) client = await gateway.connect();
  });

  const answer = (text: string): Promise<string> =>
    client.query(text).then(
      () => 'allowed',
      ({ message }: Error) => message,
    );
  const denied = 'refused by policy: rule secrets';
  const numbers = (): Promise<string> => answer('SELECT n FROM numbers');

  claim('follows SET and set_config, from the session and from the start-up packet', async () => {
    expect(await numbers()).toBe('allowed');
    await client.query('SET search_path = other, public');
    expect(await numbers()).toBe(denied);
    await client.query("SELECT set_config('search_path', 'public', false)");
    expect(await numbers()).toBe('allowed');
    client = await gateway.connect({ options: '-c search_path=other' });
    expect(await numbers()).toBe(denied);
  });

  claim('follows a prepared statement that sets it', async () => {
    await client.query("PREPARE away AS SELECT set_config('search_path', 'other', false)");
    await client.query('EXECUTE away');
    expect(await numbers()).toBe(denied);
  });

  claim('follows what a transaction takes back', async () => {
    await client.query('SET search_path = other');
    await client.query('BEGIN');
    await client.query('SAVEPOINT before');
    await client.query('SET LOCAL search_path = public');
    expect(await numbers()).toBe('allowed');
    await client.query('ROLLBACK TO before');
    expect(await numbers()).toBe(denied);
    await client.query('ROLLBACK');
    await client.query('BEGIN');
    await client.query('SET LOCAL search_path = public');
    await client.query('ROLLBACK AND CHAIN');
    expect(await numbers()).toBe(denied);
    await client.query('COMMIT');
  });

  claim('follows what a function did that cannot be seen', async () => {
    await client.query('SELECT wander()');
    expect(await numbers()).toBe(denied);
    client = await gateway.connect();
    await client.query('SELECT opaque()');
    const text = 'SELECT n FROM numbers -- its own';
    expect(await answer(text)).toBe('allowed');
    const { intent } = await gateway.outcomeOf(text);
    expect(intent.verdict.flags).toContain('unsure');
  });

  claim('is the same for the planner that is asked for an estimate', async () => {
    await client.query('CREATE TABLE plenty AS SELECT generate_series(1, 5000) AS n');
    await client.query('ANALYZE plenty');
    const held = client.query('DELETE FROM plenty').catch(() => undefined);
    const { signals } = await gateway.event('review.asked');
    expect(signals?.estimatedRows).toBe(5000);
    await client.end();
    await held;
  });
});
