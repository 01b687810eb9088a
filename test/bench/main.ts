import { benchEventLog } from './event-log.js';
import { benchDecision } from './decision.js';
import { benchGateway } from './gateway.js';
import { benchHolds } from './holds.js';
import { benchVerify } from './verify.js';
import { benchLedger } from './ledger.js';
import { benchLedgerScale } from './ledger-scale.js';
import { benchPolicy } from './policy.js';
import { benchSql } from './sql.js';

interface Options {
  readonly json: boolean;
  readonly short: boolean;
  /** `--entries=N`: how far a benchmark of sizes goes. */
  readonly entries?: number;
  /** `--clients=1,8`: how many at once. */
  readonly clients?: readonly number[];
}

const benches: Readonly<Record<string, (options: Options) => Promise<void>>> = {
  'event-log': benchEventLog,
  decision: benchDecision,
  gateway: benchGateway,
  holds: benchHolds,
  verify: benchVerify,
  ledger: benchLedger,
  'ledger-scale': benchLedgerScale,
  policy: benchPolicy,
  sql: benchSql,
};

const argumentsGiven = process.argv.slice(2);
const given = (name: string): string | undefined =>
  argumentsGiven.find((argument) => argument.startsWith(`--${name}=`))?.slice(`--${name}=`.length);
const entries = given('entries');
const clients = given('clients');
const options: Options = {
  json: argumentsGiven.includes('--json'),
  short: argumentsGiven.includes('--short'),
  ...(entries === undefined ? {} : { entries: Number(entries) }),
  ...(clients === undefined ? {} : { clients: clients.split(',').map(Number) }),
};
const names = argumentsGiven.filter((argument) => !argument.startsWith('--'));
const unknown = names.find((name) => benches[name] === undefined);
if (unknown !== undefined) {
  console.error(`there is no benchmark "${unknown}"; there are: ${Object.keys(benches).join(', ')}`);
  process.exitCode = 1;
} else {
  for (const name of names.length > 0 ? names : Object.keys(benches)) await benches[name]?.(options);
}
