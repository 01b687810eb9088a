// pg_dump, pg_restore, \copy and \d of unmodified clients: under the policy of docs/policy.md, against what they do without.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '#deploy/local/package-root.js';
import { eventually } from '#libs/testing/eventually.js';
import { GatewayRig } from '../faults/gateway-rig.js';
import { report } from '../faults/report.js';
import { connectionThrough, connectionTo, type Connection } from './connections.js';
import { dumpPrograms } from './dump-programs.js';

const HERE = path.join(packageRoot, 'test/conformance');
const ROLE = `CREATE ROLE backup LOGIN BYPASSRLS PASSWORD 'reads-only';
  GRANT pg_read_all_data TO backup;
  GRANT SELECT ON LARGE OBJECT 4711, 4712 TO backup`;

const found = await dumpPrograms();
const run = promisify(execFile);

let rig: GatewayRig;
/** The superuser at each database, and the role that reads, without the gateway. */
let shop: Connection;
let restored: Connection;
let reader: Connection;
/** The same through it. */
let production: Connection;
let backup: Connection;
let restore: Connection;

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of the programs; rejects with what it said where it fails. */
const tool = (program: string, connection: Connection, ...args: readonly string[]): Promise<Ended> =>
  run(path.join(found?.folder ?? '', program), [...args], {
    cwd: rig.folder,
    env: { ...connection, PATH: process.env['PATH'] ?? '', HOME: rig.folder },
    maxBuffer: 64 << 20,
    timeout: 110_000,
  });

const psql = (connection: Connection, ...commands: readonly string[]): Promise<Ended> =>
  tool('psql', connection, '-X', '-q', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((text) => ['-c', text]));

/** What a program says when it fails. */
const failure = (ended: Promise<Ended>): Promise<string> =>
  ended.then(
    ({ stdout }) => `it did not fail: ${stdout.slice(0, 200)}`,
    ({ stderr }: Ended) => stderr,
  );

/** pg_dump guards its text with a random word. */
const plain = (text: string): string => text.replaceAll(/^\\(un)?restrict .*$/gm, '');
const dump = async (connection: Connection, ...args: readonly string[]): Promise<string> =>
  plain((await tool('pg_dump', connection, ...args)).stdout);
const file = (name: string): string => path.join(rig.folder, name);

async function emptied(): Promise<void> {
  await psql(
    { ...shop, PGDATABASE: 'postgres' },
    'DROP DATABASE IF EXISTS restored (FORCE)',
    'CREATE DATABASE restored',
  );
}

/** A claim that needs the programs. */
const claim = (name: string, work: () => Promise<void>): void =>
  it(
    name,
    async () => {
      if (found === undefined)
        return report(
          'SKIPPED: no pg_dump is installed that is as new as the bundled server, or beside a server',
        );
      await work();
    },
    120_000,
  );

