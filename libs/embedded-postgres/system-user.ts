import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CodedError } from '#libs/kernel/coded-error.js';

const run = promisify(execFile);

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root. Then it runs as the system user `postgres`, who is made if the
 * machine has none. For anyone else: undefined, it runs as the caller.
 */
export async function postgresSystemUser(): Promise<SystemUser | undefined> {
  if (process.platform === 'win32' || process.getuid?.() !== 0) return undefined;
  const known = await lookUp();
  if (known !== undefined) return known;
  await run('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres']).catch(
    (cause: unknown) => {
      throw new CodedError(
        'NO_POSTGRES_USER',
        'PostgreSQL does not run as root and no system user "postgres" could be made: run as an ordinary user, or add it (useradd --system postgres)',
        { cause },
      );
    },
  );
  const made = await lookUp();
  if (made === undefined)
    throw new CodedError(
      'NO_POSTGRES_USER',
      'the system user "postgres" was made but cannot be found: run as an ordinary user',
    );
  return made;
}

async function lookUp(): Promise<SystemUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    // id exits with 1 when there is no such user; that is the answer.
    return undefined;
  }
}
