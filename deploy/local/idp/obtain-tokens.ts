import { readFile } from 'node:fs/promises';
import * as oidc from 'openid-client';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import type { Person } from '#libs/identity/directory.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import {
  API_RESOURCE,
  DEVELOPMENT_CLIENT,
  GATEWAY_RESOURCE,
  SIGN_IN_GRANT,
  type IdpClients,
} from './clients.js';

/** Asks the identity provider's token endpoint for everybody's two tokens, as their own clients would. */
export async function obtainTokens(
  issuer: string,
  clientsFile: string,
  people: readonly Person[],
): Promise<ReadyFile['identities']> {
  const clients = JSON.parse(await readFile(clientsFile, 'utf8')) as IdpClients;
  const configuration = async (client: string): Promise<oidc.Configuration> => {
    const secret = clients[client];
    if (secret === undefined)
      throw new CodedError('NO_CLIENT', `${clientsFile} has no secret of the client ${client}`);
    return oidc.discovery(new URL(issuer), client, secret, undefined, {
      execute: [oidc.allowInsecureRequests],
    });
  };
  try {
    const development = await configuration(DEVELOPMENT_CLIENT);
    return await Promise.all(
      people.map(async (person) => {
        const human = person.kind === 'human';
        const client = human ? development : await configuration(person.name);
        const [password, token] = await Promise.all(
          [GATEWAY_RESOURCE, API_RESOURCE].map(async (resource) =>
            human
              ? oidc.genericGrantRequest(client, SIGN_IN_GRANT, { username: person.name, resource })
              : oidc.clientCredentialsGrant(client, { resource }),
          ),
        );
        return {
          name: person.name,
          groups: person.groups,
          password: password?.access_token ?? '',
          token: token?.access_token ?? '',
          ...(person.slackUserId === undefined ? {} : { slackUserId: person.slackUserId }),
        };
      }),
    );
  } catch (cause) {
    throw new CodedError(
      'NO_TOKENS',
      `the identity provider at ${issuer} gave no tokens: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}
