import type { Identity } from '#libs/contracts/identity.js';
import type { Actor } from './request-command.js';
import type { Request } from './request-state.js';
import { eligibleGroups } from './quorum.js';

/** Sees every request and decides none (CONTRACT.md, HTTP). */
export const COMPLIANCE_GROUP = 'compliance';

export type Ineligible = 'agent' | 'own-request' | 'agent-owner' | 'not-a-reviewer';

/** Whether two identities are one actor: by name, or by what the issuer calls them. */
export const sameActor = (a: Identity, b: Identity): boolean =>
  a.name === b.name || (a.issuer === b.issuer && a.subject === b.subject);

/** Whether somebody is a person by the token and by the directory alike. */
export const isHuman = (actor: Actor): boolean =>
  actor.identity.kind === 'human' && (actor.standing === undefined || actor.standing.kind === 'human');

/**
 * Why somebody may not decide this request, whatever the route says: agents and services never, nobody
 * for themselves, no owner for an agent. `requesterOwner` is the owner the directory lists now; the one
 * in the requester's identity counts as well.
 */
export function barredBySeparation(
  request: Request,
  actor: Actor,
  requesterOwner: string | undefined,
): Exclude<Ineligible, 'not-a-reviewer'> | undefined {
  if (!isHuman(actor)) return 'agent';
  if (sameActor(request.requester, actor.identity)) return 'own-request';
  const owners = [request.requester.onBehalfOf, requesterOwner];
  return owners.includes(actor.identity.name) ? 'agent-owner' : undefined;
}

/** The groups of the route that somebody may speak for now; none for compliance and for strangers. */
export function reviewerGroups(request: Request, actor: Actor): string[] {
  const groups = actor.standing?.groups ?? [];
  if (request.route === undefined || groups.includes(COMPLIANCE_GROUP)) return [];
  return [...new Set(request.route.quorums.flatMap((quorum) => eligibleGroups(quorum, groups)))];
}
