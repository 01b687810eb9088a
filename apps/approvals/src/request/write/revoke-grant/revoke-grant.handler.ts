import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Directory } from '#libs/identity/directory.js';
import { DIRECTORY, EXECUTOR } from '../../../tokens.js';
import { actorOf } from '../../read/viewer.js';
import { clientKey } from '../client-key.js';
import type { Executed, RequestExecutor } from '../request-executor.js';
import { RevokeGrantCommand } from './revoke-grant.command.js';

@CommandHandler(RevokeGrantCommand)
export class RevokeGrantHandler implements ICommandHandler<RevokeGrantCommand> {
  constructor(
    @Inject(EXECUTOR) private readonly executor: RequestExecutor,
    @Inject(DIRECTORY) private readonly directory: Directory,
  ) {}

  async execute({ requestId, by, reason, key }: RevokeGrantCommand): Promise<Executed> {
    return this.executor.execute(
      requestId,
      { type: 'revoke', by: await actorOf(this.directory, by), reason },
      { identity: by },
      clientKey(by.name, key, ['revoke', requestId, reason ?? null]),
    );
  }
}
