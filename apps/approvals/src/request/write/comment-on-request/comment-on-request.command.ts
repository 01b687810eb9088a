import { Command } from '@nestjs/cqrs';
import type { Identity } from '#libs/contracts/identity.js';
import type { Executed } from '../request-executor.js';

export class CommentOnRequestCommand extends Command<Executed> {
  constructor(
    readonly requestId: string,
    readonly author: Identity,
    readonly text: string,
    /** The client's Idempotency-Key; without one the same text again is another comment. */
    readonly key: string | undefined,
  ) {
    super();
  }
}
