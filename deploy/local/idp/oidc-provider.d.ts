// oidc-provider carries no types of its own; this names what is used here.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface Client {
    readonly clientId: string;
  }

  export interface TokenContext {
    readonly oidc: {
      readonly client: Client;
      readonly params: Readonly<Record<string, string | undefined>>;
      entity(name: string, value: unknown): void;
    };
    body: unknown;
  }

  export interface IssuedToken {
    readonly accountId?: string;
    readonly clientId?: string;
  }

  export interface AccessToken extends IssuedToken {
    resourceServer: unknown;
    scope: string | undefined;
    readonly expiration: number;
    readonly tokenType: string;
    save(): Promise<string>;
  }

  export default class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    readonly AccessToken: new (fields: {
      client: Client;
      accountId: string;
      gty: string;
      grantId?: string;
    }) => AccessToken;
    readonly ResourceServer: new (identifier: string, info: unknown) => unknown;
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    registerGrantType(
      name: string,
      handler: (context: TokenContext) => Promise<void>,
      parameters: readonly string[],
    ): void;
    on(event: string, listener: (...args: unknown[]) => void): void;
  }

  export const errors: Readonly<Record<'InvalidGrant' | 'InvalidTarget', new (description: string) => Error>>;
}
