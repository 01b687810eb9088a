import { EVENT_LOG_FAULTS } from './event-log/long-form.js';
import type { FaultSuite } from './fault-suite.js';
import { GATEWAY_FAULTS } from './gateway/long-form.js';
import { LEDGER_FAULTS } from './ledger-long-form.js';
import { SLACK_FAULTS } from './slack-long-form.js';

/** `npm run faults -- <suite> [part …]`: the long forms of the fault suites. Exit status 0 only when all held. */
const suites: Readonly<Record<string, FaultSuite>> = {
  'event-log': EVENT_LOG_FAULTS,
  gateway: GATEWAY_FAULTS,
  ledger: LEDGER_FAULTS,
  slack: SLACK_FAULTS,
};

const [name = '', ...parts] = process.argv.slice(2);
const suite = suites[name];
const unknown = suite === undefined ? name : parts.find((part) => suite[part] === undefined);
if (suite === undefined || unknown !== undefined) {
  const known = suite === undefined ? Object.keys(suites) : Object.keys(suite);
  console.error(`there is no "${unknown ?? ''}"; there are: ${known.join(', ')}`);
  process.exit(1);
}
let held = true;
for (const part of parts.length > 0 ? parts : Object.keys(suite)) {
  await suite[part]?.((what, result, holds) => {
    held &&= holds;
    const numbers = Object.entries(result).map(([key, value]) => `${key} ${String(value)}`);
    console.log(`${holds ? 'held  ' : 'FAILED'}  ${what}: ${numbers.join(', ')}`);
  });
}
process.exit(held ? 0 : 1);
