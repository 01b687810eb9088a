import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
import { TemporaryGateway } from '../postgres/testing/temporary-gateway.js';

const SCHEMA = `
  CREATE ROLE boss; GRANT boss TO app; CREATE SCHEMA evil AUTHORIZATION app;
  SET ROLE app;
  CREATE TABLE users (id int PRIMARY KEY, name text, email text UNIQUE, ssn text, salary int, note text NOT NULL DEFAULT '');
  INSERT INTO users SELECT n, 'n' || n, 'marker' || n || '@corp.example', '000-00-0000', n, '' FROM generate_series(1, 60) n;
  CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE, amount numeric, memo text);
  INSERT INTO orders SELECT n, 1 + n % 2, n, 'm' FROM generate_series(1, 10) n;
  CREATE TABLE parent (id int, email text); CREATE TABLE child () INHERITS (parent);
  CREATE TABLE pt (email text, k int) PARTITION BY LIST (email); CREATE TABLE pt1 PARTITION OF pt FOR VALUES IN ('q');
  CREATE TABLE log (msg text);
  CREATE VIEW contacts AS SELECT id, email AS contact FROM users;
  RESET ROLE;`;

type Expected = 'denied' | 'held' | 'allowed';

/** Our own attempts, each through the gateway against the server. */
const OWN: readonly (readonly [string, Expected])[] = [
  ['UPDATE users SET note = email WHERE id = 1', 'denied'],
  ['UPDATE users SET note = (SELECT contact FROM contacts WHERE id = 1) WHERE id = 1', 'denied'],
  ["UPDATE users SET note = reverse(email) || '' WHERE id = 1", 'denied'],
  ['INSERT INTO log SELECT contact FROM contacts WHERE id = 1', 'denied'],
  ['INSERT INTO log SELECT u::text FROM users u WHERE id = 1', 'denied'],
  ['COPY users (email) TO STDOUT', 'denied'],
  ['COPY (SELECT contact FROM contacts) TO STDOUT', 'denied'],
  ['UPDATE users SET note = note WHERE id = 1 RETURNING email', 'held'],
  ['UPDATE users SET note = note WHERE id = 1 RETURNING old.ssn, new.*', 'held'],
  ['WITH w AS (UPDATE users SET note = note WHERE id = 1 RETURNING email) SELECT * FROM w', 'held'],
  ['SELECT * FROM jsonb_to_record((SELECT to_jsonb(u) FROM users u WHERE id = 1)) AS x(a text)', 'held'],
  ['DELETE FROM users WHERE id IN (1, 2)', 'held'],
  ['DELETE FROM contacts WHERE id = 1', 'held'],
  ['DELETE FROM orders WHERE id = id', 'held'],
  ['SELECT query FROM pg_stat_activity', 'held'],
  ['SELECT most_common_vals FROM pg_stats', 'held'],
  ['SELECT id, amount FROM orders WHERE id = 1', 'allowed'],
  ['SELECT contact FROM contacts WHERE id = 1', 'allowed'],
  ["UPDATE users SET note = 'x' WHERE id = 1", 'allowed'],
  ["UPDATE users SET email = 'y@corp.example' WHERE id = 3", 'allowed'],
  ['DELETE FROM orders WHERE id = 1', 'allowed'],
  ['SELECT relname FROM pg_class WHERE oid = 1', 'allowed'],
];

interface Attempt {
  readonly id: string;
  readonly category: string;
  readonly sql: string;
  readonly expected: string;
}

const CATEGORIES = ['guardrail evasion', 'session and role', 'dynamic SQL', 'relocation and copy'];

/** They say DENY; the public contract has DDL that is none of MASKING's rule 4 reviewed. */
const REVIEWED_DDL = new Set(['E097', 'E109', 'E111']);

const shared = process.env['COUNTERSIGN_SHARED'];
const file = shared === undefined ? undefined : path.join(shared, 'cases', 'postgres-bypass.jsonl');
const attempts: readonly Attempt[] =
  file !== undefined && existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Attempt)
        .filter(
          ({ category, sql }) =>
            CATEGORIES.some((name) => category.startsWith(name)) && !sql.startsWith('(wire)'),
        )
    : [];

describe('an attempt to get past the policy', () => {
  let gateway: TemporaryGateway;
  let client: pg.Client;

  beforeAll(async () => {
    // A hold ends by itself at once: who is held is told so with 57014.
    const holdLimits = {
      outsideTransactionMs: 1,
      insideTransactionMs: 1,
      noticeEveryMs: 60_000,
      retryAnswerMs: 1,
    };
    gateway = await TemporaryGateway.start({ holdLimits });
    const admin = await gateway.direct();
    await admin.query(SCHEMA);
    client = await gateway.connect();
  }, 240_000);
  afterAll(() => gateway.dispose(), 120_000);

  const outcome = async (text: string): Promise<Expected> => {
    try {
      await client.query(text);
      return 'allowed';
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (code === '57014' && /held/.test(message)) return 'held';
      if (code === '42501' && /rule/.test(message)) return 'denied';
      throw error;
    } finally {
      await client.query('ROLLBACK');
    }
  };

  it.each(OWN)(
    '%s: %s',
    async (text, expected) => {
      expect(await outcome(text)).toBe(expected);
    },
    60_000,
  );

  const named = attempts.map((attempt): [string, Attempt | undefined] => [attempt.id, attempt]);
  const describeShared = named.length > 0 ? describe : describe.skip;
  describeShared('of the shared list (left out where COUNTERSIGN_SHARED names no folder with it)', () => {
    it.each(named.length > 0 ? named : [['none', undefined] as [string, Attempt | undefined]])(
      '%s',
      async (_id, attempt) => {
        if (attempt === undefined) throw new Error('the list is empty');
        const found = await outcome(attempt.sql);
        const mustDeny = attempt.expected.startsWith('DENY') && !REVIEWED_DDL.has(attempt.id);
        if (mustDeny) expect(found).toBe('denied');
        else expect(['denied', 'held']).toContain(found);
      },
      60_000,
    );
  });
});
