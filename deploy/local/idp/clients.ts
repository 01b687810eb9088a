/** Client id to secret. The development client signs people in; an agent has a client of its own. */
export type IdpClients = Readonly<Record<string, string>>;
export const DEVELOPMENT_CLIENT = 'countersign-development';
export const AGENT_CLIENT = 'etl-agent';

/** What tokens are for: the resource a client asks for (RFC 8707) and the audience it becomes. */
export const GATEWAY_RESOURCE = 'urn:countersign:gateway';
export const API_RESOURCE = 'urn:countersign:api';
export const RESOURCES: Readonly<Record<string, string>> = {
  [GATEWAY_RESOURCE]: 'countersign-gateway',
  [API_RESOURCE]: 'countersign-api',
};

/** The development sign-in: the development client names a person of the directory. */
export const SIGN_IN_GRANT = 'urn:countersign:grant-type:development-sign-in';

export const TOKEN_LIFETIME_S = 12 * 3600;
