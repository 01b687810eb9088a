import { Body, Controller, Delete, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { z } from 'zod';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import { LOGGER } from '#libs/http/tokens.js';
import type { Directory } from '#libs/identity/directory.js';
import type { Logger } from '#libs/observability/logger.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { read } from '../request/http/request-bodies.js';
import { DIRECTORY, POOL } from '../tokens.js';
import { unlink, useCode } from './people/link-queries.js';

export const linkBodySchema = z.strictObject({
  /** The one-time code that Slack has shown to the account's owner only. */
  code: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/, 'must be the code that Slack has shown'),
  /** The account one expects it to be of, so that nobody links a stranger's by mistake. */
  slackUser: z.string().regex(/^[UW][A-Z0-9]{1,30}$/, 'must be a Slack user id such as U0123456789'),
});

/** Links the Slack account that asked for a code to whoever is signed in. */
@Controller('v1/slack/links')
export class SlackLinksController {
  constructor(
    @Inject(POOL) private readonly pool: DatabasePool,
    @Inject(DIRECTORY) private readonly directory: Directory,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Post()
  @HttpCode(200)
  async link(@Req() { identity }: Authenticated, @Body() body: unknown): Promise<object> {
    const { code, slackUser } = read(linkBodySchema, body);
    if (identity.kind !== 'human') throw refused('agent', 403, 'Only people link a Slack account.');
    const person = await this.directory.find(identity.name);
    if (person === undefined) throw refused('unknown-person', 403, 'The directory does not know you.');
    if (person.slackUserId !== undefined && person.slackUserId !== slackUser)
      throw refused('another-account', 409, 'The directory lists you under another Slack account.');
    const owners = await this.directory.findBySlackUserId(slackUser);
    if (owners.some(({ name }) => name !== identity.name))
      throw refused('another-person', 409, 'The directory lists this Slack account for somebody else.');
    const linked = await useCode(this.pool, code, slackUser, identity);
    switch (linked.kind) {
      case 'unknown-code':
        throw refused('unknown-code', 404, 'The code is not known, was used, or is older than 10 minutes.');
      case 'another-account':
        throw refused(
          'another-account',
          409,
          'The code was given to another Slack account than the one named.',
        );
      case 'already-linked':
        throw refused('already-linked', 409, 'You, or this Slack account, are linked already: unlink first.');
      case 'linked':
        this.logger.info(
          { name: identity.name, slackUser, team: linked.account.team },
          'a Slack account is linked',
        );
        return {
          name: identity.name,
          slackUser,
          slackName: linked.account.slackName,
          team: linked.account.team,
        };
    }
  }

  @Delete()
  @HttpCode(200)
  async unlink(@Req() { identity }: Authenticated): Promise<object> {
    const unlinked = await unlink(this.pool, identity.name);
    if (unlinked) this.logger.info({ name: identity.name }, 'a Slack account is unlinked');
    return { unlinked };
  }
}

const refused = (code: string, status: number, title: string): ProblemException =>
  new ProblemException(code, status, title, undefined, { code });
