import { Body, Controller, Delete, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { z } from 'zod';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import { LOGGER } from '#libs/http/tokens.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { Directory } from '#libs/identity/directory.js';
import type { Logger } from '#libs/observability/logger.js';
import { read } from '../request/http/request-bodies.js';
import type { RequestExecutor } from '../request/write/request-executor.js';
import type { RequestUnit } from '../request/write/request-unit.js';
import { DIRECTORY, EXECUTOR, NEW_ID } from '../tokens.js';
import { unlink, useCode, type SlackAccount } from './people/link-queries.js';

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
    @Inject(EXECUTOR) private readonly executor: RequestExecutor,
    @Inject(DIRECTORY) private readonly directory: Directory,
    @Inject(NEW_ID) private readonly newId: () => string,
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
    const linked = await this.executor.transact(async (unit, tx) => {
      const done = await useCode(tx, code, slackUser, identity);
      if (done.kind === 'linked') this.record(unit, 'slack-account.linked', done.account, identity);
      return done;
    });
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
    const unlinked = await this.executor.transact(async (unit, tx) => {
      const account = await unlink(tx, identity.name);
      if (account !== undefined) this.record(unit, 'slack-account.unlinked', account, identity);
      return account !== undefined;
    });
    if (unlinked) this.logger.info({ name: identity.name }, 'a Slack account is unlinked');
    return { unlinked };
  }

  /** In the transaction of the link itself: the ledger has one where the table has the other. */
  private record(
    unit: RequestUnit,
    type: 'slack-account.linked' | 'slack-account.unlinked',
    account: Pick<SlackAccount, 'team' | 'slackUser'>,
    identity: Identity,
  ): void {
    const key = `${account.team}/${account.slackUser}`;
    unit.publish({ id: this.newId(), type, key, identity, place: undefined, fields: { ...account } });
  }
}

const refused = (code: string, status: number, title: string): ProblemException =>
  new ProblemException(code, status, title, undefined, { code });
