import type { StatementCategory } from '#libs/contracts/events/statement-events.js';
import type { Trait } from './traits.js';
import { traitOfFunction } from './traits.js';
import { isInertSetting, keepsPin } from './session-settings.js';
import { joinName } from './syntax-tree.js';
import { gravest } from './statement-kind.js';

/** Gathers what a walk over one statement finds. Sets keep the order of first sight. */
export class Collector {
  readonly kinds = new Set<string>();
  readonly reads = new Set<string>();
  readonly writes = new Set<string>();
  readonly functions = new Set<string>();
  readonly settings = new Set<string>();
  readonly traits = new Set<Trait>();
  category: StatementCategory = 'read';
  bounded = true;
  changesContext = false;
  incomplete: string | undefined;

  contains(kind: string, category: StatementCategory): void {
    this.kinds.add(kind);
    this.category = gravest(this.category, category);
  }

  /** The first reason stays: it is the one that a person is shown. */
  cannotTell(reason: string): void {
    this.incomplete ??= reason;
  }

  calls(parts: readonly string[]): void {
    this.functions.add(joinName(parts));
    this.mayCall(parts);
  }

  /** A name that is a column or, by attribute notation, a function: only what is dangerous counts. */
  mayCall(parts: readonly string[]): void {
    const trait = traitOfFunction(parts);
    if (trait === undefined) return;
    this.traits.add(trait);
    if (trait === 'dynamic-sql') {
      this.cannotTell(`${parts.at(-1) ?? ''} runs SQL that the analysis does not see`);
      this.changesContext = true;
    }
  }

  /** An assignment to a setting; `value` undefined where it is not one literal. */
  sets(name: string, value: string | undefined): void {
    const folded = name.toLowerCase();
    if (keepsPin(folded, value)) return;
    this.settings.add(folded);
    if (!isInertSetting(folded)) this.changesContext = true;
  }
}
