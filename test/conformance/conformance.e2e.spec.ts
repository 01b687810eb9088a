import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { olderServer } from '#libs/testing/installed-postgres.js';
import { GatewayRig } from '../faults/gateway-rig.js';
import { report } from '../faults/report.js';
import { connectionThrough, connectionTo, type Connection } from './connections.js';
import { withNodePostgres, withPostgresJs, type NodeConnection } from './node-clients.js';
import { clientFile, isInstalled, PROGRAMS, transcriptOf, whySkipped } from './transcript-of.js';

/** Clients and gateway at the bundled server, and at one that tells sessions less of themselves. */
const OLDER = await olderServer();
const SERVERS = [
  { name: 'the bundled server', programs: undefined },
  ...(OLDER === undefined ? [] : [{ name: `PostgreSQL ${OLDER.major}`, programs: OLDER.folder }]),
];
if (OLDER === undefined) report('SKIPPED: no server of PostgreSQL 14 to 17 is installed');

let rig: GatewayRig;
let direct: Connection;
let through: Connection;

/**
 * The one difference that is a decision: a text that the grammar does not read is refused by the gateway and
 * never sent, so its error has no routine, file and line of the server's.
 */
const withoutOrigin = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !/LOCATION: {2}scanner_yyerror/.test(line))
    .map((line) =>
      line.includes('42601')
        ? line.replace(/ (scanner_yyerror|Some\("scanner_yyerror"\)|None|null)$/, '')
        : line,
    )
    .join('\n');

/** Both runs begin with the same: nothing. */
async function emptied<T>(run: () => Promise<T>): Promise<T> {
  const client = new pg.Client(rig.cluster.adminUrl('shop'));
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE numbers (n bigint)');
  await client.end();
  return run();
}

const asNode = (connection: Connection, ca: string | undefined): NodeConnection => ({
  host: connection['PGHOST'] as string,
  port: Number(connection['PGPORT']),
  user: connection['PGUSER'] as string,
  password: connection['PGPASSWORD'] as string,
  database: connection['PGDATABASE'] as string,
  ca,
});

describe.each(SERVERS)(
  'through a transparent gateway at $name a client sees what it sees without one',
  ({ programs }) => {
    beforeAll(async () => {
      rig = await GatewayRig.start(process.env['COUNTERSIGN_RECORDING'] ?? 'strict', { programs });
      await rig.startGateway();
      direct = connectionTo(rig.cluster.adminUrl('shop'));
      through = await connectionThrough(rig, 'alice', 'shop');
    }, 400_000);
    afterAll(() => rig.dispose());

    it('node-postgres', async () => {
      const expected = await emptied(() => withNodePostgres(asNode(direct, undefined)));
      expect(expected.length).toBeGreaterThan(10);
      expect(await emptied(() => withNodePostgres(asNode(through, rig.ca)))).toEqual(expected);
    }, 120_000);

    it('postgres.js', async () => {
      const expected = await emptied(() => withPostgresJs(asNode(direct, undefined)));
      expect(expected.length).toBeGreaterThan(10);
      expect(await emptied(() => withPostgresJs(asNode(through, rig.ca)))).toEqual(expected);
    }, 120_000);

    it('psql', async () => {
      if (!(await isInstalled('psql'))) return report('SKIPPED: psql is not installed');
      const file = path.join(rig.folder, 'large');
      await writeFile(file, 'a large object');
      const program = {
        command: 'psql',
        args: ['-X', '-v', `lofile=${file}`, '-f', clientFile('../psql-script.sql')],
      };
      const oids = (text: string): string =>
        withoutOrigin(text).replaceAll(/lo_import \d+|lo_unlink \d+|PID \d+/g, '…');
      const expected = oids(await emptied(() => transcriptOf(program, direct)));
      expect(expected).toContain('ERROR:  23505');
      expect(oids(await emptied(() => transcriptOf(program, through)))).toBe(expected);
    }, 120_000);

    it.each(['simple', 'extended', 'prepared'])(
      'pgbench -M %s',
      async (mode) => {
        if (!(await isInstalled('pgbench'))) return report('SKIPPED: pgbench is not installed');
        const run = promisify(execFile);
        const env = { PATH: process.env['PATH'] ?? '', ...through };
        await run('pgbench', ['-i', '-q', '-s', '1'], { env });
        const { stdout } = await run('pgbench', ['-n', '-M', mode, '-c', '4', '-t', '25'], { env });
        expect(stdout).toContain('number of transactions actually processed: 100/100');
        expect(stdout).toContain('number of failed transactions: 0');
      },
      120_000,
    );

    it.each(PROGRAMS.map((program) => [program.name, program] as const))(
      '%s',
      async (_, program) => {
        const why = await whySkipped(program);
        if (why !== undefined) return report(why);
        const expected = await emptied(() => transcriptOf(program, direct));
        expect(expected).not.toContain('ended with');
        expect(withoutOrigin(await emptied(() => transcriptOf(program, through)))).toBe(
          withoutOrigin(expected),
        );
      },
      600_000,
    );
  },
);
