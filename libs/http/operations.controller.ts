import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { Health } from '#libs/observability/health.js';
import type { Registry } from '#libs/observability/metrics.js';
import { Public } from './public.decorator.js';
import { HEALTH, METRICS } from './tokens.js';

/** What an operator's tools ask: no token needed, nothing but states and figures in it. */
@Controller()
export class OperationsController {
  constructor(
    @Inject(METRICS) private readonly metrics: Registry,
    @Inject(HEALTH) private readonly health: Health,
  ) {}

  @Public()
  @Get('healthz')
  alive(): { status: string } {
    return { status: 'ok' };
  }

  @Public()
  @Get('readyz')
  async ready(@Res({ passthrough: true }) reply: { status(code: number): void }): Promise<unknown> {
    const report = await this.health.report();
    reply.status(report.ready ? 200 : 503);
    return report;
  }

  @Public()
  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  exposition(): Promise<string> {
    return this.metrics.metrics();
  }
}
