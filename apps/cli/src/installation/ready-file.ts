import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readyFileSchema, type ReadyFile } from '#libs/contracts/ready-file.js';
import { hasCode } from '#libs/kernel/coded-error.js';
import { CommandError } from '../command-error.js';

type Environment = Readonly<Record<string, string | undefined>>;

export const homeFolder = (environment: Environment): string => {
  const named = environment['COUNTERSIGN_HOME'];
  return path.resolve(named === undefined || named === '' ? '.countersign' : named);
};

/** ready.json of COUNTERSIGN_HOME, or undefined where no stack runs. */
export async function findReadyFile(environment: Environment): Promise<ReadyFile | undefined> {
  const file = path.join(homeFolder(environment), 'ready.json');
  try {
    return readyFileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (hasCode(error, 'EACCES'))
      throw new CommandError(`${file} belongs to somebody else: run as the user who ran npm start`);
    throw new CommandError(`${file} is not a ready.json of this version: run npm start again`);
  }
}

export async function requireReadyFile(environment: Environment): Promise<ReadyFile> {
  const ready = await findReadyFile(environment);
  if (ready !== undefined) return ready;
  throw new CommandError(
    `there is no ready.json in ${homeFolder(environment)}: run npm start there, or set COUNTERSIGN_HOME`,
  );
}
