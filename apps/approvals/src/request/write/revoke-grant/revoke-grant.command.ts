import { Command } from '@nestjs/cqrs';
import type { Identity } from '#libs/contracts/identity.js';
import type { Executed } from '../request-executor.js';

export class RevokeGrantCommand extends Command<Executed> {
  constructor(
    readonly requestId: string,
    readonly by: Identity,
    readonly reason: string | undefined,
    /** The client's Idempotency-Key. */
    readonly key: string | undefined,
  ) {
    super();
  }
}