beforeAll(async () => {
  if (found === undefined) return;
  report(
    `pg_dump ${found.major} against ${found.server === undefined ? 'the bundled server' : 'a server of its version'}`,
  );
  const recording = process.env['COUNTERSIGN_RECORDING'] ?? 'strict';
  rig = await GatewayRig.start(recording, { programs: found.server });
  const { cluster } = rig;
  shop = connectionTo(cluster.adminUrl('shop'));
  restored = connectionTo(cluster.adminUrl('restored'));
  await tool('psql', shop, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', path.join(HERE, 'dump-sample.sql'));
  // \d+ shows sizes, which must not change between two looks.
  await psql(shop, ROLE, 'ALTER SYSTEM SET autovacuum = off', 'SELECT pg_reload_conf()');
  await emptied();
  const readerUrl = cluster.adminUrl('shop').replace(/\/\/[^@]*@/, '//backup:reads-only@');
  reader = connectionTo(readerUrl);
  const target = (url: string, environment: string): string =>
    `{ kind: postgres, url: "${url}", environment: ${environment}, recording: ${recording} }`;
  await writeFile(
    file('targets-of-backup.yaml'),
    `targets:
  shop: ${target(cluster.adminUrl('shop'), 'production')}
  shop-backup: ${target(readerUrl, 'backup')}
  shop-restore: ${target(cluster.adminUrl('restored'), 'restore')}\n`,
  );
  await rig.startGateway({
    COUNTERSIGN_TARGETS: file('targets-of-backup.yaml'),
    COUNTERSIGN_POLICY: path.join(HERE, 'backup-policy.yaml'),
  });
  production = await connectionThrough(rig, 'alice', 'shop');
  backup = await connectionThrough(rig, 'backup-job', 'shop-backup');
  restore = await connectionThrough(rig, 'restore-job', 'shop-restore');
}, 400_000);
afterAll(() => (found === undefined ? undefined : rig.dispose()), 60_000);

describe('a dump through the gateway', () => {
  claim('is refused by the built-in policy on production, by the name of a rule', async () => {
    expect(await failure(tool('pg_dump', production))).toContain(
      'refused by policy: rule no-session-setting',
    );
  });

  for (const args of [
    [],
    ['--schema-only'],
    ['--inserts', '--rows-per-insert=50'],
    ['--data-only', '--column-inserts', '--disable-triggers'],
    ['--clean', '--if-exists', '--create', '--serializable-deferrable'],
    ['--blobs', '--table=people', '--exclude-table-data=everything'],
  ])
    claim(`is byte for byte the direct one: pg_dump ${args.join(' ')}`, async () => {
      const expected = await dump(reader, ...args);
      expect(expected.length).toBeGreaterThan(10_000);
      expect(await dump(backup, ...args)).toBe(expected);
    });

  for (const [format, ...jobs] of [['custom'], ['tar'], ['directory'], ['directory', '--jobs=2']] as const)
    claim(`holds the same in an archive: pg_dump --format=${format} ${jobs.join(' ')}`, async () => {
      const name = `${format}${jobs.length}`;
      const args = [`--format=${format}`, ...jobs];
      await tool('pg_dump', reader, ...args, `--file=${name}.direct`);
      await tool('pg_dump', backup, ...args, `--file=${name}.through`);
      const text = async (archive: string): Promise<string> =>
        plain((await tool('pg_restore', reader, '--file=-', archive)).stdout);
      expect(await text(`${name}.through`)).toBe(await text(`${name}.direct`));
      if (format !== 'directory') return;
      const files = await readdir(file(`${name}.direct`));
      expect(await readdir(file(`${name}.through`))).toEqual(files);
      // The table of contents has the time in it.
      for (const one of files.filter((other) => other !== 'toc.dat'))
        expect(
          (await readFile(file(`${name}.through/${one}`))).equals(
            await readFile(file(`${name}.direct/${one}`)),
          ),
        ).toBe(true);
    });

  claim('is recorded, with the rows and the SHA-256 of what left', async () => {
    const table = '"Sales Ünits"."Order"';
    const { stdout } = await psql(reader, `COPY ${table} TO stdout`);
    const sha256 = createHash('sha256').update(stdout).digest('hex');
    await eventually(async () => {
      const events = await rig.events();
      const intents = events.flatMap((event) =>
        event.type === 'statement.intent-recorded' && event.statement.text?.startsWith(`COPY ${table} (`)
          ? [event.id]
          : [],
      );
      expect(intents.length).toBeGreaterThan(3);
      for (const intent of intents)
        expect(
          events.find((event) => event.type === 'statement.outcome-recorded' && event.intentId === intent),
        ).toMatchObject({ outcome: 'completed', rows: 3000, copied: { direction: 'out', sha256 } });
    });
  });

  claim('is for nobody else, and by that way in nothing else is possible', async () => {
    const alice = await connectionThrough(rig, 'alice', 'shop-backup');
    expect(await failure(tool('pg_dump', alice))).toContain('rule backup-only');
    for (const text of [
      'CREATE TABLE mine (a int)',
      'COPY parent FROM stdin',
      'DELETE FROM parent WHERE a = 1',
      "SELECT pg_read_file('PG_VERSION')",
      'SELECT pg_terminate_backend(1)',
      "COPY people TO PROGRAM 'cat'",
      'DO $$ BEGIN END $$',
    ])
      expect(await failure(psql(backup, text))).toContain('rule backup-only');
    expect(await failure(psql(backup, 'BEGIN; LOCK TABLE people IN EXCLUSIVE MODE'))).toContain(
      'permission denied',
    );
  });
});

describe('a restore through the gateway', () => {
  beforeEach(() => (found === undefined ? undefined : emptied()));
  const same = async (): Promise<void> => expect(await dump(restored)).toBe(await dump(shop));

  for (const [archive, ...args] of [
    ['custom0'],
    ['tar0', '--single-transaction'],
    ['directory1', '--jobs=2'],
  ] as const)
    claim(`gives the same database: pg_restore ${args.join(' ')} ${archive}`, async () => {
      await tool(
        'pg_restore',
        restore,
        '--dbname=shop-restore',
        '--exit-on-error',
        ...args,
        `${archive}.through`,
      );
      await same();
    });

  claim('gives the same database: psql --file, with INSERTs', async () => {
    await tool('pg_dump', backup, '--inserts', '--rows-per-insert=50', '--file=plain.sql');
    await tool('psql', restore, '-X', '-q', '-o', 'ignored', '-v', 'ON_ERROR_STOP=1', '-f', 'plain.sql');
    await same();
  });

  claim('is for nobody else', async () => {
    const alice = await connectionThrough(rig, 'alice', 'shop-restore');
    expect(await failure(psql(alice, 'SELECT 1'))).toContain('rule restore-only');
  });
});

describe('psql through the gateway', () => {
  claim('copies to and from its own files the bytes that it copies without', async () => {
    await emptied();
    await psql(restore, 'CREATE TABLE copied (b bytea, t text, a int[], n numeric)');
    for (const format of ['text', 'csv, HEADER', 'binary']) {
      const query = '(SELECT b, t, a, n FROM everything ORDER BY id)';
      const as = (name: string): string => `TO ${name} WITH (FORMAT ${format})`;
      await psql(reader, `\\copy ${query} ${as('copy.direct')}`);
      await psql(backup, `\\copy ${query} ${as('copy.through')}`);
      const bytes = await readFile(file('copy.direct'));
      expect(bytes.length).toBeGreaterThan(600_000);
      expect((await readFile(file('copy.through'))).equals(bytes)).toBe(true);
      await psql(restore, 'TRUNCATE copied', `\\copy copied FROM copy.through WITH (FORMAT ${format})`);
      await psql(restored, `\\copy copied ${as('copy.back')}`);
      expect((await readFile(file('copy.back'))).equals(bytes)).toBe(true);
    }
  });

  claim('copies on production what the built-in policy lets it', async () => {
    await psql(production, '\\copy "Sales Ünits"."Order" TO orders.through');
    await psql(shop, '\\copy "Sales Ünits"."Order" TO orders.direct');
    expect((await readFile(file('orders.through'))).equals(await readFile(file('orders.direct')))).toBe(true);
    expect(await failure(psql(production, '\\copy people TO people.through'))).toContain(
      'no-copied-personal-data',
    );
  });

  claim('describes under the built-in policy what it describes without it', async () => {
    const described = async (connection: Connection): Promise<string> => {
      const { stdout, stderr } = await tool(
        'psql',
        connection,
        '-X',
        '-f',
        path.join(HERE, 'describe-script.sql'),
      );
      return stdout + stderr;
    };
    const expected = await described(shop);
    expect(expected.split('\n').length).toBeGreaterThan(1_000);
    expect(await described(production)).toBe(expected);
  });
});

describe('docs/policy.md', () => {
  it('shows the policy that these tests go by', async () => {
    const policy = await readFile(path.join(HERE, 'backup-policy.yaml'), 'utf8');
    const documented = await readFile(path.join(packageRoot, 'docs/policy.md'), 'utf8');
    expect(documented.includes(policy)).toBe(true);
  });
});
