import { fileURLToPath } from 'node:url';
import type { AnyEvent } from '#libs/contracts/events/registry.js';
import type { EventLog } from '#libs/event-log/port.js';
import { FileDirectory } from '#libs/identity/directory.js';
import { discoveringVerifier } from '#libs/identity/token-verifier.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import { Health } from '#libs/observability/health.js';
import { createRegistry } from '#libs/observability/metrics.js';
import type { Policy } from '#libs/policy/policy.js';
import { requireSchema } from '#libs/postgres/migrate.js';
import { openPool, sql } from '#libs/postgres/pool.js';
import { ApprovalsMetrics } from './approvals-metrics.js';
import { ApprovalsModule } from './approvals.module.js';
import { naming, type ApprovalsConfig } from './config.js';
import { createHttpServer } from './http-server.js';
import { RequestsConsumer } from './ingest/requests-consumer.js';
import { OutboxDrainer } from './outbox/outbox-drainer.js';
import { PolicyShelf, type PolicyReader } from './policy/policy-shelf.js';
import { publishPolicy } from './policy/publish-policy.js';
import { repeat } from './request/automation/repeat.js';
import { routeWaitingRequests } from './request/automation/when-a-policy-is-known-then-route/route-waiting-requests.js';
import { expireDueRequests } from './request/automation/when-time-runs-out-then-expire/expire-due-requests.js';
import { RequestChanges } from './request/read/request-changes.js';
import { RequestExecutor } from './request/write/request-executor.js';

const MIGRATIONS = fileURLToPath(new URL('../../../deploy/migrations', import.meta.url));

/** Sending or storing may fail for this long before the service says that it is not ready, ms. */
const PATIENCE_MS = 5_000;

export interface Surroundings {
  readonly eventLog: EventLog;
  readonly policy: Policy;
  readonly readPolicy: PolicyReader;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Logger;
  /** The event log cannot go on: the process has to end. */
  readonly onFatal: (error: Error) => void;
}

export interface Approvals {
  readonly url: string;
  /** `GET /v1/requests/{id}` and so on, sorted: what /openapi.json must describe. */
  readonly routes: readonly string[];
  /** Accepts no more, ends what waits, sends what is in the outbox, closes everything it opened. */
  stop(): Promise<void>;
}

/** Starts the service. The event log is the caller's: it is closed by whoever opened it, after `stop`. */
export async function startApprovals(config: ApprovalsConfig, given: Surroundings): Promise<Approvals> {
  const { eventLog, clock, newId, logger } = given;
  await naming('DATABASE_URL', () => requireSchema(config.databaseUrl, MIGRATIONS, 'approvals'));
  const directory = new FileDirectory(config.directoryFile);
  await naming('COUNTERSIGN_DIRECTORY', () => directory.find(''));

  const pool = await openPool(config.databaseUrl, { applicationName: 'countersign approvals' });
  const goingDown = new AbortController();
  const changes = new RequestChanges();
  const registry = createRegistry('approvals');
  const metrics = new ApprovalsMetrics(registry, pool);
  const drainer = new OutboxDrainer({ pool, databaseUrl: config.databaseUrl, eventLog, logger });
  const committed = (events: readonly AnyEvent[]): void => {
    if (events.length === 0) return;
    drainer.poke();
    metrics.count(events);
    for (const { requestId } of events) if (requestId !== undefined) changes.changed(requestId);
  };
  const { tenant, signingKey, gatewayKeys } = config;
  const executor = new RequestExecutor(pool, { tenant, clock, newId, signingKey }, committed);
  const shelf = new PolicyShelf(pool, given.readPolicy);

  const author = config.policy === undefined ? 'built-in' : `file ${config.policy.file}`.slice(0, 256);
  if (await publishPolicy(executor, given.policy, author, newId))
    logger.info({ policyHash: given.policy.hash, policyVersion: given.policy.version }, 'policy published');

  const consumer = new RequestsConsumer({
    pool,
    executor,
    shelf,
    gatewayKeys,
    tenant,
    clock,
    newId,
    logger,
    source: { log: eventLog.clusterId, topicId: eventLog.topicId('requests') },
    onRejected: (rejection) => logger.error(rejection, 'an event of a gateway is not believed'),
  });

  const health = new Health();
  let fatal: Error | undefined;
  health.add('database', async () => {
    await pool.oneFirst(sql.unsafe`SELECT 1`);
    return undefined;
  });
  health.add('event-log', () => fatal?.message);
  health.add('outbox', () =>
    (drainer.failingFor() ?? 0) > PATIENCE_MS ? 'events do not reach the event log' : undefined,
  );
  health.add('requests', () =>
    (consumer.failingFor() ?? 0) > PATIENCE_MS ? 'what gateways ask cannot be stored' : undefined,
  );
  health.add('going-down', () => (goingDown.signal.aborted ? 'the service is stopping' : undefined));

  const { server, routes } = await createHttpServer(
    ApprovalsModule.forRoot({
      pool,
      executor,
      directory,
      changes,
      verifier: discoveringVerifier({ issuer: config.issuer, audience: 'countersign-api' }),
      newId,
      logger,
      metrics: registry,
      health,
      goingDown: goingDown.signal,
    }),
  );
  drainer.start();
  const subscription = await eventLog.consume({
    group: 'approvals',
    topics: ['requests'],
    handler: consumer,
    onFatal: (error) => {
      fatal = error;
      given.onFatal(error);
    },
  });
  const automation = (name: string, task: () => Promise<number>) =>
    repeat(task, {
      retryMs: 1_000,
      onError: (err) => logger.warn({ err, automation: name }, 'an automation failed and runs again'),
    });
  const reported = new Set<string>();
  const automations = [
    automation('expire', () => expireDueRequests(pool, executor, clock, logger)),
    automation('route', async () => {
      await routeWaitingRequests(pool, executor, shelf, logger, reported);
      return 1_000;
    }),
  ];
  await naming('COUNTERSIGN_APPROVALS_PORT', () => server.listen({ host: config.host, port: config.port }));
  const url = await server.getUrl();
  logger.info({ address: url, keyId: signingKey.keyId, eventLog: eventLog.kind }, 'approvals is ready');

  return {
    url,
    routes: routes(),
    stop: async () => {
      goingDown.abort();
      await server.close();
      await Promise.all([subscription.stop(), ...automations.map((each) => each.stop())]);
      await drainer.stop();
      await pool.end();
    },
  };
}
