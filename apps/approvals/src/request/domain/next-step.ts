import { isOpen, opensAt } from './decision-window.js';
import type { Request } from './request-state.js';
import { approversOf, askedEntries } from './turn.js';

export type Step = 'asked' | 'next' | 'escalated' | 'reminded';

/** What to tell reviewers next, and when, milliseconds since 1970. */
export interface NextStep {
  readonly step: Step;
  readonly at: number;
}

/**
 * The next time that somebody is to be told of a request; undefined when nobody is: it is not pending,
 * has no route, or all was said. Who is asked first, or next in an ordered quorum, is told at once;
 * reminders wait for a window in which they can be acted upon.
 */
export function nextStep(state: Request): NextStep | undefined {
  const { route, told, status } = state;
  if (status !== 'pending' || route === undefined) return undefined;
  if (told.asked === undefined || told.since === undefined) return { step: 'asked', at: 0 };
  if (route.order === 'sequential' && told.asked < askedEntries(route.needed, approversOf(state)))
    return { step: 'next', at: 0 };
  const escalation = route.escalations?.[route.quorums.length - 1];
  const steps: NextStep[] = [];
  if (escalation !== undefined) steps.push({ step: 'escalated', at: told.since + escalation.afterMs });
  const { reminders } = route;
  if (reminders !== undefined && told.reminders < reminders.max) {
    // Each interval is `factor` times the one before it.
    let at = told.since;
    for (let number = 0; number <= told.reminders; number += 1)
      at += reminders.firstMs * reminders.factor ** number;
    at = Math.ceil(at);
    const open = isOpen(route.windows, at) ? at : opensAt(route.windows, at);
    if (open !== undefined) steps.push({ step: 'reminded', at: open });
  }
  return steps.filter(({ at }) => at < state.expiresAt).sort((a, b) => a.at - b.at)[0];
}
