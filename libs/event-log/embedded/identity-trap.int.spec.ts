import { pino } from 'pino';
import { connectClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { installEmbedded, makeTemplate, type EmbeddedInstallation } from './embedded-installation.js';

/** A slow writer begins first and commits last, a quick one comes between, and a reader looks twice. */
describe('a slow writer beside a quick one', () => {
  let server: TemporaryPostgres;
  let installation: EmbeddedInstallation;

  beforeAll(async () => {
    server = await temporaryPostgres({ fsync: 'off' });
    await makeTemplate(server, 'deploy/migrations');
    installation = await installEmbedded(server, pino({ level: 'silent' }));
  }, 90_000);

  afterAll(async () => {
    await installation.dispose();
    await server.dispose();
  });

  it('loses its record to a reader of an identity column: the control', async () => {
    await installation.admin(async (reader) => {
      await reader.query('CREATE TABLE naive (id bigint GENERATED ALWAYS AS IDENTITY, value text)');
      const slow = await connectClient(installation.url, 'slow');
      const quick = await connectClient(installation.url, 'quick');
      const seen: string[] = [];
      let last = '0';
      const look = async (): Promise<void> => {
        const { rows } = await reader.query<{ id: string; value: string }>(
          'SELECT id, value FROM naive WHERE id > $1 ORDER BY id',
          [last],
        );
        seen.push(...rows.map(({ value }) => value));
        last = rows.at(-1)?.id ?? last;
      };
      await slow.query('BEGIN');
      await slow.query("INSERT INTO naive (value) VALUES ('slow')");
      await quick.query("INSERT INTO naive (value) VALUES ('quick')");
      await look();
      await slow.query('COMMIT');
      await look();
      expect(seen).toEqual(['quick']);
      await Promise.all([slow.end(), quick.end()]);
    });
  });

  it('loses nothing by the head row: the quick one waits, and offsets follow the commits', async () => {
    await installation.admin(async (reader) => {
      const slow = await connectClient(installation.url, 'slow');
      const quick = await connectClient(installation.url, 'quick');
      const append = (client: typeof slow, producer: string, value: string) =>
        client.query(
          "SELECT event_log.append($1, 0, 'requests', 0, ARRAY['\\x00'::bytea], ARRAY[$2::bytea])",
          [producer, Buffer.from(value)],
        );
      const [one, two] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
      for (const producer of [one, two]) await reader.query('SELECT event_log.open_producer($1)', [producer]);
      const seen: string[] = [];
      const look = async (): Promise<void> => {
        const { rows } = await reader.query<{ value: Buffer }>(
          "SELECT value FROM event_log.read('requests', 0, $1, 100, 100000)",
          [seen.length],
        );
        seen.push(...rows.map(({ value }) => String(value)));
      };
      await slow.query('BEGIN');
      await append(slow, one, 'slow');
      let done = false;
      const quickly = append(quick, two, 'quick').then(() => (done = true));
      await look();
      expect({ seen, done }).toEqual({ seen: [], done: false });
      await slow.query('COMMIT');
      await quickly;
      await look();
      expect(seen).toEqual(['slow', 'quick']);
      await Promise.all([slow.end(), quick.end()]);
    });
  });
});
