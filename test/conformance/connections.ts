import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { GatewayRig } from '../faults/gateway-rig.js';

/** libpq's environment, which every client here is given. */
export type Connection = Readonly<Record<string, string>>;

/** As a URL says, without TLS. */
export function connectionTo(url: string): Connection {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: username,
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGSSLMODE: 'disable',
  };
}

/** To a target of the rig's gateway, verified, with a fresh token. */
export async function connectionThrough(rig: GatewayRig, user: string, target: string): Promise<Connection> {
  const certificate = path.join(rig.folder, 'ca.pem');
  await writeFile(certificate, rig.ca);
  return {
    PGHOST: 'localhost',
    PGPORT: String(rig.port),
    PGUSER: user,
    PGPASSWORD: await rig.token(user),
    PGDATABASE: target,
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: certificate,
  };
}
