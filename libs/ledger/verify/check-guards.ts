import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { findAlteredTriggers } from '../append-only-triggers.js';

const STATES = { gone: 'gone or altered', off: 'switched off', weak: 'not ENABLE ALWAYS' } as const;

/**
 * Whether the database still refuses to change what is sealed. The absence of a trigger alters nothing
 * sealed, so it is a notice and no finding; but nobody switches one off without a reason. One line for each
 * that is not as it was made.
 */
export async function findMissingGuards(query: BulkQuery): Promise<string[]> {
  const altered = await findAlteredTriggers(query);
  return altered.map(({ relation, trigger, state }) => {
    const name = trigger === 'append_only' ? 'append-only trigger' : `trigger ${trigger}`;
    return `ledger.${relation}: its ${name} is ${STATES[state]}`;
  });
}
