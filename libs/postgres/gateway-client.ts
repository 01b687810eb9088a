import pg from 'pg';

export interface GatewayLogin {
  readonly host: string;
  readonly port: number;
  /** The PEM text of the CA that signed the gateway's certificate. */
  readonly ca: string;
  readonly user: string;
  /** The token. */
  readonly password: string;
  /** The target's name, or target/database. */
  readonly database: string;
}

/**
 * One connection through a gateway, over TLS with its certificate verified, as any driver makes it.
 * Statements may wait for a signature, so they have no time limit of their own. The caller ends it.
 */
export async function connectThroughGateway(
  login: GatewayLogin,
  onNotice: (message: string) => void = () => undefined,
): Promise<pg.Client> {
  const { ca, ...rest } = login;
  const client = new pg.Client({
    ...rest,
    ssl: { ca, rejectUnauthorized: true },
    connectionTimeoutMillis: 10_000,
  });
  client.on('notice', (notice) => onNotice(notice.message ?? ''));
  // A connection that breaks rejects the query in flight and every later one; unheard, this event would end
  // the process.
  client.on('error', () => undefined);
  await client.connect().catch(async (error: unknown) => {
    await client.end();
    throw error;
  });
  return client;
}
