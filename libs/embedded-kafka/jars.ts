import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '#libs/kernel/coded-error.js';

/** Where the jars of Kafka stand below the home folder. */
export const jarsFolder = (home: string): string => path.join(home, 'libs');

export const hasJars = async (home: string): Promise<boolean> =>
  (await readdir(jarsFolder(home)).catch(() => [])).some((name) => /^kafka_.*\.jar$/.test(name));

/** Gets the jars that the pom names from Maven Central, once. Throws NO_MAVEN or JARS_NOT_FETCHED, one line. */
export async function fetchJars(home: string, pom: string): Promise<void> {
  if (await hasJars(home)) return;
  const folder = path.resolve(jarsFolder(home));
  // Moved to its place when whole: an interrupted download leaves nothing that looks complete.
  const making = `${folder}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(path.dirname(folder), { recursive: true });
  await maven([
    '-B',
    '-ntp',
    '-q',
    '-f',
    pom,
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${making}`,
  ]);
  await rm(folder, { recursive: true, force: true });
  await rename(making, folder);
}

function maven(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-4_000));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (cause) =>
      reject(
        new CodedError(
          'NO_MAVEN',
          'Maven (mvn) is needed once, to get the jars of Kafka: install it (Debian: apt-get install maven)',
          { cause },
        ),
      ),
    );
    child.once('exit', (code) => {
      if (code === 0) return resolve();
      const reason =
        output.split('\n').find((line) => line.includes('[ERROR]')) ?? output.trim().split('\n').at(-1);
      reject(
        new CodedError('JARS_NOT_FETCHED', `Maven could not get the jars of Kafka: ${reason ?? 'no output'}`),
      );
    });
  });
}
