import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { CommandBus, type Command } from '@nestjs/cqrs';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import { isUuid } from '#libs/kernel/uuid.js';
import { CastVoteCommand } from '../write/cast-vote/cast-vote.command.js';
import { CommentOnRequestCommand } from '../write/comment-on-request/comment-on-request.command.js';
import type { Executed } from '../write/request-executor.js';
import { RevokeGrantCommand } from '../write/revoke-grant/revoke-grant.command.js';
import { problemOf, unknownRequest } from './refusal-problem.js';
import {
  commentBodySchema,
  idempotencyKeySchema,
  listQuerySchema,
  read,
  revokeBodySchema,
  voteBodySchema,
} from './request-bodies.js';
import { RequestReader } from './request-reader.js';

/** What people and programs do with requests. Who they are comes from the token alone. */
@Controller('v1/requests')
export class RequestsController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(RequestReader) private readonly reader: RequestReader,
  ) {}

  @Get()
  list(@Req() { identity }: Authenticated, @Query() query: unknown): Promise<object> {
    return this.reader.list(identity, read(listQuerySchema, query));
  }

  @Get(':id')
  show(@Req() { identity }: Authenticated, @Param('id') id: string): Promise<object> {
    return this.reader.show(identity, requestId(id));
  }

  @Post(':id/votes')
  @HttpCode(200)
  async vote(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('idempotency-key') key?: string,
  ): Promise<object> {
    const { decision, reason, maxRows } = read(voteBodySchema, body);
    if (decision === 'deny' && (reason === undefined || reason.trim() === ''))
      throw problemOf({ code: 'reason-required', message: 'A denial needs a reason.' });
    if (maxRows !== undefined) {
      throw new ProblemException(
        'max-rows-unsupported',
        422,
        'Row ceilings are not available yet',
        'This version of the gateway cannot hold an approval to a number of rows: vote without maxRows.',
        { code: 'max-rows-unsupported' },
      );
    }
    const command = new CastVoteCommand(requestId(id), identity, decision, reason, keyOf(key));
    await this.dispatch(command);
    return this.reader.show(identity, command.requestId);
  }

  @Post(':id/comments')
  @HttpCode(200)
  async comment(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('idempotency-key') key?: string,
  ): Promise<object> {
    const { text } = read(commentBodySchema, body);
    await this.dispatch(new CommentOnRequestCommand(requestId(id), identity, text, keyOf(key)));
    return this.reader.show(identity, id);
  }

  @Post(':id/revoke')
  @HttpCode(200)
  async revoke(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('idempotency-key') key?: string,
  ): Promise<object> {
    const { reason } = read(revokeBodySchema, body ?? {});
    await this.dispatch(new RevokeGrantCommand(requestId(id), identity, reason, keyOf(key)));
    return this.reader.show(identity, id);
  }

  private async dispatch(command: Command<Executed>): Promise<void> {
    const executed = await this.commands.execute(command);
    if (!executed.ok) throw problemOf(executed.refusal);
  }
}

function requestId(id: string): string {
  if (!isUuid(id)) throw unknownRequest();
  return id;
}

const keyOf = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : read(idempotencyKeySchema, header);
