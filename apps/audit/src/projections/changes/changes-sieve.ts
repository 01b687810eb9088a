import { INTENT } from '#libs/ledger/changes-register.js';
import type { SealedGlance, Sieve } from '../projection.js';
import { lookAt } from './look-at.js';

/** Statements under way, of one partition; of those that were forgotten the outcome is looked up. */
const MOST_OPEN = 20_000;

/**
 * Holds back what the register of changes need not see: plain reads, with their outcomes. An intent and its
 * outcome come from one producer on one partition, the intent first.
 */
export class ChangesSieve implements Sieve {
  /** Intents that are no change and have no outcome yet, oldest first. */
  private readonly reads = new Set<string>();

  concerns({ type, eventId, content }: SealedGlance): boolean {
    const look = lookAt(type, content);
    if (look === 'concern') return true;
    if (look !== 'no concern') return !this.reads.delete(look.outcomeOf);
    if (type === INTENT) this.remember(eventId);
    return false;
  }

  private remember(intentId: string): void {
    this.reads.add(intentId);
    if (this.reads.size <= MOST_OPEN) return;
    const [oldest] = this.reads;
    this.reads.delete(oldest as string);
  }
}
