import { fileURLToPath } from 'node:url';
import type { AnyEvent } from '#libs/contracts/events/registry.js';
import { registerEventLogMetrics } from '#libs/event-log/event-log-metrics.js';
import type { EventLog } from '#libs/event-log/port.js';
import { FileDirectory } from '#libs/identity/directory.js';
import { discoveringVerifier } from '#libs/identity/token-verifier.js';
import type { Clock } from '#libs/kernel/clock.js';
import { SettingError } from '#libs/kernel/settings.js';
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
import { configuredNotifiers } from './notify/configured-notifiers.js';
import { registerNotificationMetrics } from './notify/notification-metrics.js';
import { runNotifier } from './notify/run-notifier.js';
import { OutboxDrainer } from './outbox/outbox-drainer.js';
import { policyOfFile } from './policy/effective-policy.js';
import { PolicyChanges } from './policy/change/policy-changes.js';
import { PolicyFileWatch } from './policy/policy-file-watch.js';
import { PolicyShelf, type PolicyReader } from './policy/policy-shelf.js';
import { publishPolicy } from './policy/publish-policy.js';
import { repeat, type Repeated } from './request/automation/repeat.js';
import { notifyReviewers } from './request/automation/when-a-request-is-routed-then-notify/notify-reviewers.js';
import { trimClientKeys } from './request/automation/when-keys-are-old-then-trim/trim-client-keys.js';
import { trimReviewParts } from './request/automation/when-parts-are-old-then-trim/trim-review-parts.js';
import { routeWaitingRequests } from './request/automation/when-a-policy-is-known-then-route/route-waiting-requests.js';
import { expireDueRequests } from './request/automation/when-time-runs-out-then-expire/expire-due-requests.js';
import { RequestChanges } from './request/read/request-changes.js';
import { RequestExecutor } from './request/write/request-executor.js';
import { ReviewPlanner } from './routing/review-planner.js';
import { registerSlackMetrics } from './slack/slack-metrics.js';
import { createSlack, type Slack } from './slack/start-slack.js';
import { CommandBus } from '@nestjs/cqrs';

const MIGRATIONS = fileURLToPath(new URL('../../../deploy/migrations', import.meta.url));

/** Sending or storing may fail for this long before the service says that it is not ready, ms. */
const PATIENCE_MS = 5_000;

/** After these somebody may have to be told at once. */
const TELLS: ReadonlySet<string> = new Set(['request.routed', 'request.vote-cast']);

