import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '#libs/kernel/coded-error.js';

const run = promisify(execFile);

const OLDEST_JAVA = 17;

/** The path of a Java of version 17 or newer: JAVA_HOME's, else the one on the PATH. Throws NO_JAVA, one line. */
export async function findJava(environment: NodeJS.ProcessEnv): Promise<string> {
  const home = environment['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : path.join(home, 'bin', 'java');
  const output = await run(java, ['-version']).then(
    ({ stdout, stderr }) => stdout + stderr,
    () => undefined,
  );
  const version = /version "(?:1\.)?([0-9]+)/.exec(output ?? '')?.[1];
  if (version === undefined || Number(version) < OLDEST_JAVA) {
    const found = version === undefined ? `no Java (${java})` : `Java ${version}`;
    throw new CodedError(
      'NO_JAVA',
      `Kafka needs Java ${OLDEST_JAVA} or newer, found ${found}: install it (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME`,
    );
  }
  return java;
}
