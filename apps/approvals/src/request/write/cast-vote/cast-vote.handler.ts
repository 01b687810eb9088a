import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Directory } from '#libs/identity/directory.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { DIRECTORY, EXECUTOR, NEW_ID, POOL } from '../../../tokens.js';
import { findRequest } from '../../read/request-queries.js';
import { actorOf } from '../../read/viewer.js';
import { clientKey } from '../client-key.js';
import type { Executed, RequestExecutor } from '../request-executor.js';
import { CastVoteCommand } from './cast-vote.command.js';

/** Judges a vote by the groups the directory lists now, not by those of the token. */
@CommandHandler(CastVoteCommand)
export class CastVoteHandler implements ICommandHandler<CastVoteCommand> {
  constructor(
    @Inject(EXECUTOR) private readonly executor: RequestExecutor,
    @Inject(DIRECTORY) private readonly directory: Directory,
    @Inject(POOL) private readonly pool: DatabasePool,
    @Inject(NEW_ID) private readonly newId: () => string,
  ) {}

  async execute({ vote }: CastVoteCommand): Promise<Executed> {
    const { requestId, voter, decision, reason, maxRows, channel, expectedVersion } = vote;
    const request = await findRequest(this.pool, requestId);
    const requester = request === undefined ? undefined : await this.directory.find(request.view.requester);
    // The vote, what it completes, then the decision that follows from it.
    const eventIds = [this.newId(), this.newId()];
    const decisionId = this.newId();
    return this.executor.execute(
      requestId,
      {
        type: 'cast-vote',
        voter: await actorOf(this.directory, voter),
        requesterOwner: requester?.owner,
        decision,
        reason,
        maxRows,
        channel,
        decisionId,
      },
      { identity: voter, eventIds },
      clientKey(voter.name, vote.key, [
        'vote',
        requestId,
        decision,
        reason ?? null,
        ...(maxRows === undefined ? [] : [maxRows]),
      ]),
      expectedVersion,
    );
  }
}
