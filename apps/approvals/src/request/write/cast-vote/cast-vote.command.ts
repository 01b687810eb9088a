import { Command } from '@nestjs/cqrs';
import type { Identity } from '#libs/contracts/identity.js';
import type { Executed } from '../request-executor.js';

export interface VoteToCast {
  readonly requestId: string;
  /** Who votes, as verified by the way the vote came; their groups are looked up in the directory. */
  readonly voter: Identity;
  readonly decision: 'approve' | 'deny';
  /** Required for a denial. */
  readonly reason?: string | undefined;
  /** Approves for so many rows at most; of several approvals the lowest counts. */
  readonly maxRows?: number | undefined;
  /** The way it came: `api`, `cli`, `slack`. Stands in the event. */
  readonly channel?: string | undefined;
  /** The client's key (Idempotency-Key, the id of a click): the same one again changes nothing. */
  readonly key?: string | undefined;
  /** Refused as `stale` where the request has another version by now; undefined: whatever it is. */
  readonly expectedVersion?: number | undefined;
}

export class CastVoteCommand extends Command<Executed> {
  constructor(readonly vote: VoteToCast) {
    super();
  }
}
