import { createPublicKey } from 'node:crypto';
import { isUuid } from '#libs/kernel/uuid.js';
import { keyIdOf } from './event-signature.js';

/** The gateways each key may speak for, by key id. A key that is not in it may speak for any. */
export type GatewayTies = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Reads them from the file of gateway keys: lines `gateway: <id>[, <id>…]` before a PEM block tie its key to
 * these gateways. Throws an Error of one line when one is no UUID or the last stands before no key.
 */
export function parseGatewayTies(text: string): GatewayTies {
  const ties = new Map<string, Set<string>>();
  const parts = text.split(/(-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----)/);
  for (let index = 0; index < parts.length; index += 2) {
    const ids = [...(parts[index] as string).matchAll(/^gateway:(.*)$/gm)].flatMap(([, list]) =>
      (list as string).split(',').map((id) => id.trim()),
    );
    if (ids.length === 0) continue;
    const wrong = ids.find((id) => !isUuid(id));
    if (wrong !== undefined) throw new Error(`gateway: "${wrong.slice(0, 64)}" is not the id of a gateway`);
    const block = parts[index + 1];
    if (block === undefined) throw new Error('gateway: there is no key behind the last of these lines');
    const keyId = keyIdOf(createPublicKey(block));
    ties.set(keyId, new Set([...(ties.get(keyId) ?? []), ...ids]));
  }
  return ties;
}

export const speaksFor = (ties: GatewayTies, keyId: string, gatewayId: string): boolean =>
  ties.get(keyId)?.has(gatewayId) ?? true;
