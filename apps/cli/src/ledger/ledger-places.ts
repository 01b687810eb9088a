import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, messageOf } from '#libs/kernel/coded-error.js';
import { readTrustFolder, type TrustFolder } from '#libs/ledger/trust-folder.js';
import { parseVkey, type NoteVerifier } from '#libs/tlog/vkey.js';
import { CommandError } from '../command-error.js';
import { homeFolder, requireReadyFile } from '../installation/ready-file.js';
import type { Terminal } from '../terminal.js';

/** The platform database: DATABASE_URL, else ready.json's. */
export async function databaseUrl({ environment }: Terminal): Promise<string> {
  const given = environment['DATABASE_URL'];
  if (given !== undefined && given !== '') {
    if (/^postgres(ql)?:\/\//.test(given)) return given;
    throw new CommandError('DATABASE_URL: must be a postgresql:// URL');
  }
  return (await requireReadyFile(environment)).platform.adminUrl;
}

/** The folder of keys and last checkpoints: `--trust`, else COUNTERSIGN_TRUST, else `trust` of the home. */
export async function trustFolder(terminal: Terminal, given: string | undefined): Promise<string> {
  const folder = trustPath(terminal, given);
  if (await isFolder(folder)) return folder;
  throw new CommandError(`there is no folder ${folder} with keys and checkpoints: name it with --trust`);
}

/** The same, read; undefined where nobody named one and there is none. */
export async function trustIfThere(
  terminal: Terminal,
  given: string | undefined,
): Promise<TrustFolder | undefined> {
  if (given !== undefined || (await isFolder(trustPath(terminal, given))))
    return readTrustFolder(await trustFolder(terminal, given));
  return undefined;
}

/** `--vkey`: the text itself, or a file that holds it. */
export async function givenVkey(value: string): Promise<NoteVerifier> {
  const direct = parseVkey(value);
  if (direct !== undefined) return direct;
  const text = await readFile(value, 'utf8').catch(() => undefined);
  const read = text === undefined ? undefined : parseVkey(text.trim());
  if (read !== undefined) return read;
  throw new CommandError('--vkey: not a verifier key (<name>+<key id>+<base64>), nor a file that holds one');
}

/** A file that was named on the command line. */
export const givenFile = (option: string, file: string): Promise<Buffer> =>
  readFile(file).catch((error: unknown) => {
    throw new CommandError(`${option}: ${messageOf(error)}`);
  });

const trustPath = ({ environment }: Terminal, given: string | undefined): string =>
  path.resolve(given ?? (environment['COUNTERSIGN_TRUST'] || path.join(homeFolder(environment), 'trust')));

const isFolder = (folder: string): Promise<boolean> =>
  stat(folder).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    },
  );
