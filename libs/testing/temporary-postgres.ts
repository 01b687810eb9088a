import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startCluster, type Cluster } from '#libs/embedded-postgres/cluster.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { endWithParent } from './end-with-parent.js';

export interface TemporaryPostgres extends Cluster {
  /** Its data and its log. */
  readonly folder: string;
  /** Stops the server and deletes its data. */
  dispose(): Promise<void>;
}

/**
 * A PostgreSQL of a test's own, in a temporary folder; `programs` as ClusterOptions has it. Call `dispose` in
 * afterAll; else it ends with this process.
 */
export async function temporaryPostgres(
  settings: Readonly<Record<string, string>> = {},
  programs?: string,
): Promise<TemporaryPostgres> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-pg-'));
  await chmod(folder, 0o711);
  const cluster = await startCluster({
    directory: path.join(folder, 'data'),
    port: await freePort(),
    password: randomUUID(),
    logFile: path.join(folder, 'log'),
    settings,
    programs,
  });
  endWithParent(cluster.pid, cluster.exited, folder);
  return {
    ...cluster,
    folder,
    dispose: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
