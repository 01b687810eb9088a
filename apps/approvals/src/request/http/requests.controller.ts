import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { CommandBus, type Command } from '@nestjs/cqrs';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { isUuid } from '#libs/kernel/uuid.js';
import type { FoundRequest } from '../read/request-queries.js';
import { CastVoteCommand } from '../write/cast-vote/cast-vote.command.js';
import { CommentOnRequestCommand } from '../write/comment-on-request/comment-on-request.command.js';
import type { Executed } from '../write/request-executor.js';
import { RevokeGrantCommand } from '../write/revoke-grant/revoke-grant.command.js';
import { channelOf } from './channel.js';
import { etagOf, versionOf } from './etag.js';
import { askThroughTheGateway, problemOf, unknownRequest } from './refusal-problem.js';
import {
  commentBodySchema,
  idempotencyKeySchema,
  listQuerySchema,
  read,
  revokeBodySchema,
  voteBodySchema,
} from './request-bodies.js';
import { RequestReader } from './request-reader.js';

interface Reply {
  header(name: string, value: string): unknown;
}

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

  /** What an approval binds is read from the server by the gateway, so nothing can be asked without it. */
  @Post()
  ask(): never {
    throw askThroughTheGateway();
  }

  @Get(':id')
  async show(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<object> {
    return this.answer(reply, await this.reader.visible(identity, requestId(id)));
  }

  @Post(':id/votes')
  @HttpCode(200)
  async vote(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: Reply,
    @Headers('idempotency-key') key?: string,
    @Headers('if-match') ifMatch?: string,
    @Headers('user-agent') agent?: string,
  ): Promise<object> {
    const { decision, reason, maxRows } = read(voteBodySchema, body);
    if (decision === 'deny' && (reason === undefined || reason.trim() === ''))
      throw problemOf({ code: 'reason-required', message: 'A denial needs a reason.' });
    const voted = requestId(id);
    await this.dispatch(
      new CastVoteCommand({
        requestId: voted,
        voter: identity,
        decision,
        reason,
        maxRows: decision === 'approve' ? maxRows : undefined,
        channel: channelOf(agent),
        key: keyOf(key),
        expectedVersion: versionOf(ifMatch),
      }),
    );
    return this.answer(reply, await this.reader.visible(identity, voted));
  }

  @Post(':id/comments')
  @HttpCode(200)
  async comment(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: Reply,
    @Headers('idempotency-key') key?: string,
  ): Promise<object> {
    const { text } = read(commentBodySchema, body);
    await this.dispatch(new CommentOnRequestCommand(requestId(id), identity, text, keyOf(key)));
    return this.answer(reply, await this.reader.visible(identity, id));
  }

  @Post(':id/revoke')
  @HttpCode(200)
  async revoke(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: Reply,
    @Headers('idempotency-key') key?: string,
  ): Promise<object> {
    const { reason } = read(revokeBodySchema, body ?? {});
    await this.dispatch(new RevokeGrantCommand(requestId(id), identity, reason, keyOf(key)));
    return this.answer(reply, await this.reader.visible(identity, id));
  }

  private answer(reply: Reply, request: FoundRequest): Promise<object> {
    reply.header('etag', etagOf(request));
    return this.reader.document(request);
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
