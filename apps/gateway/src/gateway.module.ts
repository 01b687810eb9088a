import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { OperationsController } from '#libs/http/operations.controller.js';
import { ProblemFilter } from '#libs/http/problem.filter.js';
import { HEALTH, LOGGER, METRICS } from '#libs/http/tokens.js';
import type { Health } from '#libs/observability/health.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Registry } from '#libs/observability/metrics.js';

/** What the HTTP side shows; made, and ended, by whoever starts the gateway. */
export interface GatewayParts {
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly health: Health;
}

/** The gateway's HTTP side is for its operators alone: nothing here needs to know who asks. */
@Module({})
export class GatewayModule {
  static forRoot(parts: GatewayParts): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [OperationsController],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: LOGGER, useValue: parts.logger },
        { provide: METRICS, useValue: parts.metrics },
        { provide: HEALTH, useValue: parts.health },
      ],
    };
  }
}
