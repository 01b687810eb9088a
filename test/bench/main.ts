import { benchEventLog } from './event-log.js';
import { benchDecision } from './decision.js';
import { benchGateway } from './gateway.js';
import { benchHolds } from './holds.js';
import { benchVerify } from './verify.js';
import { benchLedger } from './ledger.js';
import { benchPolicy } from './policy.js';
import { benchSql } from './sql.js';

const benches: Readonly<Record<string, (options: { json: boolean; short: boolean }) => Promise<void>>> = {
  'event-log': benchEventLog,
  decision: benchDecision,
  gateway: benchGateway,
  holds: benchHolds,
  verify: benchVerify,
  ledger: benchLedger,
  policy: benchPolicy,
  sql: benchSql,
};

const argumentsGiven = process.argv.slice(2);
const options = { json: argumentsGiven.includes('--json'), short: argumentsGiven.includes('--short') };
const names = argumentsGiven.filter((argument) => !argument.startsWith('--'));
const unknown = names.find((name) => benches[name] === undefined);
if (unknown !== undefined) {
  console.error(`there is no benchmark "${unknown}"; there are: ${Object.keys(benches).join(', ')}`);
  process.exitCode = 1;
} else {
  for (const name of names.length > 0 ? names : Object.keys(benches)) await benches[name]?.(options);
}
