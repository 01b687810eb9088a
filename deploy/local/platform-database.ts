import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { sha256Hex } from '#libs/kernel/hash.js';
import { connectClient } from '#libs/postgres/client.js';
import { migrate } from '#libs/postgres/migrate.js';
import { ensureLoginRole, urlAs } from './login-role.js';
import { packageRoot } from './package-root.js';

/** The order in which the components' schemas build on one another. */
const COMPONENTS = ['roles', 'event-log', 'approvals', 'audit'];

export const migrationsDirectory = path.join(packageRoot, 'deploy', 'migrations');

/** Brings the platform database's schema to this version, as its owner. Returns how many migrations ran. */
export async function migratePlatform(ownerUrl: string): Promise<number> {
  const there = new Set(await readdir(migrationsDirectory));
  return migrate(
    ownerUrl,
    migrationsDirectory,
    COMPONENTS.filter((component) => there.has(component)),
  );
}

export const services = ['gateway', 'approvals', 'audit'] as const;
export type Service = (typeof services)[number];

/**
 * The login role of a service in that database. Roles belong to the whole server: the database's name is
 * in it, hashed, so that two installations on one server do not share a login.
 */
export const loginRoleOf = (service: Service, databaseUrl: string): string =>
  `countersign_${service}_${sha256Hex(Buffer.from(new URL(databaseUrl).pathname)).slice(0, 8)}`;

/** Makes the services' login roles, each a member of exactly its service's group role. */
export async function ensureServiceRoles(
  ownerUrl: string,
  passwords: Readonly<Partial<Record<Service, string>>>,
): Promise<void> {
  const client = await connectClient(ownerUrl, 'countersign roles');
  try {
    for (const service of services) {
      const password = passwords[service];
      if (password !== undefined)
        await ensureLoginRole(client, loginRoleOf(service, ownerUrl), password, `countersign_${service}`);
    }
  } finally {
    await client.end();
  }
}

export const serviceUrl = (ownerUrl: string, service: Service, password: string): string =>
  urlAs(ownerUrl, loginRoleOf(service, ownerUrl), password);
