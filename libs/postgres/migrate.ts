import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '#libs/kernel/coded-error.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { connectClient, type PgClient } from './client.js';

/** One for all installations of Countersign in a database: "countersi" as a 64-bit number would not say more. */
const ADVISORY_LOCK = '7238161594';

const MIGRATION_NAME = /^([0-9]{4})-([a-z0-9-]+)\.sql$/;

interface Migration {
  readonly component: string;
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** Reads deploy/migrations/<component>/NNNN-name.sql, numbered from 0001 without a gap. */
export async function readMigrations(directory: string, component: string): Promise<Migration[]> {
  const names = (await readdir(path.join(directory, component)))
    .filter((name) => MIGRATION_NAME.test(name))
    .sort();
  return Promise.all(
    names.map(async (file, index) => {
      const match = MIGRATION_NAME.exec(file) as RegExpExecArray;
      const version = Number(match[1]);
      if (version !== index + 1) {
        throw new CodedError(
          'MIGRATIONS_INVALID',
          `${component}/${file}: migrations are numbered from 0001 without a gap`,
        );
      }
      const sql = await readFile(path.join(directory, component, file), 'utf8');
      return { component, version, name: match[2] as string, sql, sha256: sha256Hex(Buffer.from(sql)) };
    }),
  );
}

/**
 * Brings the components' schemas forward, each migration in its own transaction, under an advisory
 * lock: two at once are harmless. Never goes back. Throws SCHEMA_NEWER when the database was made by a
 * newer version, and MIGRATION_CHANGED when one that was applied reads differently now.
 */
export async function migrate(
  url: string,
  directory: string,
  components: readonly string[],
): Promise<number> {
  const client = await connectClient(url, 'countersign migrate');
  try {
    await client.query(`SELECT pg_advisory_lock(${ADVISORY_LOCK})`);
    await client.query(`CREATE SCHEMA IF NOT EXISTS countersign_meta;
      GRANT USAGE ON SCHEMA countersign_meta TO PUBLIC;
      CREATE TABLE IF NOT EXISTS countersign_meta.migrations (
        component text NOT NULL, version int NOT NULL, name text NOT NULL, sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (component, version));
      GRANT SELECT ON countersign_meta.migrations TO PUBLIC;`);
    let applied = 0;
    for (const component of components) {
      const known = await readMigrations(directory, component);
      const done = await appliedMigrations(client, component);
      refuseNewer(component, done.length, known.length);
      for (const [index, migration] of known.entries()) {
        const before = done[index];
        if (before === undefined) {
          await apply(client, migration);
          applied += 1;
        } else if (before !== migration.sha256) {
          throw new CodedError(
            'MIGRATION_CHANGED',
            `${component} ${migration.version} (${migration.name}) was applied with other text; add a new migration instead of editing one`,
          );
        }
      }
    }
    return applied;
  } finally {
    await client.end();
  }
}

/** Throws unless the component's schema is exactly the one this version was built for. */
export async function requireSchema(url: string, directory: string, component: string): Promise<void> {
  const known = (await readMigrations(directory, component)).length;
  const client = await connectClient(url, 'countersign schema check');
  try {
    const done = await client
      .query<{ n: number }>(
        'SELECT count(*)::int AS n FROM countersign_meta.migrations WHERE component = $1',
        [component],
      )
      .then((result) => result.rows[0]?.n ?? 0)
      .catch((error: unknown) => {
        if ((error as { code?: string }).code === '42P01' || (error as { code?: string }).code === '3F000')
          return 0;
        throw error;
      });
    refuseNewer(component, done, known);
    if (done < known) {
      throw new CodedError(
        'SCHEMA_OLDER',
        `the database's schema "${component}" is at version ${done}, this version needs ${known}: run npm run migrate with DATABASE_URL of the owner`,
      );
    }
  } finally {
    await client.end();
  }
}

function refuseNewer(component: string, done: number, known: number): void {
  if (done > known) {
    throw new CodedError(
      'SCHEMA_NEWER',
      `the database's schema "${component}" is at version ${done}, this version knows ${known}: start the newer version of Countersign`,
    );
  }
}

const appliedMigrations = async (client: PgClient, component: string): Promise<string[]> =>
  (
    await client.query<{ sha256: string }>(
      'SELECT sha256 FROM countersign_meta.migrations WHERE component = $1 ORDER BY version',
      [component],
    )
  ).rows.map((row) => row.sha256);

async function apply(client: PgClient, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(migration.sql);
    await client.query(
      'INSERT INTO countersign_meta.migrations (component, version, name, sha256) VALUES ($1, $2, $3, $4)',
      [migration.component, migration.version, migration.name, migration.sha256],
    );
    await client.query('COMMIT');
  } catch (cause) {
    throw new CodedError(
      'MIGRATION_FAILED',
      `${migration.component} ${migration.version} (${migration.name}): ${(cause as Error).message}`,
      { cause },
    );
  }
}
