import { chmod, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SystemUser } from '#libs/embedded-postgres/system-user.js';
import { hasCode } from '#libs/kernel/coded-error.js';
import { SettingError } from '#libs/kernel/settings.js';

/** Where a stack keeps its state. Every path is absolute. */
export interface Home {
  readonly root: string;
  readonly ready: string;
  readonly stack: string;
  readonly directory: string;
  readonly targets: string;
  readonly keys: string;
  readonly logs: string;
  readonly passwords: string;
  readonly spool: string;
  readonly trust: string;
  readonly platformData: string;
  readonly targetData: string;
  logOf(name: string): string;
  keyFile(name: string): string;
}

export function homeAt(folder: string): Home {
  const root = path.resolve(folder);
  const inside = (...parts: string[]): string => path.join(root, ...parts);
  return {
    root,
    ready: inside('ready.json'),
    stack: inside('stack.json'),
    directory: inside('directory.json'),
    targets: inside('targets.yaml'),
    keys: inside('keys'),
    logs: inside('logs'),
    passwords: inside('passwords'),
    spool: inside('gateway', 'spool'),
    trust: inside('trust'),
    platformData: inside('postgres', 'platform'),
    targetData: inside('postgres', 'target'),
    logOf: (name) => inside('logs', `${name}.log`),
    keyFile: (name) => inside('keys', name),
  };
}

/** COUNTERSIGN_HOME, or `.countersign` in the current folder. */
export const homeOf = (environment: Readonly<Record<string, string | undefined>>): Home => {
  const named = environment['COUNTERSIGN_HOME'];
  return homeAt(named === undefined || named === '' ? '.countersign' : named);
};

/**
 * Makes the folders. `postgresUser` is who PostgreSQL runs as when that is not the caller: it must be
 * able to pass through the home to its data, so the home opens for passing (0711) and nothing else does.
 */
export async function prepareHome(home: Home, postgresUser: SystemUser | undefined): Promise<void> {
  const outer = postgresUser === undefined ? 0o700 : 0o711;
  if (postgresUser !== undefined) await requirePassage(path.dirname(home.root), postgresUser);
  const make = async (folder: string, mode: number): Promise<void> => {
    await mkdir(folder, { recursive: true, mode });
    await chmod(folder, mode);
  };
  try {
    await make(home.root, outer);
    await make(path.dirname(home.platformData), outer);
    for (const folder of [home.keys, home.logs, home.passwords, path.dirname(home.spool), home.trust])
      await make(folder, 0o700);
  } catch (error) {
    throw new SettingError('COUNTERSIGN_HOME', `${home.root} cannot be made: ${(error as Error).message}`);
  }
}

/** Looks at every folder above the home that is there; those that will be made are open. */
async function requirePassage(lowest: string, user: SystemUser): Promise<void> {
  for (let folder = lowest; ; folder = path.dirname(folder)) {
    const found = await stat(folder).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (found === undefined) continue;
    const { uid, gid, mode } = found;
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) {
      throw new SettingError(
        'COUNTERSIGN_HOME',
        `the folder ${folder} cannot be entered by the user "postgres", as whom PostgreSQL runs when root starts it: chmod o+x ${folder}, or name a home elsewhere`,
      );
    }
    if (folder === path.dirname(folder)) return;
  }
}
