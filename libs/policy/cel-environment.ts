import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { Environment } from '@marcbachmann/cel-js';
import { CEL_LIMITS } from './cel-limits.js';
import { IdentityFacts, SessionFacts, StatementFacts, TargetFacts, TimeFacts } from './facts.js';

const TEXTS = 'list<string>';

/** The CEL environment of every rule: these five variables, nothing undeclared, bounded in size. */
export const environment = new Environment({
  unlistedVariablesAreDyn: false,
  limits: CEL_LIMITS,
})
  .registerType('Statement', {
    ctor: StatementFacts,
    fields: {
      kind: 'string',
      kinds: TEXTS,
      category: 'string',
      reads: TEXTS,
      writes: TEXTS,
      tables: TEXTS,
      functions: TEXTS,
      columns: TEXTS,
      personalData: TEXTS,
      userFunctions: TEXTS,
      settings: TEXTS,
      traits: TEXTS,
      bounded: 'bool',
      incomplete: 'bool',
      incompleteReason: 'string',
      fingerprint: 'string',
      tags: 'map<string, string>',
    },
  })
  .registerType('Identity', {
    ctor: IdentityFacts,
    fields: {
      name: 'string',
      kind: 'string',
      groups: TEXTS,
      onBehalfOf: 'string',
      issuer: 'string',
      subject: 'string',
    },
  })
  .registerType('Target', {
    ctor: TargetFacts,
    fields: { name: 'string', kind: 'string', environment: 'string', database: 'string' },
  })
  .registerType('Session', {
    ctor: SessionFacts,
    fields: { applicationName: 'string', clientAddress: 'string', insideTransaction: 'bool' },
  })
  .registerType('Time', {
    ctor: TimeFacts,
    fields: { hour: 'int', minute: 'int', weekday: 'int', date: 'string', iso: 'string' },
  })
  .registerVariable('statement', 'Statement')
  .registerVariable('identity', 'Identity')
  .registerVariable('target', 'Target')
  .registerVariable('session', 'Session')
  .registerVariable('time', 'Time')
  .registerFunction(
    'Statement.tag(string): string',
    (statement: StatementFacts, name: string) => statement.tags.get(name) ?? '',
  )
  .registerFunction('string.inNetwork(string): bool', inNetwork);

const networks = new Map<string, BlockList>();

/**
 * Whether an address lies in a network such as 10.0.0.0/8; an IPv4 address that is written as IPv6 counts
 * as what it is. Throws for a network that is none; an address that is none lies nowhere.
 */
export function inNetwork(address: string, network: string): boolean {
  const list = networks.get(network) ?? readNetwork(network);
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIPv4(plain)) return list.check(plain, 'ipv4');
  return isIPv6(plain) && list.check(plain, 'ipv6');
}

/** Kept: networks stand in policies, so there are few; a policy that makes them up pays for itself. */
function readNetwork(network: string): BlockList {
  const [, base = '', prefix = ''] = /^([0-9A-Fa-f.:]+)\/([0-9]{1,3})$/.exec(network) ?? [];
  const family = isIPv4(base) ? 'ipv4' : 'ipv6';
  if ((family === 'ipv6' && !isIPv6(base)) || Number(prefix) > (family === 'ipv4' ? 32 : 128))
    throw new TypeError(`${network} is not a network such as 10.0.0.0/8`);
  const list = new BlockList();
  list.addSubnet(base, Number(prefix), family);
  if (networks.size < 1_000) networks.set(network, list);
  return list;
}
