import type { Reviewers } from '#libs/contracts/events/request-events.js';

/** Somebody in the directory, as far as approving goes. */
export interface Reviewer {
  readonly name: string;
  readonly kind: string;
  readonly groups: readonly string[];
}

/** Sees everything and decides nothing (CONTRACT.md, HTTP). */
const COMPLIANCE = 'compliance';

export interface ApprovalProblem {
  /** Nobody's statement could be approved; otherwise only some people's could not. */
  readonly always: boolean;
  readonly reason: string;
}

/** Why these places cannot be filled by these people; undefined when everybody's statements can be approved. */
export function approvalProblem(
  reviewers: Reviewers,
  people: readonly Reviewer[],
): ApprovalProblem | undefined {
  for (const place of reviewers) {
    const { count } = place;
    const group = groupsOf(place).join(' or ');
    const members = people.filter((person) => isIn(person, place));
    if (members.length === 0)
      return { always: true, reason: `nobody can approve: the directory has nobody in group ${group}` };
    const eligible = members.filter(canDecide);
    if (eligible.length === 0)
      return {
        always: true,
        reason: `nobody can approve: group ${group} has no person who may decide (agents, services and compliance may not)`,
      };
    if (eligible.length < count)
      return {
        always: true,
        reason: `nobody can approve: it asks for ${count} of group ${group}, which has ${eligible.length} who may decide`,
      };
  }
  const able = people.filter(canDecide);
  if (!filled(reviewers, able))
    return { always: true, reason: 'nobody can approve: one person fills one place, and there are too few' };
  const stuck = able.filter(
    (requester) =>
      !filled(
        reviewers,
        able.filter((person) => person !== requester),
      ),
  );
  if (stuck.length === 0) return undefined;
  const names = stuck.map(({ name }) => name).slice(0, 5);
  return {
    always: false,
    reason: `what ${names.join(', ')} ask${names.length === 1 ? 's' : ''} for nobody can approve: too few others may decide`,
  };
}

const canDecide = ({ kind, groups }: Reviewer): boolean => kind === 'human' && !groups.includes(COMPLIANCE);

type Place = Reviewers[number];

const groupsOf = ({ group, or = [] }: Place): readonly string[] => [group, ...or];

const isIn = ({ groups }: Reviewer, place: Place): boolean =>
  groupsOf(place).some((group) => groups.includes(group));

/** Whether distinct people can fill every place (Kuhn's augmenting paths). */
function filled(reviewers: Reviewers, people: readonly Reviewer[]): boolean {
  const places = reviewers.flatMap((place) => Array.from({ length: place.count }, () => place));
  const holderOf = new Map<number, number>();
  const seat = (place: number, tried: Set<number>): boolean =>
    people.some((person, index) => {
      if (tried.has(index) || !isIn(person, places[place] as Place)) return false;
      tried.add(index);
      const held = [...holderOf].find(([, holder]) => holder === index)?.[0];
      if (held !== undefined && !seat(held, tried)) return false;
      holderOf.set(place, index);
      return true;
    });
  return places.every((_, place) => seat(place, new Set()));
}
