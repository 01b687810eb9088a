import { isUuid } from '#libs/kernel/uuid.js';
import { DECISION_TYPES, INTENT, isChange, OUTCOME } from '#libs/ledger/changes-register.js';
import { POISON_TYPE } from '#libs/ledger/event-columns.js';

/** What a look at an entry tells the register of changes; of an outcome: whose it is, which decides. */
export type Look = 'no concern' | 'concern' | { readonly outcomeOf: string };

/**
 * Judges an entry by its type and two fields. What they do not say clearly is a concern: reading it whole
 * says what is wrong.
 */
export function lookAt(type: string, content: unknown): Look {
  if (type === INTENT) {
    const { statement, verdict } = (content ?? {}) as Fields;
    const category = statement?.category;
    const effect = verdict?.effect;
    const isClear = typeof category === 'string' && typeof effect === 'string';
    return isClear && !isChange(category, effect) ? 'no concern' : 'concern';
  }
  if (type === OUTCOME) {
    const { intentId } = (content ?? {}) as Fields;
    return typeof intentId === 'string' && isUuid(intentId) ? { outcomeOf: intentId } : 'concern';
  }
  return type === POISON_TYPE || DECISION_TYPES.includes(type) ? 'concern' : 'no concern';
}

interface Fields {
  readonly statement?: { readonly category?: unknown } | null;
  readonly verdict?: { readonly effect?: unknown } | null;
  readonly intentId?: unknown;
}
