import { access } from 'node:fs/promises';
import path from 'node:path';
import { FileDirectory, type Person } from '#libs/identity/directory.js';
import { hasCode } from '#libs/kernel/coded-error.js';
import { CommandError } from '../command-error.js';
import { homeFolder } from '../installation/ready-file.js';
import type { Terminal } from '../terminal.js';

/** The directory of `--directory`, COUNTERSIGN_DIRECTORY or the stack at home; undefined where there is none. */
export async function findDirectory(
  { environment }: Terminal,
  given: string | undefined,
): Promise<FileDirectory | undefined> {
  const named = given ?? environment['COUNTERSIGN_DIRECTORY'];
  const file =
    named === undefined || named === '' ? path.join(homeFolder(environment), 'directory.json') : named;
  try {
    await access(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT') && given === undefined) return undefined;
    throw new CommandError(`the directory ${file} cannot be read`);
  }
  return new FileDirectory(file);
}

/** Everybody in the directory. */
export async function peopleOf(directory: FileDirectory): Promise<readonly Person[]> {
  try {
    return await directory.everyone();
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
}
