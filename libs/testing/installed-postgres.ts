import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface InstalledPostgres {
  readonly folder: string;
  readonly major: number;
}

/** Where packages put each major version; the PATH often has wrappers in their place, without a server. */
const PACKAGED = ['/usr/lib/postgresql', '/usr'];

/** Folders of this machine that hold all of these programs of PostgreSQL, the newest version first. */
export async function installedPostgres(
  ...programs: readonly [string, ...string[]]
): Promise<readonly InstalledPostgres[]> {
  const folders = await Promise.all(PACKAGED.map(packagedIn));
  const onPath = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const found = await Promise.all(
    [...folders.flat(), ...onPath].map((folder) => versionIn(folder, programs)),
  );
  return found.filter((one) => one !== undefined).sort((first, second) => second.major - first.major);
}

/** A server of an earlier version than the bundled one, of those that a target may be; undefined where there is none. */
export const olderServer = async (): Promise<InstalledPostgres | undefined> =>
  (await installedPostgres('postgres', 'initdb')).find(({ major }) => major >= 14 && major < 18);

const packagedIn = async (parent: string): Promise<string[]> =>
  (await readdir(parent).catch(() => []))
    .filter((name) => /^(pgsql-)?\d+$/.test(name))
    .map((name) => path.join(parent, name, 'bin'));

async function versionIn(
  folder: string,
  programs: readonly [string, ...string[]],
): Promise<InstalledPostgres | undefined> {
  try {
    await Promise.all(programs.map((program) => access(path.join(folder, program))));
    const { stdout } = await run(path.join(folder, programs[0]), ['--version']);
    const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    return major === undefined ? undefined : { folder, major: Number(major) };
  } catch {
    // Not all of them are there, or they do not run: that is the answer.
    return undefined;
  }
}
