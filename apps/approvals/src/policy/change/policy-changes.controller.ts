import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { z } from 'zod';
import type { Identity } from '#libs/contracts/identity.js';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import type { Directory } from '#libs/identity/directory.js';
import { isUuid } from '#libs/kernel/uuid.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { channelOf } from '../../request/http/channel.js';
import { problemOf } from '../../request/http/refusal-problem.js';
import { idempotencyKeySchema, read, reasonSchema } from '../../request/http/request-bodies.js';
import { actorOf, viewerOf, type Viewer } from '../../request/read/viewer.js';
import { DIRECTORY, POLICY_CHANGES, POOL } from '../../tokens.js';
import { wholeChange } from './change-document.js';
import { changeStatuses } from './domain/change-state.js';
import { listChanges, maySeeChange } from './list-changes.js';
import type { PolicyChanges } from './policy-changes.js';

export const proposalBodySchema = z.strictObject({
  text: z.string().min(1).max(262_144),
  reason: reasonSchema.optional(),
});

export const changeVoteBodySchema = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  reason: reasonSchema.optional(),
});

const listQuerySchema = z.strictObject({ state: z.enum(changeStatuses).optional() });

/** Changes of policy that wait for, or had, signatures. Who somebody is comes from the token alone. */
@Controller('v1/policy/changes')
export class PolicyChangesController {
  constructor(
    @Inject(POLICY_CHANGES) private readonly changes: PolicyChanges,
    @Inject(POOL) private readonly pool: DatabasePool,
    @Inject(DIRECTORY) private readonly directory: Directory,
  ) {}

  @Get()
  async list(@Req() { identity }: Authenticated, @Query() query: unknown): Promise<object> {
    const { state } = read(listQuerySchema, query);
    return { changes: await listChanges(this.pool, await this.viewer(identity), state) };
  }

  @Post()
  @HttpCode(201)
  async propose(@Req() { identity }: Authenticated, @Body() body: unknown): Promise<object> {
    const { text, reason } = read(proposalBodySchema, body);
    const proposed = await this.changes.propose(identity, text, reason);
    if (!proposed.ok) throw problemOf(proposed.refusal);
    return this.visible(identity, proposed.id);
  }

  @Get(':id')
  show(@Req() { identity }: Authenticated, @Param('id') id: string): Promise<object> {
    return this.visible(identity, id);
  }

  @Post(':id/votes')
  @HttpCode(200)
  async vote(
    @Req() { identity }: Authenticated,
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('idempotency-key') key?: string,
    @Headers('user-agent') agent?: string,
  ): Promise<object> {
    const { decision, reason } = read(changeVoteBodySchema, body);
    if (!isUuid(id)) throw unknownChange();
    const voted = await this.changes.vote({
      id,
      voter: identity,
      decision,
      reason,
      channel: channelOf(agent),
      key: key === undefined ? undefined : read(idempotencyKeySchema, key),
    });
    if (!voted.ok) throw problemOf(voted.refusal);
    return this.visible(identity, id);
  }

  private async visible(identity: Identity, id: string): Promise<object> {
    if (!isUuid(id)) throw unknownChange();
    const { state } = await this.changes.find(id);
    if (state === undefined) throw unknownChange();
    if (!maySeeChange(await this.viewer(identity), state))
      throw new ProblemException(
        'not-yours',
        403,
        'This change of policy is not yours to see',
        'Authors see their own, reviewers those they may sign, compliance all.',
        { code: 'not-yours' },
      );
    return wholeChange(id, state);
  }

  private async viewer(identity: Identity): Promise<Viewer> {
    return viewerOf(await actorOf(this.directory, identity));
  }
}

const unknownChange = (): ProblemException =>
  problemOf({ code: 'unknown-change', message: 'There is no such change of policy.' });
