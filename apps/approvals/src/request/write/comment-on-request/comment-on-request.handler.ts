import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Directory } from '#libs/identity/directory.js';
import { DIRECTORY, EXECUTOR } from '../../../tokens.js';
import { actorOf } from '../../read/viewer.js';
import { clientKey } from '../client-key.js';
import type { Executed, RequestExecutor } from '../request-executor.js';
import { CommentOnRequestCommand } from './comment-on-request.command.js';

@CommandHandler(CommentOnRequestCommand)
export class CommentOnRequestHandler implements ICommandHandler<CommentOnRequestCommand> {
  constructor(
    @Inject(EXECUTOR) private readonly executor: RequestExecutor,
    @Inject(DIRECTORY) private readonly directory: Directory,
  ) {}

  async execute({ requestId, author, text, key }: CommentOnRequestCommand): Promise<Executed> {
    return this.executor.execute(
      requestId,
      { type: 'comment', author: await actorOf(this.directory, author), text },
      { identity: author },
      key === undefined ? undefined : clientKey(author.name, key, ['comment', requestId, text]),
    );
  }
}
