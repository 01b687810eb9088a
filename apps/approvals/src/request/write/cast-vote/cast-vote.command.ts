import { Command } from '@nestjs/cqrs';
import type { Identity } from '#libs/contracts/identity.js';
import type { Executed } from '../request-executor.js';

export class CastVoteCommand extends Command<Executed> {
  constructor(
    readonly requestId: string,
    readonly voter: Identity,
    readonly decision: 'approve' | 'deny',
    readonly reason: string | undefined,
    /** The client's Idempotency-Key. */
    readonly key: string | undefined,
  ) {
    super();
  }
}
