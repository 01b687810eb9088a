import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { identityKinds, type Identity } from '#libs/contracts/identity.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';

export type Verified =
  | { ok: true; identity: Identity; expiresAt: number }
  /** `unavailable`: the token was not judged, because the issuer's keys cannot be had right now. */
  | { ok: false; problem: string; unavailable?: true };

export interface TokenVerifier {
  /** Verifies a JWT access token. A token that is not good is a value; never throws for what a client sent. */
  verify(token: string): Promise<Verified>;
}

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer publishes its keys; fetched once, then again for an unknown key id (at most every 30 s). */
  readonly jwksUri: string;
}

/** Asymmetric algorithms only: `none` and shared secrets are never accepted (RFC 8725). */
const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'PS256', 'RS256'];

/** Seconds of skew between the issuer's clock and ours. */
const CLOCK_TOLERANCE = 30;

export const createTokenVerifier = (options: TokenVerifierOptions): TokenVerifier =>
  verifierWithKeys(options, createRemoteJWKSet(new URL(options.jwksUri), { timeoutDuration: 5_000 }));

export function verifierWithKeys(
  options: Pick<TokenVerifierOptions, 'issuer' | 'audience'>,
  keys: JWTVerifyGetKey,
): TokenVerifier {
  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer: options.issuer,
          audience: options.audience,
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_TOLERANCE,
          requiredClaims: ['sub', 'exp'],
        });
        return identityOf(payload, options.issuer);
      } catch (error) {
        return refusalOf(error);
      }
    },
  };
}

/**
 * A verifier that finds the issuer's keys by discovery when the first token comes, so that a service
 * starts without its identity provider. Until the keys are known every token is refused as unavailable;
 * a failed discovery is tried again with a later token, at most once a second.
 */
export function discoveringVerifier(
  options: Pick<TokenVerifierOptions, 'issuer' | 'audience'>,
  discover: (issuer: string) => Promise<string> = discoverJwksUri,
  monotonic: () => number = () => performance.now(),
): TokenVerifier {
  let verifier: Promise<TokenVerifier> | undefined;
  let failedAt = -Infinity;
  let failure: unknown;
  const found = (): Promise<TokenVerifier> => {
    if (verifier === undefined && monotonic() - failedAt < 1_000) return Promise.reject(failure);
    verifier ??= discover(options.issuer).then(
      (jwksUri) => createTokenVerifier({ ...options, jwksUri }),
      (error: unknown) => {
        verifier = undefined;
        failedAt = monotonic();
        failure = error;
        throw error;
      },
    );
    return verifier;
  };
  return {
    async verify(token) {
      let ready: TokenVerifier;
      try {
        ready = await found();
      } catch (error) {
        return refusalOf(error);
      }
      return ready.verify(token);
    },
  };
}

/**
 * Claims: `preferred_username` (else `sub`) is the name, `groups` the groups, `countersign_kind` one of
 * human, service, agent (absent: human), `countersign_owner` an agent's owner. An agent without an owner
 * is refused: nobody would be barred from approving its work.
 */
function identityOf(payload: JWTPayload, issuer: string): Verified {
  const subject = payload.sub as string;
  const name = payload['preferred_username'] ?? subject;
  const kind = payload['countersign_kind'] ?? 'human';
  const groups = payload['groups'] ?? [];
  const owner = payload['countersign_owner'];
  if (typeof name !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(name))
    return { ok: false, problem: 'the token names nobody' };
  if (!identityKinds.includes(kind as Identity['kind']))
    return { ok: false, problem: 'the token has an unknown countersign_kind' };
  if (
    !Array.isArray(groups) ||
    groups.length > 200 ||
    groups.some((group) => typeof group !== 'string' || group === '' || group.length > 256)
  ) {
    return { ok: false, problem: 'the token has no usable list of groups' };
  }
  if (owner !== undefined && (typeof owner !== 'string' || owner === ''))
    return { ok: false, problem: 'the token has an unusable countersign_owner' };
  if (kind === 'agent' && owner === undefined)
    return { ok: false, problem: 'an agent needs an owner (countersign_owner)' };
  const identity: Identity = {
    name,
    kind: kind as Identity['kind'],
    issuer,
    subject,
    groups: groups as string[],
    ...(owner === undefined ? {} : { onBehalfOf: owner }),
  };
  return { ok: true, identity, expiresAt: (payload.exp as number) * 1000 };
}

function refusalOf(error: unknown): Verified {
  if (error instanceof errors.JWTExpired)
    return { ok: false, problem: 'the token has expired: get a new one' };
  if (error instanceof errors.JWTClaimValidationFailed)
    return { ok: false, problem: `the token's claim "${error.claim}" is not the one expected here` };
  if (error instanceof errors.JOSEError && !KEYS_UNREADABLE.includes(error.code))
    return { ok: false, problem: 'the token is not one of ours' };
  return {
    ok: false,
    unavailable: true,
    problem: `the identity provider's keys cannot be read: ${messageOf(error)}`,
  };
}

/** What jose says when the key set did not come, or came as something else: no verdict on the token. */
const KEYS_UNREADABLE = ['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID'];

/** The issuer's discovery document names its keys (OpenID Connect Discovery 1.0, section 4). */
export async function discoverJwksUri(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    const document = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
    if (document.issuer === issuer && typeof document.jwks_uri === 'string') return document.jwks_uri;
  } catch (cause) {
    throw new CodedError('IDP_UNREACHABLE', `the identity provider does not answer at ${url}`, {
      cause,
      safeToRetry: true,
    });
  }
  throw new CodedError('IDP_INVALID', `${url} is not the discovery document of ${issuer}`);
}
