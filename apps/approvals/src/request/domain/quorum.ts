import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Identity } from '#libs/contracts/identity.js';

type Place = Reviewers[number];

/** The groups whose members may fill a place. */
export const groupsOf = (place: Place): string[] => [place.group, ...(place.or ?? [])];

/** The groups of a quorum, each once. */
export const allGroups = (needed: Reviewers): string[] => [...new Set(needed.flatMap(groupsOf))];

/** The groups of the route that somebody with these groups may speak for. */
export const eligibleGroups = (needed: Reviewers, groups: readonly string[]): string[] =>
  allGroups(needed).filter((group) => groups.includes(group));

/** How many signatures a quorum asks for. */
export const signatures = (needed: Reviewers): number => needed.reduce((sum, { count }) => sum + count, 0);

export interface Seating {
  /** Whether every place is filled. */
  readonly complete: boolean;
  /** Who fills which group's place, by name. Whoever has no place here is more than was needed. */
  readonly groupOf: ReadonlyMap<string, string>;
}

/**
 * Seats distinct people on the places of a quorum, as many as can be seated at once (Kuhn's augmenting
 * paths): a person in two groups fills one place, and gives way to another place where that lets
 * somebody else sit. More people than places are harmless.
 */
export function seat(needed: Reviewers, people: readonly Identity[]): Seating {
  const places = needed.flatMap((place) => Array.from({ length: place.count }, () => groupsOf(place)));
  const holders: (number | undefined)[] = places.map(() => undefined);
  const distinct = [...new Map(people.map((person) => [person.name, person])).values()];

  const findPlace = (person: number, tried: Set<number>): boolean => {
    for (const [index, groups] of places.entries()) {
      const fits = groups.some((group) => distinct[person]?.groups.includes(group) === true);
      if (tried.has(index) || !fits) continue;
      tried.add(index);
      const holder = holders[index];
      if (holder === undefined || findPlace(holder, tried)) {
        holders[index] = person;
        return true;
      }
    }
    return false;
  };
  distinct.forEach((_, person) => findPlace(person, new Set()));

  const groupOf = new Map<string, string>();
  holders.forEach((holder, index) => {
    const person = holder === undefined ? undefined : distinct[holder];
    const group = places[index]?.find((each) => person?.groups.includes(each));
    if (person !== undefined && group !== undefined) groupOf.set(person.name, group);
  });
  return { complete: holders.every((holder) => holder !== undefined), groupOf };
}