/** How often the policy file is looked at, ms; a change counts when two looks in a row found it. */
const POLICY_LOOK_MS = 1_000;

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
  /** Looks at the policy file now: what it holds counts at once. */
  reloadPolicy(): Promise<void>;
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
  registerEventLogMetrics(registry, eventLog);
  const metrics = new ApprovalsMetrics(registry, pool);
  const drainer = new OutboxDrainer({ pool, databaseUrl: config.databaseUrl, eventLog, logger });
  const automations = new Map<string, Repeated>();
  let slack: Slack | undefined;
  const committed = (events: readonly AnyEvent[]): void => {
    if (events.length === 0) return;
    drainer.poke();
    if (events.some(({ type }) => TELLS.has(type))) automations.get('notify')?.wake();
    metrics.count(events);
    for (const { requestId } of events) if (requestId !== undefined) changes.changed(requestId);
    slack?.committed(events);
  };
  const { tenant, signingKey, gatewayKeys } = config;
  const unit = { tenant, clock, newId, signingKey };
  const executor = new RequestExecutor(pool, unit, committed);
  const shelf = new PolicyShelf(pool, given.readPolicy);
  const planner = new ReviewPlanner(shelf, directory, clock, newId);

  const origin = { people: () => directory.everyone(), breakGlass: config.breakGlass, clock };
  const published = await publishPolicy(
    executor,
    given.policy,
    { ...origin, file: config.policy?.file, read: given.readPolicy },
    newId,
  );
  if (published.kind === 'refused' && !published.guarded) {
    await pool.end();
    throw new SettingError('COUNTERSIGN_POLICY', published.problem);
  }
  const watch =
    config.policy === undefined
      ? undefined
      : new PolicyFileWatch({
          ...config.policy,
          policy: given.policy,
          executor,
          read: (text) => policyOfFile(text, config),
          readPublished: given.readPolicy,
          origin,
          newId,
          logger,
        });
  await watch?.started(published);
  if (watch === undefined)
    logger.info({ published, policyHash: given.policy.hash }, 'the built-in policy was looked at');
  const policyChanges = new PolicyChanges({
    pool,
    executor,
    directory,
    clock,
    newId,
    read: (text) => policyOfFile(text, config),
    readPublished: given.readPolicy,
  });

  const consumer = new RequestsConsumer({
    pool,
    executor,
    planner,
    gatewayKeys,
    gatewayTies: config.gatewayTies,
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

  let listening = '';
  if (config.slack !== undefined) {
    registerSlackMetrics(registry, pool);
    slack = createSlack({
      settings: config.slack,
      pool,
      directory,
      clock,
      newId,
      logger,
      // The same bus that HTTP dispatches to.
      execute: (command) => server.get(CommandBus, { strict: false }).execute(command),
      url: () => config.publicUrl ?? listening,
    });
  }
  const { server, routes } = await createHttpServer(
    ApprovalsModule.forRoot({
      pool,
      executor,
      directory,
      changes,
      shelf,
      policyChanges,
      verifier: discoveringVerifier({ issuer: config.issuer, audience: 'countersign-api' }),
      newId,
      logger,
      metrics: registry,
      health,
      goingDown: goingDown.signal,
      slack,
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
  const automate = (name: string, task: () => Promise<number>): void => {
    const onError = (err: unknown): void =>
      logger.warn({ err, automation: name }, 'an automation failed and runs again');
    automations.set(name, repeat(task, { retryMs: 1_000, onError }));
  };
  const reported = new Set<string>();
  automate('expire', () => expireDueRequests(pool, executor, clock, logger));
  automate('route', async () => {
    await routeWaitingRequests(pool, executor, planner, logger, reported);
    return 1_000;
  });
  const limit = config.maxNotified;
  automate('notify', () => notifyReviewers({ pool, executor, directory, clock, logger, limit }));
  automate('expire-policy-changes', () => policyChanges.expireDue());
  automate('trim-keys', () => trimClientKeys(pool));
  automate('trim-parts', () => trimReviewParts(pool));
  if (watch !== undefined)
    automate('policy', async () => {
      await watch.look();
      return POLICY_LOOK_MS;
    });
  await naming('COUNTERSIGN_APPROVALS_PORT', () => server.listen({ host: config.host, port: config.port }));
  const url = await server.getUrl();
  listening = url;
  slack?.start();
  const fallbackAfterMs = config.slack?.fallbackAfterMs;
  const notifiers = configuredNotifiers(config, { clock, directory, link: () => config.publicUrl ?? url });
  if (notifiers.length > 0) registerNotificationMetrics(registry, pool);
  for (const notifier of notifiers)
    automations.set(notifier.channel, runNotifier({ notifier, pool, newId, logger, fallbackAfterMs }));
  logger.info({ address: url, keyId: signingKey.keyId, eventLog: eventLog.kind }, 'approvals is ready');

  return {
    url,
    routes: routes(),
    reloadPolicy: () => watch?.look(true) ?? Promise.resolve(),
    stop: async () => {
      goingDown.abort();
      await server.close();
      await Promise.all(
        [subscription, ...automations.values(), ...(slack === undefined ? [] : [slack])].map((each) =>
          each.stop(),
        ),
      );
      await drainer.stop();
      await pool.end();
    },
  };
}
