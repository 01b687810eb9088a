import { readFile } from 'node:fs/promises';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { ensureDatabase, ensureLoginRole } from '../login-role.js';

export const SAMPLE_DATABASE = 'shop';
/** The gateway's role at the sample target: no superuser, owner of the sample tables. */
export const SAMPLE_ROLE = 'shop_app';

/** Stands on the database once the sample is in it; afterwards its tables are left as people made them. */
const MARK = 'countersign sample 1';

/** Makes the sample database, its role and, the first time, its tables. `adminUrl(database)`: a superuser's. */
export async function prepareShop(
  adminUrl: (database?: string) => string,
  rolePassword: string,
): Promise<void> {
  const server = await connectClient(adminUrl(), 'countersign sample');
  try {
    await ensureLoginRole(server, SAMPLE_ROLE, rolePassword);
    await ensureDatabase(server, SAMPLE_DATABASE);
  } finally {
    await server.end();
  }
  const client = await connectClient(adminUrl(SAMPLE_DATABASE), 'countersign sample');
  try {
    if (!(await isMarked(client))) await fill(client);
  } finally {
    await client.end();
  }
}

const isMarked = async (client: PgClient): Promise<boolean> =>
  (
    await client.query<{ mark: string | null }>(
      `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1`,
      [SAMPLE_DATABASE],
    )
  ).rows[0]?.mark === MARK;

async function fill(client: PgClient): Promise<void> {
  const sample = await readFile(new URL('./shop.sql', import.meta.url), 'utf8');
  const grants = ['TABLES', 'SEQUENCES', 'FUNCTIONS', 'TYPES']
    .map((kind) => `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON ${kind} TO ${SAMPLE_ROLE};`)
    .join('\n');
  await client.query('BEGIN');
  await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${SAMPLE_ROLE};
    ${grants}
    SET LOCAL ROLE ${SAMPLE_ROLE};`);
  await client.query(sample);
  await client.query(`RESET ROLE; COMMENT ON DATABASE ${SAMPLE_DATABASE} IS '${MARK}'`);
  await client.query('COMMIT');
  await client.query('ANALYZE');
}
