import Provider, { errors, type IssuedToken, type TokenContext } from 'oidc-provider';
import type { Directory, Person } from '#libs/identity/directory.js';
import {
  DEVELOPMENT_CLIENT,
  RESOURCES,
  SIGN_IN_GRANT,
  TOKEN_LIFETIME_S,
  type IdpClients,
} from './clients.js';

/**
 * The OIDC provider of a development stack. People's tokens come from its token endpoint by a grant
 * type that only the development client may use, agents' by client_credentials. There is no login page
 * and nothing of this is part of a service.
 */
export function developmentProvider(
  issuer: string,
  jwks: unknown,
  clients: IdpClients,
  directory: Directory,
): Provider {
  const provider = new Provider(issuer, {
    adapter: NothingStored,
    jwks,
    clients: Object.entries(clients).map(([id, secret]) => ({
      client_id: id,
      client_secret: secret,
      grant_types: [id === DEVELOPMENT_CLIENT ? SIGN_IN_GRANT : 'client_credentials'],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: 'ES256',
    })),
    scopes: ['openid'],
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => resourceServerOf(resource),
      },
    },
    ttl: {
      AccessToken: TOKEN_LIFETIME_S,
      ClientCredentials: TOKEN_LIFETIME_S,
    },
    // Groups and kind as the directory has them when the token is issued.
    extraTokenClaims: async (_context: unknown, token: IssuedToken) => {
      const name = token.accountId ?? token.clientId;
      const person = name === undefined ? undefined : await directory.find(name);
      if (person === undefined) throw new errors.InvalidGrant('the directory knows nobody by that name');
      return claimsOf(person);
    },
  });
  provider.registerGrantType(SIGN_IN_GRANT, (context) => signIn(provider, directory, context), [
    'username',
    'resource',
  ]);
  return provider;
}

/** Tokens are signed JWTs that nobody looks up here again, and there are no sessions: nothing is kept. */
class NothingStored {
  async upsert(): Promise<void> {}
  async find(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  async findByUid(): Promise<undefined> {}
  async consume(): Promise<void> {}
  async destroy(): Promise<void> {}
  async revokeByGrantId(): Promise<void> {}
}

async function signIn(provider: Provider, directory: Directory, context: TokenContext): Promise<void> {
  const { client, params } = context.oidc;
  const { username, resource } = params;
  const person = username === undefined ? undefined : await directory.find(username);
  if (person === undefined || person.kind !== 'human')
    throw new errors.InvalidGrant('username must name a person of the directory');
  if (resource === undefined) throw new errors.InvalidTarget('resource is required');
  const token = new provider.AccessToken({ client, accountId: person.name, gty: SIGN_IN_GRANT });
  token.resourceServer = new provider.ResourceServer(resource, resourceServerOf(resource));
  context.oidc.entity('AccessToken', token);
  const value = await token.save();
  context.body = { access_token: value, expires_in: token.expiration, token_type: token.tokenType };
}

function resourceServerOf(resource: string): unknown {
  const audience = RESOURCES[resource];
  if (audience === undefined) throw new errors.InvalidTarget('no such resource');
  return {
    audience,
    scope: '',
    accessTokenFormat: 'jwt',
    accessTokenTTL: TOKEN_LIFETIME_S,
    jwt: { sign: { alg: 'ES256' } },
  };
}

const claimsOf = (person: Person): Record<string, unknown> => ({
  preferred_username: person.name,
  groups: person.groups,
  countersign_kind: person.kind,
  ...(person.owner === undefined ? {} : { countersign_owner: person.owner }),
  ...(person.slackUserId === undefined ? {} : { slack_user_id: person.slackUserId }),
});
