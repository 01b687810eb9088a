import { randomBytes } from 'node:crypto';
import type { PgClient } from '#libs/postgres/client.js';
import { scramSecret } from '#libs/postgres/scram-secret.js';

/** Makes the login role if it is not there, and sets its password. Never a superuser. */
export async function ensureLoginRole(
  client: PgClient,
  role: string,
  password: string,
  memberOf?: string,
): Promise<void> {
  const name = client.escapeIdentifier(role);
  const secret = client.escapeLiteral(scramSecret(password, randomBytes(16)));
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  const attributes = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';
  await client.query(`${rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${name} ${attributes} PASSWORD ${secret}`);
  if (memberOf !== undefined) await client.query(`GRANT ${client.escapeIdentifier(memberOf)} TO ${name}`);
}

export async function ensureDatabase(client: PgClient, database: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
}

/** The URL with another login. */
export function urlAs(url: string, role: string, password: string): string {
  const changed = new URL(url);
  changed.username = role;
  changed.password = password;
  return changed.toString();
}
