import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Identity } from '#libs/contracts/identity.js';
import type { TokenVerifier } from '#libs/identity/token-verifier.js';
import { ProblemException } from './problem.js';
import { PUBLIC_ROUTE } from './public.decorator.js';
import { TOKEN_VERIFIER } from './tokens.js';

/** A request that passed BearerGuard. */
export interface Authenticated {
  identity: Identity;
}

/** Deny by default: every route that is not marked Public needs a valid bearer token (RFC 6750). */
@Injectable()
export class BearerGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(TOKEN_VERIFIER) private readonly verifier: TokenVerifier,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC_ROUTE, [context.getHandler(), context.getClass()]))
      return true;
    const request = context
      .switchToHttp()
      .getRequest<{ headers: Record<string, string | undefined> } & Partial<Authenticated>>();
    const token = /^Bearer ([A-Za-z0-9._~+/=-]{1,16384})$/i.exec(request.headers['authorization'] ?? '')?.[1];
    if (token === undefined) {
      throw new ProblemException(
        'unauthenticated',
        401,
        'A bearer token is needed',
        'Send "Authorization: Bearer <token>".',
      );
    }
    const verified = await this.verifier.verify(token);
    if (!verified.ok && verified.unavailable === true)
      throw new ProblemException(
        'identity-unavailable',
        503,
        'Nobody can be identified now',
        verified.problem,
      );
    if (!verified.ok)
      throw new ProblemException('unauthenticated', 401, 'The token is not valid', verified.problem);
    request.identity = verified.identity;
    return true;
  }
}
