import { approvalDigest } from '#libs/contracts/approval-digest.js';
import type { Client } from 'pg';
import postgres from 'postgres';
import { TemporaryGateway } from './testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start();
});
afterAll(() => gateway.dispose());

const errorOf = (query: Promise<unknown>): Promise<{ code?: string; message?: string; position?: string }> =>
  query.then(
    () => ({}),
    (error: { code?: string; message: string }) => error,
  );

const livesOn = async (client: Client): Promise<void> => {
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
};

describe('a denied statement', () => {
  it('is refused with its rule in the simple protocol, and the session lives on', async () => {
    const client = await gateway.connect();
    const error = await errorOf(client.query('DROP TABLE customers'));
    expect(error).toMatchObject({ code: '42501', message: expect.stringContaining('no-drop-table') });
    await livesOn(client);
    const { intent, outcome } = await gateway.outcomeOf('DROP TABLE customers');
    expect(intent.verdict).toMatchObject({ effect: 'deny', rule: 'no-drop-table' });
    expect(outcome).toMatchObject({ outcome: 'refused', sqlstate: '42501' });
  });

  it('is refused at Parse in the extended protocol, and the session lives on', async () => {
    const client = await gateway.connect();
    const error = await errorOf(client.query({ text: 'TRUNCATE customers', values: [], name: 'truncate' }));
    expect(error).toMatchObject({ code: '42501', message: expect.stringContaining('no-truncate') });
    await livesOn(client);
    expect((await client.query('SELECT $1::int AS n', [7])).rows).toEqual([{ n: 7 }]);
  });

  it('fails the transaction it stands in, as any error does', async () => {
    for (const values of [undefined, [] as unknown[]]) {
      const client = await gateway.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO numbers VALUES (1)');
      expect(
        (
          await errorOf(
            client.query({ text: 'DROP TABLE numbers', ...(values ? { values, name: 'd' } : {}) }),
          )
        ).code,
      ).toBe('42501');
      expect((await errorOf(client.query('SELECT 1'))).code).toBe('25P02');
      await client.query('COMMIT');
      expect((await client.query('SELECT count(*)::int AS n FROM numbers')).rows).toEqual([{ n: 0 }]);
    }
  });

  it('rolls back what its pipeline did before it, and throws away what follows up to Sync', async () => {
    const sql = postgres({
      host: '127.0.0.1',
      port: gateway.gateway.port,
      database: 'shop',
      user: 'alice',
      password: await gateway.token('alice'),
      ssl: { ca: gateway.ca },
      max: 1,
    });
    const results = await Promise.allSettled([
      sql`SELECT ${1}::int AS n`,
      sql`DROP TABLE customers`,
      sql`SELECT ${2}::int AS n`,
      sql.unsafe('TRUNCATE numbers'),
      sql`SELECT ${3}::int AS n`,
    ]);
    await sql.end();
    expect(
      results.map((result) =>
        result.status === 'fulfilled' ? result.value[0]?.['n'] : (result.reason as { code: string }).code,
      ),
    ).toEqual([1, '42501', 2, '42501', 3]);
  });

  it('is judged as one with its message: nothing of it runs', async () => {
    const client = await gateway.connect();
    expect((await errorOf(client.query('INSERT INTO numbers VALUES (9); DROP TABLE numbers'))).code).toBe(
      '42501',
    );
    expect((await client.query('SELECT count(*)::int AS n FROM numbers WHERE n = 9')).rows).toEqual([
      { n: 0 },
    ]);
  });
});

describe('what cannot be read', () => {
  it('gets the grammar’s own error and position and is recorded by its digest alone', async () => {
    const client = await gateway.connect();
    const error = await errorOf(client.query("ALTER ROLE app PASSWORD 'very secret' 'very secret'"));
    expect(error).toMatchObject({ code: '42601' });
    expect(Number(error.position)).toBeGreaterThan(1);
    const intent = await gateway.event(
      'statement.intent-recorded',
      (event) => event.statement.kind === 'UNREADABLE',
    );
    expect(intent.statement.text).toBeUndefined();
    expect(JSON.stringify(gateway.events)).not.toContain('very secret');
    await livesOn(client);
  });

  it('is not passed on when it is not UTF-8', async () => {
    const client = await gateway.connect();
    const bytes = Buffer.concat([Buffer.from("SELECT '"), Buffer.from([0xff, 0xfe]), Buffer.from("'")]);
    const frame = Buffer.concat([Buffer.from('Q'), Buffer.alloc(4), bytes, Buffer.alloc(1)]);
    frame.writeUInt32BE(frame.length - 1, 1);
    const { connection } = client as unknown as {
      connection: {
        stream: { write(bytes: Buffer): void };
        once(name: string, then: (message: unknown) => void): void;
      };
    };
    const code = new Promise((resolve) =>
      connection.once('errorMessage', (message) => resolve((message as { code: string }).code)),
    );
    connection.stream.write(frame);
    expect(await code).toBe('22021');
  });
});

describe('credentials', () => {
  const secret = 'hunter2-of-the-invented';
  const leaks = (): boolean =>
    [secret, Buffer.from(secret).toString('base64').slice(4, -4)].some((form) =>
      JSON.stringify(gateway.events).includes(form),
    );

  it('stand in no record of what is denied or mistyped', async () => {
    const client = await gateway.connect();
    for (const [text, code] of [
      [`ALTER ROLE app SUPERUSER PASSWORD '${secret}'`, '42501'],
      [`SELECT dblink('host=nowhere password=${secret}', 'SELECT 1')`, '42501'],
      [`ALTER ROLE app PASSWORD '${secret}' '${secret}'`, '42601'],
    ] as const)
      expect((await errorOf(client.query(text))).code).toBe(code);
    await livesOn(client);
    const intent = await gateway.event(
      'statement.intent-recorded',
      (event) => event.statement.kind === 'ALTER ROLE',
    );
    expect(intent.statement).toMatchObject({
      credentialsReplaced: 1,
      text: expect.stringContaining('<credential:'),
    });
    expect(leaks()).toBe(false);
  });

  it('are sealed in what is approved, which runs as it was sent', async () => {
    const client = await gateway.connect();
    const creating = client
      .query(`CREATE ROLE somebody LOGIN PASSWORD '${secret}'`)
      .catch((error: unknown) => error);
    const asked = await gateway.event('review.asked', (event) => event.statement.kind === 'CREATE ROLE');
    const bound = Buffer.from(asked.binding.statements[0]?.text ?? '', 'base64').toString();
    expect(bound).toMatch(/^CREATE ROLE somebody LOGIN PASSWORD '<credential:[0-9a-f]{64}>'$/);
    await gateway.decide({
      requestId: asked.requestId as string,
      digest: approvalDigest(asked.binding).toString('hex'),
    });
    // The gateway's role at the target may not make roles: it did run, with the password in it.
    expect(await creating).toMatchObject({
      code: '42501',
      message: expect.stringContaining('permission denied'),
    });
    expect(leaks()).toBe(false);
  });
});
