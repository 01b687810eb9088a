import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { registerEventLogMetrics } from '#libs/event-log/event-log-metrics.js';
import type { EventLog } from '#libs/event-log/port.js';
import { discoveringVerifier } from '#libs/identity/token-verifier.js';
import type { Clock } from '#libs/kernel/clock.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { sha256 } from '#libs/kernel/hash.js';
import { Health } from '#libs/observability/health.js';
import { SettingError } from '#libs/kernel/settings.js';
import type { Logger } from '#libs/observability/logger.js';
import { createRegistry } from '#libs/observability/metrics.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import { replaceCredentials } from '#libs/sql/replace-credentials.js';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { Catalogs } from './catalog/catalogs.js';
import type { GatewayConfig } from './config.js';
import { DecisionFeed } from './enforcement/decision-feed.js';
import { DecisionInbox } from './enforcement/decision-inbox.js';
import { HOLD_LIMITS, type HoldLimits } from './enforcement/hold-request.js';
import { HeldRequests } from './enforcement/held-requests.js';
import { Judge, MAX_TEXT_BYTES } from './enforcement/judge.js';
import { keptGatewayId } from './gateway-id.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { GatewayModule } from './gateway.module.js';
import { CancelRegistry } from './postgres/cancel-registry.js';
import { Listener } from './postgres/listener.js';
import { OutcomeJournal } from './postgres/outcomes.js';
import { TargetRoom } from './postgres/target-room.js';
import { KeptPolicy } from './policy/kept-policy.js';
import { PolicyFeed } from './policy/policy-feed.js';
import { PolicyInForce } from './policy/policy-in-force.js';
import { PolicyNews } from './policy/policy-news.js';
import { openSpool } from './spool/open-spool.js';

/** A Bind with large parameters is taken into memory up to here. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const LOGIN_MS = 15_000;
const TARGET_MS = 10_000;

/** How long a start waits for the policies that were published before it. */
const CATCH_UP_MS = 10_000;

/** How long the end may take: sessions, then the spool on its way to the event log. */
const SESSIONS_END_MS = 2_000;
const DRAIN_MS = 5_000;

export interface Surroundings {
  readonly eventLog: EventLog;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly randomBytes: (count: number) => Buffer;
  readonly logger: Logger;
  /** Given where the event log did not answer at the start: why, as long as it does not. */
  readonly eventLogAway?: () => string | undefined;
  readonly holdLimits?: HoldLimits;
  readonly loginMs?: number;
}

export interface Gateway {
  readonly gatewayId: string;
  readonly port: number;
  readonly httpPort: number;
  /** Accepts no more, ends holds and sessions cleanly, drains the spool, closes what it opened. */
  stop(): Promise<void>;
}

