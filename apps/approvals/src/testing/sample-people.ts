import type { Identity } from '#libs/contracts/identity.js';
import type { Actor } from '../request/domain/request-command.js';

export const ISSUER = 'http://127.0.0.1/issuer';

export interface SamplePerson {
  readonly name: string;
  readonly kind: Identity['kind'];
  readonly groups: readonly string[];
  readonly owner?: string;
  readonly slackUserId?: string;
  readonly email?: string;
}

/** Invented people for tests; `zoe` is in two reviewer groups. */
export const PEOPLE: readonly SamplePerson[] = [
  { name: 'alice', kind: 'human', groups: ['engineering'] },
  { name: 'erin', kind: 'human', groups: ['engineering'] },
  { name: 'bob', kind: 'human', groups: ['dba'] },
  { name: 'dana', kind: 'human', groups: ['dba'] },
  { name: 'zoe', kind: 'human', groups: ['dba', 'security'] },
  { name: 'omar', kind: 'human', groups: ['security'] },
  { name: 'carol', kind: 'human', groups: ['compliance'] },
  { name: 'cleo', kind: 'human', groups: ['compliance', 'dba'] },
  { name: 'etl-agent', kind: 'agent', groups: ['dba'], owner: 'alice' },
  { name: 'bot-of-bob', kind: 'agent', groups: [], owner: 'bob' },
  { name: 'ci', kind: 'service', groups: ['dba'] },
];

export function person(name: string): SamplePerson {
  const found = PEOPLE.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no sample person ${name}`);
  return found;
}

/** Who a token says somebody is. */
export function identityOf(name: string): Identity {
  const { kind, groups, owner } = person(name);
  return {
    name,
    kind,
    issuer: ISSUER,
    subject: `sub-${name}`,
    groups: [...groups],
    ...(owner === undefined ? {} : { onBehalfOf: owner }),
  };
}

/** Somebody with the standing the directory lists, or with another one. */
export function actor(name: string, groups: readonly string[] = person(name).groups): Actor {
  const { kind, owner } = person(name);
  return { identity: identityOf(name), standing: { kind, groups, owner } };
}
