import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startCluster, type Cluster } from '#libs/embedded-postgres/cluster.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';

export interface TemporaryPostgres extends Cluster {
  /** Stops the server and deletes its data. */
  dispose(): Promise<void>;
}

/** A PostgreSQL of a test's own, in a temporary folder. Call `dispose` in afterAll. */
export async function temporaryPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<TemporaryPostgres> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-pg-'));
  await chmod(folder, 0o711);
  const cluster = await startCluster({
    directory: path.join(folder, 'data'),
    port: await freePort(),
    password: randomUUID(),
    logFile: path.join(folder, 'log'),
    settings,
  });
  return {
    ...cluster,
    dispose: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
