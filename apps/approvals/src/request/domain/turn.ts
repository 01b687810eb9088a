import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { Request } from './request-state.js';
import { allGroups, seat } from './quorum.js';

/** Everybody whose approval stands, with the groups of that moment. */
export const approversOf = (state: Request): Identity[] =>
  state.votes.filter(({ decision }) => decision === 'approve').map(({ voter }) => voter);

/** How many entries of an ordered quorum have been asked: those that are signed, and the next one. */
export function askedEntries(needed: Reviewers, approvers: readonly Identity[]): number {
  let asked = 1;
  while (asked < needed.length && seat(needed.slice(0, asked), approvers).complete) asked += 1;
  return asked;
}

/** The quorums of which somebody may sign now: in an ordered one only the entries whose turn has come. */
export function openQuorums(state: Request, approvers: readonly Identity[]): Reviewers[] {
  const { route } = state;
  if (route === undefined) return [];
  return route.quorums.map((quorum, index) =>
    index === 0 && route.order === 'sequential'
      ? quorum.slice(0, askedEntries(quorum, approvers))
      : [...quorum],
  );
}

/** The groups whose members may sign now. */
export const openGroups = (state: Request): string[] => [
  ...new Set(openQuorums(state, approversOf(state)).flatMap((quorum) => allGroups(quorum))),
];
