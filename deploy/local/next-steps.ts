import path from 'node:path';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import type { Home } from './home/home.js';
import { SAMPLE_DATABASE } from './sample-target/prepare-shop.js';

const SAMPLE_STATEMENTS = `  SELECT count(*) FROM customers;                  -- runs, and is recorded
  DROP TABLE customers;                            -- is refused
  ALTER TABLE customers ADD COLUMN tier text;      -- is held until a reviewer signs

`;

/** What `npm start` prints when everything answers: what to type next, in another terminal. */
export function nextSteps(
  home: Home,
  ready: Pick<ReadyFile, 'gateway' | 'approvals' | 'audit' | 'eventLog'>,
  /** A target of COUNTERSIGN_TARGETS; undefined: the sample is there. */
  ownTarget: string | undefined,
  seconds: number,
): string {
  const { port, ca } = ready.gateway.postgres;
  const target = ownTarget ?? SAMPLE_DATABASE;
  const psql = (name: string): string =>
    `PGPASSWORD=$(cat ${quote(path.join(home.passwords, name))}) psql "host=localhost port=${port} user=${name} dbname=${target} sslmode=verify-full sslrootcert=${conninfo(ca)}"`;
  const command = `${home.root === path.resolve('.countersign') ? '' : `COUNTERSIGN_HOME=${quote(home.root)} `}npx countersign`;
  return `
Everything answers after ${seconds.toFixed(1)} s.
Masking is off: results leave the gateway as the database gives them.

In another terminal, in this folder, as alice, an engineer:

  ${psql('alice')}

${ownTarget === undefined ? SAMPLE_STATEMENTS : ''}In a third terminal, as bob, a reviewer, and as whoever asks later:

  ${command} --as bob requests list
  ${command} --as bob requests approve <id>
  ${command} events --request <id>
  ${command} ledger verify

approvals ${ready.approvals.url}   audit ${ready.audit.url}   event log: ${ready.eventLog.kind}
Addresses, tokens and processes: ${home.ready}   Logs: ${home.logs}
Ctrl-C stops everything; the state stays. npm run reset deletes it.`;
}

/** A value inside a connection string (libpq, 32.1.1.1), which itself stands in double quotes. */
const conninfo = (text: string): string =>
  /^[A-Za-z0-9_./-]+$/.test(text)
    ? text
    : `'${text.replaceAll(/[\\']/g, '\\$&').replaceAll(/["$`\\]/g, '\\$&')}'`;

const quote = (text: string): string =>
  /^[A-Za-z0-9_./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
