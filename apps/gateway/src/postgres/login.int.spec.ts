import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import pg from 'pg';
import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { writeStartupMessage } from '#libs/pg-wire/startup-packet.js';
import { TemporaryGateway } from './testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({ loginMs: 1_500 });
});
afterAll(() => gateway.dispose());

const failure = async (
  options: Parameters<TemporaryGateway['newClient']>[0],
): Promise<{ code?: string; message: string }> => {
  const client = await gateway.newClient(options);
  return client.connect().then(
    () => ({ message: 'it connected' }),
    (error: { code?: string; message: string }) => error,
  );
};

/** What comes back until the gateway closes. */
const answerTo = (bytes: Buffer): Promise<Buffer> =>
  new Promise((resolve) => {
    const socket = connect(gateway.gateway.port, '127.0.0.1');
    const parts: Buffer[] = [];
    socket.on('data', (chunk) => parts.push(chunk)).on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(parts)));
    socket.write(bytes);
  });

describe('a connection', () => {
  it('opens with a token of the user, reads through, and is recorded', async () => {
    const client = await gateway.connect({ application_name: 'login test' });
    const { rows } = await client.query<{ n: number; name: string; pid: number }>(
      "SELECT count(*)::int AS n, current_setting('application_name') AS name, pg_backend_pid() AS pid FROM customers",
    );
    const { intent, outcome } = await gateway.outcomeOf(/FROM customers/);
    expect(rows[0]).toMatchObject({ n: 100, name: expect.stringMatching(/^login test cs:/) });
    expect((client as unknown as { processID: number }).processID).toBe(rows[0]?.pid);
    expect(rows[0]?.name).toBe(`login test cs:${intent.sessionId}`);
    expect(intent.identity?.name).toBe('alice');
    expect(outcome).toMatchObject({ outcome: 'completed', tag: 'SELECT 1', rows: 1 });
    const opened = await gateway.event('session.opened', (event) => event.sessionId === intent.sessionId);
    expect(opened.backendPid).toBe(rows[0]?.pid);
    await client.end();
    const closed = await gateway.event('session.closed', (event) => event.sessionId === intent.sessionId);
    expect(closed.reason).toBe('client');
  });

  it.each([
    ['a token that is none', 'alice', () => Promise.resolve('not-a-token'), '28P01'],
    ["somebody else's token", 'alice', () => gateway.token('erin'), '28P01'],
    ['a token for another service', 'alice', () => gateway.issuer.token('alice', 'countersign-api'), '28P01'],
    [
      'an expired token',
      'alice',
      () => gateway.token('alice', { exp: 1 }).then((token) => token.slice(0, -4)),
      '28P01',
    ],
  ])('is refused with %s, and that is recorded', async (_name, user, password, code) => {
    const seen = gateway.of('session.refused').length;
    expect(await failure({ user, password: await password() })).toMatchObject({ code });
    await gateway.event(
      'session.refused',
      (event) => event.sqlstate === code && gateway.of('session.refused').length > seen,
    );
  });

  it('is refused for an unknown target, and passes on what the server says of an unknown database', async () => {
    expect(await failure({ database: 'nowhere' })).toMatchObject({ code: '3D000' });
    expect(await failure({ database: 'shop/nowhere' })).toMatchObject({ code: '3D000' });
    const client = await gateway.connect({ database: 'shop/platform' });
    expect((await client.query('SELECT current_database() AS name')).rows).toEqual([{ name: 'platform' }]);
  });

  it('refuses start-up parameters by name, and forwards the safe ones', async () => {
    expect((await failure({ options: '-c role=postgres' })).message).toContain('role');
    const client = await gateway.connect({ statement_timeout: 4321, options: '-c lock_timeout=99' });
    expect((await client.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '4321ms' }]);
    expect((await client.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '99ms' }]);
  });

  it('tells a client without TLS to use it, and takes no password from it', async () => {
    const answer = await answerTo(
      writeStartupMessage([
        ['user', 'alice'],
        ['database', 'shop'],
      ]),
    );
    expect(readErrorFields(answer).get('C')).toBe('28000');
    const plain = new pg.Client({
      host: '127.0.0.1',
      port: gateway.gateway.port,
      user: 'alice',
      password: 'x',
      database: 'shop',
    });
    await expect(plain.connect()).rejects.toMatchObject({ code: '28000' });
  });

  it('opens with direct TLS under ALPN postgresql, and not without', async () => {
    const startup = writeStartupMessage([
      ['user', 'alice'],
      ['database', 'shop'],
    ]);
    const first = (alpn: string[]): Promise<string> =>
      new Promise((resolve) => {
        const socket = tlsConnect(
          { port: gateway.gateway.port, host: 'localhost', ca: gateway.ca, ALPNProtocols: alpn },
          () => socket.write(startup),
        );
        socket.once('data', (chunk: Buffer) => {
          resolve(chunk.toString('latin1', 0, 1));
          socket.destroy();
        });
        socket.on('error', () => resolve('refused')).on('close', () => resolve('refused'));
      });
    expect(await first(['postgresql'])).toBe('R');
    expect(await first([])).toBe('E');
    expect(await first(['http/1.1'])).toBe('refused');
  });

  it('answers GSSENCRequest with N and does not read past SSLRequest what came with it in the clear', async () => {
    const gss = Buffer.from('0000000804d21630', 'hex');
    const ssl = Buffer.from('0000000804d2162f', 'hex');
    expect((await answerTo(Buffer.concat([gss, gss, gss, gss]))).toString()).toMatch(/^N+$/);
    expect((await answerTo(Buffer.concat([ssl, Buffer.from('injected')]))).length).toBe(0);
  });

  it('times out with half a start-up packet, and delays nobody meanwhile', async () => {
    const started = performance.now();
    const half = answerTo(Buffer.from([0, 0, 0, 50, 0, 3]));
    const client = await gateway.connect();
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await half;
    expect(performance.now() - started).toBeGreaterThan(1_000);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
