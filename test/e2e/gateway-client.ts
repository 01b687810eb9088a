import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { LocalStack } from './local-stack.js';

export interface GatewayClient extends pg.Client {
  /** Texts of the NOTICEs so far. */
  readonly notices: string[];
  /** Their DETAILs. */
  readonly details: string[];
  /** Their HINTs. */
  readonly hints: string[];
}

/** An ordinary node-postgres connection through the gateway, TLS verified against the development CA. */
export async function connectAs(
  stack: LocalStack,
  name: string,
  { database = 'shop', options }: { database?: string; options?: string } = {},
): Promise<GatewayClient> {
  const { host, port, ca } = stack.ready.gateway.postgres;
  const identity = stack.ready.identities.find((candidate) => candidate.name === name);
  if (identity === undefined) throw new Error(`ready.json has no identity ${name}`);
  const client = new pg.Client({
    host,
    port,
    database,
    user: name,
    password: identity.password,
    ...(options === undefined ? {} : { options }),
    ssl: { ca: await readFile(ca, 'utf8') },
    connectionTimeoutMillis: 10_000,
  });
  const notices: string[] = [];
  const details: string[] = [];
  const hints: string[] = [];
  client.on('notice', (notice) => {
    notices.push(notice.message ?? '');
    details.push(notice.detail ?? '');
    hints.push(notice.hint ?? '');
  });
  // A client whose gateway is killed gets an error event; the tests look at the rejected query instead.
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { notices, details, hints });
}

/** The request id in the NOTICE that says the statement is held; waits up to a minute for it. */
export async function heldRequestId(client: GatewayClient, from = 0): Promise<string> {
  for (let attempt = 0; attempt < 1_200; attempt += 1) {
    const notice = client.notices.slice(from).find((text) => text.includes('held'));
    const id = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(notice ?? '')?.[0];
    if (id !== undefined) return id;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no NOTICE said that the statement is held: ${JSON.stringify(client.notices)}`);
}
