import type { Identity } from '#libs/contracts/identity.js';
import type { Actor } from './request-command.js';

/** The most groups an identity carries in an event (libs/contracts/identity.ts). */
const MAX_GROUPS = 200;

/** The person as an event records them: with the groups of this moment, those that count here first. */
export const withGroups = (actor: Actor, first: readonly string[]): Identity => ({
  ...actor.identity,
  groups: [...new Set([...first, ...(actor.standing?.groups ?? [])])].slice(0, MAX_GROUPS),
});