/** Starts the gateway. The event log is the caller's: it is closed by whoever opened it, after `stop`. */
export async function startGateway(config: GatewayConfig, given: Surroundings): Promise<Gateway> {
  const { eventLog, clock, newId, logger } = given;
  const { tenant } = config;
  const isAway = given.eventLogAway?.() !== undefined;
  const policies = new PolicyInForce(config.policy);
  await checkReplication(config, eventLog);
  const registry = createRegistry('gateway');
  registerEventLogMetrics(registry, eventLog);
  const metrics = new GatewayMetrics(registry);
  const gatewayId = config.gatewayId ?? (await keptGatewayId(config.spoolFolder, newId));
  const { spool } = await openSpool({
    folder: config.spoolFolder,
    tenant,
    signingKey: config.signingKey,
    producerFactory: () => eventLog.producer(),
    ...(config.spoolMaxBytes === undefined ? {} : { maxBytes: config.spoolMaxBytes }),
    clock,
    newId,
    logger,
    metrics,
  });
  const analyzer = createSqlAnalyzer({ maxTextBytes: MAX_TEXT_BYTES });
  // New with each start, so that a commitment links credentials within one life of the gateway and no further.
  const salt = given.randomBytes(32);
  const sealingSalt = given.randomBytes(32);
  const judge = new Judge(analyzer, policies, (text, credentials) => ({
    text: replaceCredentials(text, credentials, salt),
    replaced: credentials.length,
  }));
  const held = new HeldRequests();
  const inbox = new DecisionInbox({
    gatewayId,
    tenant,
    trusted: config.decisionKeys,
    held,
    spool,
    clock,
    newId,
    logger,
    rejected: (reason) => metrics.decisionRejected(reason),
  });
  const feed = new DecisionFeed(eventLog, inbox, gatewayId, logger);
  const policyFeed = new PolicyFeed({
    log: eventLog,
    gatewayId,
    tenant,
    trusted: config.decisionKeys,
    policies,
    kept: new KeptPolicy(config.spoolFolder),
    read: (text) => loadPolicy({ text, file: 'published policy' }),
    news: new PolicyNews({
      gatewayId,
      spool,
      clock,
      newId,
      logger,
      counted: (what) => metrics.policySeen(what),
    }),
    logger,
    catchUpMs: isAway ? 0 : CATCH_UP_MS,
  });
  const catalogs = new Catalogs(config.targets, clock, logger);
  const listener = new Listener({
    judge,
    catalogs,
    spool,
    journal: new OutcomeJournal(spool, logger),
    held,
    clock,
    newId,
    logger,
    holdLimits: given.holdLimits ?? HOLD_LIMITS,
    // One for each identity: equal credentials of two people must not look equal to a reviewer.
    sealingSaltFor: ({ issuer, subject }) =>
      sha256(Buffer.concat([sealingSalt, Buffer.from(JSON.stringify([issuer, subject]), 'utf8')])),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    counted: (effect) => metrics.counted(effect),
    heldFor: (milliseconds) => metrics.heldFor(milliseconds),
    secureContext: config.secureContext,
    verifier: discoveringVerifier({ issuer: config.issuer, audience: 'countersign-gateway' }),
    targets: config.targets,
    room: new TargetRoom(),
    cancels: new CancelRegistry(),
    gatewayId,
    tenant,
    limits: { loginMs: given.loginMs ?? LOGIN_MS, targetMs: TARGET_MS },
  });
  metrics.watch({
    connections: () => listener.size,
    holds: () => held.size,
    spoolPendingBytes: () => spool.state().pendingBytes,
    spoolPendingEvents: () => spool.state().undrainedRecords,
    policyVersion: () => policies.current.version,
    catalogs: () => {
      const problems = catalogs.problems();
      return catalogs.names().map((name) => [name, !problems.has(name)] as const);
    },
  });
  const health = new Health();
  health.add('listener', () => (listener.listening ? undefined : 'it does not accept connections'));
  health.add('spool', () => spool.state().broken?.message);
  // A gateway that started without its event log works as one does whose event log went away later.
  const away = (): string | undefined => given.eventLogAway?.();
  health.add('decisions', () => (away() === undefined ? feed.problem : undefined));
  health.add('policy', () => (away() === undefined ? policyFeed.problem : undefined));
  health.note('event-log', away);
  health.note('catalogs', () => {
    const problems = [...catalogs.problems()].map(([database, problem]) => `${database}: ${problem}`);
    return problems.length === 0 ? undefined : problems.join('; ').slice(0, 1_000);
  });

  const undo: (() => Promise<unknown>)[] = [
    () => spool.close(DRAIN_MS),
    () => analyzer.close(),
    () => Promise.resolve(catalogs.stop()),
  ];
  try {
    // Nobody waits for them: what comes before its target's catalog counts as incomplete.
    catalogs.start();
    // Decisions first: one that comes for the first statement held must not be missed.
    undo.unshift(() => feed.stop());
    if (isAway) feed.startLater();
    else await feed.start();
    // And the policy: the first statement is judged by what was published last.
    const restored = await policyFeed.restore();
    if (isAway && !restored)
      throw new CodedError(
        'NO_POLICY',
        `the event log does not answer, and no signed policy is kept beside the spool: ${away() ?? ''}`,
      );
    undo.unshift(() => policyFeed.stop());
    await policyFeed.start();
    const port = await listener.listen(config.port, config.host);
    undo.unshift(() => listener.close(SESSIONS_END_MS));
    const server = await NestFactory.create<NestFastifyApplication>(
      GatewayModule.forRoot({ logger, metrics: registry, health }),
      new FastifyAdapter({ bodyLimit: 1024, requestTimeout: 10_000, forceCloseConnections: true }),
      { logger: false, abortOnError: false },
    );
    await server.listen({ host: config.host, port: config.httpPort });
    // Operators see to the end whether it is ready: it is not, once it stops.
    undo.push(() => server.close());
    const httpPort = (server.getHttpServer().address() as { port: number }).port;
    logger.warn('masking is off: values leave as the target sends them');
    logger.info(
      {
        gatewayId,
        port,
        httpPort,
        targets: [...config.targets.keys()],
        policyHash: policies.current.hash,
        eventLog: eventLog.kind,
      },
      'the gateway is ready',
    );
    return { gatewayId, port, httpPort, stop: () => runAll(undo, logger) };
  } catch (error) {
    await runAll(undo, logger);
    throw error;
  }
}

/** Throws SettingError where a target wants copies of its records that the event log does not promise. */
async function checkReplication(config: GatewayConfig, eventLog: EventLog): Promise<void> {
  for (const { name, recording, replicas } of config.targets.values()) {
    if (recording !== 'replicated' || replicas === 1) continue;
    const copies = await eventLog.acknowledgingReplicas();
    if (copies !== undefined && copies < 2)
      throw new SettingError(
        'COUNTERSIGN_TARGETS',
        `targets.${name}.recording: replicated needs Kafka topics with min.insync.replicas of 2 or more, not ${copies}; say replicas: 1 to go without`,
      );
  }
}

/** Each in its order; one that fails does not keep the others from ending. */
async function runAll(steps: readonly (() => Promise<unknown>)[], logger: Logger): Promise<void> {
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      logger.error({ err: error, reason: messageOf(error) }, 'a part of the gateway did not end cleanly');
    }
  }
}
