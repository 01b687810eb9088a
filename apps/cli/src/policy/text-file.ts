import { readFile } from 'node:fs/promises';
import { hasCode, messageOf } from '#libs/kernel/coded-error.js';
import { CommandError } from '../command-error.js';

/** The text of a file the person named; what is wrong with it is one line. */
export async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(hasCode(error, 'ENOENT') ? `there is no file ${file}` : messageOf(error));
  }
}
