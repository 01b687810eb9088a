import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { BearerGuard } from '#libs/http/bearer.guard.js';
import { OperationsController } from '#libs/http/operations.controller.js';
import { ProblemFilter } from '#libs/http/problem.filter.js';
import { HEALTH, LOGGER, METRICS, TOKEN_VERIFIER } from '#libs/http/tokens.js';
import type { Directory } from '#libs/identity/directory.js';
import type { TokenVerifier } from '#libs/identity/token-verifier.js';
import type { Health } from '#libs/observability/health.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Registry } from '#libs/observability/metrics.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { PolicyChangesController } from './policy/change/policy-changes.controller.js';
import type { PolicyChanges } from './policy/change/policy-changes.js';
import { PolicyController } from './policy/policy.controller.js';
import type { PolicyShelf } from './policy/policy-shelf.js';
import { ExplanationController } from './request/http/explanation.controller.js';
import { OpenApiController } from './request/http/openapi.controller.js';
import { RequestReader } from './request/http/request-reader.js';
import { RequestsController } from './request/http/requests.controller.js';
import { WaitController } from './request/http/wait.controller.js';
import type { RequestChanges } from './request/read/request-changes.js';
import { CastVoteHandler } from './request/write/cast-vote/cast-vote.handler.js';
import { CommentOnRequestHandler } from './request/write/comment-on-request/comment-on-request.handler.js';
import type { RequestExecutor } from './request/write/request-executor.js';
import { RevokeGrantHandler } from './request/write/revoke-grant/revoke-grant.handler.js';
import { SlackEventsController } from './slack/slack-events.controller.js';
import { SlackLinksController } from './slack/slack-links.controller.js';
import type { Slack } from './slack/start-slack.js';
import {
  CHANGES,
  DIRECTORY,
  EXECUTOR,
  GOING_DOWN,
  NEW_ID,
  POLICY_CHANGES,
  POOL,
  SHELF,
  SLACK,
} from './tokens.js';

/** What the HTTP side works with; made, and ended, by whoever starts the service. */
export interface ApprovalsParts {
  readonly pool: DatabasePool;
  readonly executor: RequestExecutor;
  readonly directory: Directory;
  readonly changes: RequestChanges;
  readonly shelf: PolicyShelf;
  readonly policyChanges: PolicyChanges;
  readonly verifier: TokenVerifier;
  readonly newId: () => string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly health: Health;
  readonly goingDown: AbortSignal;
  readonly slack: Slack | undefined;
}

@Module({})
export class ApprovalsModule {
  static forRoot(parts: ApprovalsParts): DynamicModule {
    return {
      module: ApprovalsModule,
      imports: [CqrsModule.forRoot()],
      controllers: [
        OperationsController,
        OpenApiController,
        PolicyController,
        PolicyChangesController,
        RequestsController,
        ExplanationController,
        WaitController,
        SlackEventsController,
        SlackLinksController,
      ],
      providers: [
        { provide: APP_GUARD, useClass: BearerGuard },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: POOL, useValue: parts.pool },
        { provide: EXECUTOR, useValue: parts.executor },
        { provide: DIRECTORY, useValue: parts.directory },
        { provide: CHANGES, useValue: parts.changes },
        { provide: SHELF, useValue: parts.shelf },
        { provide: POLICY_CHANGES, useValue: parts.policyChanges },
        { provide: TOKEN_VERIFIER, useValue: parts.verifier },
        { provide: NEW_ID, useValue: parts.newId },
        { provide: LOGGER, useValue: parts.logger },
        { provide: METRICS, useValue: parts.metrics },
        { provide: HEALTH, useValue: parts.health },
        { provide: GOING_DOWN, useValue: parts.goingDown },
        { provide: SLACK, useValue: parts.slack },
        RequestReader,
        CastVoteHandler,
        CommentOnRequestHandler,
        RevokeGrantHandler,
      ],
    };
  }
}
