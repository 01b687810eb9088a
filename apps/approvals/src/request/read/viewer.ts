import type { Identity } from '#libs/contracts/identity.js';
import type { Directory } from '#libs/identity/directory.js';
import { COMPLIANCE_GROUP, isHuman } from '../domain/eligibility.js';
import type { Actor } from '../domain/request-command.js';

/** Somebody who acts, with what the directory says of them at this moment. */
export async function actorOf(directory: Directory, identity: Identity): Promise<Actor> {
  const person = await directory.find(identity.name);
  return {
    identity,
    standing:
      person === undefined ? undefined : { kind: person.kind, groups: person.groups, owner: person.owner },
  };
}

/** What somebody may see: their own requests, those they may decide, or, for compliance, all. */
export interface Viewer {
  readonly name: string;
  readonly seesAll: boolean;
  /** The groups they review for; empty for agents and services. */
  readonly groups: readonly string[];
}

export function viewerOf(actor: Actor): Viewer {
  const groups = actor.standing?.groups ?? [];
  return {
    name: actor.identity.name,
    seesAll: groups.includes(COMPLIANCE_GROUP),
    groups: isHuman(actor) ? groups : [],
  };
}
