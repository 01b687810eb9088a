import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { BearerGuard } from '#libs/http/bearer.guard.js';
import { OperationsController } from '#libs/http/operations.controller.js';
import { ProblemFilter } from '#libs/http/problem.filter.js';
import { HEALTH, LOGGER, METRICS, TOKEN_VERIFIER } from '#libs/http/tokens.js';
import type { TokenVerifier } from '#libs/identity/token-verifier.js';
import type { Chain } from '#libs/ledger/chain.js';
import type { Health } from '#libs/observability/health.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Registry } from '#libs/observability/metrics.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { CheckpointSigner } from './checkpoints/checkpoint-signer.js';
import { EventsController } from './feed/events.controller.js';
import { LogsController } from './logs/logs.controller.js';
import { PayloadsController } from './logs/payloads.controller.js';
import type { PublishedLog } from './logs/published-log.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { ChangesController } from './projections/changes/changes.controller.js';
import { CHAINS, PUBLISHED_LOGS, QUERY, SIGNER } from './tokens.js';

/** What the HTTP side works with; made, and ended, by whoever starts the service. */
export interface AuditParts {
  readonly query: BulkQuery;
  readonly chains: readonly Chain[];
  readonly signer: CheckpointSigner;
  readonly published: readonly PublishedLog[];
  readonly verifier: TokenVerifier;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly health: Health;
}

@Module({})
export class AuditModule {
  static forRoot(parts: AuditParts): DynamicModule {
    return {
      module: AuditModule,
      controllers: [
        OperationsController,
        OpenApiController,
        EventsController,
        ChangesController,
        LogsController,
        PayloadsController,
      ],
      providers: [
        { provide: APP_GUARD, useClass: BearerGuard },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: QUERY, useValue: parts.query },
        { provide: CHAINS, useValue: parts.chains },
        { provide: SIGNER, useValue: parts.signer },
        { provide: PUBLISHED_LOGS, useValue: parts.published },
        { provide: TOKEN_VERIFIER, useValue: parts.verifier },
        { provide: LOGGER, useValue: parts.logger },
        { provide: METRICS, useValue: parts.metrics },
        { provide: HEALTH, useValue: parts.health },
      ],
    };
  }
}
