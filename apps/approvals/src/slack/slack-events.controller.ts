import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemException } from '#libs/http/problem.js';
import { Public } from '#libs/http/public.decorator.js';
import { LOGGER } from '#libs/http/tokens.js';
import type { Logger } from '#libs/observability/logger.js';
import { SLACK } from '../tokens.js';
import { checkSignature } from './signature.js';
import type { Slack } from './start-slack.js';

interface RawRequest {
  readonly rawBody?: Buffer;
  readonly raw: IncomingMessage & { rawBody?: Buffer };
}
interface RawReply {
  hijack(): void;
  readonly raw: ServerResponse;
}

/** Where Slack delivers events and interactivity. Slack's signature stands in for a token. */
@Controller('slack')
export class SlackEventsController {
  constructor(
    @Inject(SLACK) private readonly slack: Slack | undefined,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Public()
  @Post('events')
  events(@Req() request: RawRequest, @Res() reply: RawReply): void {
    const { listener, signingSecret, now } = this.slack?.http ?? {};
    if (listener === undefined || signingSecret === undefined || now === undefined)
      throw new ProblemException('no-slack', 404, 'Slack is not configured here over HTTP');
    const { headers } = request.raw;
    const body = request.rawBody ?? Buffer.alloc(0);
    const checked = checkSignature(
      {
        timestamp: one(headers['x-slack-request-timestamp']),
        signature: one(headers['x-slack-signature']),
        body,
      },
      signingSecret,
      now(),
    );
    if (!checked.ok) {
      this.logger.warn({ why: checked.why }, 'a request to /slack/events is refused');
      throw new ProblemException('bad-signature', 401, 'The signature is not valid', undefined, {
        code: checked.why,
      });
    }
    reply.hijack();
    listener(Object.assign(request.raw, { rawBody: body }), reply.raw);
  }
}

const one = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? header : undefined;
