import type { Identity } from '#libs/contracts/identity.js';
import type { TokenVerifier } from '#libs/identity/token-verifier.js';
import { SessionRefused } from './refusal.js';

/**
 * Who the client is: the token's own name, which must be the user it connects as. Throws SessionRefused
 * (28P01) with a reason that tells the owner of a token what to do and a stranger nothing.
 */
export async function authenticate(verifier: TokenVerifier, user: string, token: string): Promise<Identity> {
  const verified = await verifier.verify(token);
  if (!verified.ok && verified.unavailable === true)
    throw new SessionRefused('57P03', `nobody can log in now: ${verified.problem}`);
  if (!verified.ok)
    throw new SessionRefused('28P01', `login failed for user "${user}": ${verified.problem}`, {
      hint: 'The password is a token of the identity provider for audience countersign-gateway.',
    });
  if (verified.identity.name !== user)
    throw new SessionRefused('28P01', `login failed for user "${user}": the token belongs to somebody else`);
  return verified.identity;
}
