import { connectClient } from '#libs/postgres/client.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';

describe('startCluster', () => {
  it('starts a PostgreSQL 18 in UTF8 that takes connections, and stops it', async () => {
    const cluster = await temporaryPostgres();
    const client = await connectClient(cluster.adminUrl(), 'test');
    const { rows } = await client.query<{ version: number; encoding: string }>(
      "SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding",
    );
    await client.end();
    await cluster.dispose();
    expect(rows[0]?.version).toBeGreaterThanOrEqual(180_000);
    expect(rows[0]?.encoding).toBe('UTF8');
    await expect(cluster.exited).resolves.toBe('0');
  });
});
