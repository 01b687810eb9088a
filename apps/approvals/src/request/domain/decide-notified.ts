import type { EscalateRequest, NotifyReviewers } from './request-command.js';
import type { RequestEventOf } from './request-event.js';
import type { Request } from './request-state.js';
import { accepted, type Decided } from './decided.js';
import { nextStep } from './next-step.js';
import { allGroups } from './quorum.js';

/** What an event carries at most (libs/contracts/events/request-events.ts). */
const MAX_NAMED = 200;

/** Says who was told, where it is time for it; else nothing, so that any number of replicas may ask. */
export function decideNotified(command: NotifyReviewers, state: Request, now: number): Decided {
  const due = nextStep(state);
  if (due?.step !== command.step || due.at > now) return accepted();
  const notified = notifiedEvent(command);
  if (command.step !== 'reminded') return accepted(notified);
  return accepted({ type: 'request.reminded', number: state.told.reminders + 1 }, notified);
}

/** Lets the next ones sign as well, where it is time for it. */
export function escalate(command: EscalateRequest, state: Request, now: number): Decided {
  const due = nextStep(state);
  const step = state.route?.quorums.length ?? 1;
  const escalation = state.route?.escalations?.[step - 1];
  if (due?.step !== 'escalated' || due.at > now || escalation === undefined) return accepted();
  const { needed } = escalation;
  const { people, limit } = command;
  return accepted(
    { type: 'request.escalated', step, needed },
    notifiedEvent({ step: 'escalated', groups: allGroups(needed), people, limit }),
  );
}

/** Counted first; named only where they are no more than the limit. */
function notifiedEvent(told: Omit<NotifyReviewers, 'type'>): RequestEventOf<'request.reviewer-notified'> {
  const { step, groups, people, limit } = told;
  const few = people.length <= Math.min(limit, MAX_NAMED);
  return {
    type: 'request.reviewer-notified',
    step,
    groups: groups.slice(0, MAX_NAMED),
    count: people.length,
    people: few ? [...people] : [],
    limit,
  };
}
