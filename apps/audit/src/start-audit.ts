import { fileURLToPath } from 'node:url';
import { TOPIC_NAMES } from '#libs/contracts/topics.js';
import { registerEventLogMetrics } from '#libs/event-log/event-log-metrics.js';
import type { EventLog } from '#libs/event-log/port.js';
import { discoveringVerifier } from '#libs/identity/token-verifier.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Chain } from '#libs/ledger/chain.js';
import { readTrustFolder, trustLogs } from '#libs/ledger/trust-folder.js';
import { Health } from '#libs/observability/health.js';
import type { Logger } from '#libs/observability/logger.js';
import { createRegistry, Gauge, type Registry } from '#libs/observability/metrics.js';
import { openBulkPool, type BulkPool } from '#libs/postgres/bulk-pool.js';
import { requireSchema } from '#libs/postgres/migrate.js';
import { noteVerifier, type NoteVerifier } from '#libs/tlog/vkey.js';
import { AuditModule } from './audit.module.js';
import { CheckpointSigner } from './checkpoints/checkpoint-signer.js';
import { restoreSignedChain } from './checkpoints/restore-signed-chain.js';
import type { SignedChain } from './checkpoints/signed-chain.js';
import type { AuditConfig } from './config.js';
import { createHttpServer } from './http-server.js';
import { AppendOnlyGuard } from './ingest/append-only-guard.js';
import { createChains } from './ingest/create-chains.js';
import { createIngestMetrics } from './ingest/ingest-metrics.js';
import { LedgerIngest } from './ingest/ledger-ingest.js';
import { publishedLog } from './logs/published-log.js';
import { changesProjection } from './projections/changes/changes-projection.js';
import { ProjectionRunner } from './projections/projection-runner.js';
import { EventLogTrimmer } from './trimming/event-log-trimmer.js';

const MIGRATIONS = fileURLToPath(new URL('../../../deploy/migrations', import.meta.url));

/** A checkpoint lags behind the chain by this at most, ms. */
const SIGN_EVERY_MS = 250;
/** Under load: what gathers in this time is sealed in one transaction. */
const GATHER_MS = 250;
const PROJECT_EVERY_MS = 250;
const GUARD_EVERY_MS = 5_000;
const CONNECTIONS = 8;
const TRIM_EVERY_MS = 600_000;

export interface Surroundings {
  readonly eventLog: EventLog;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Logger;
  /** The event log cannot go on: the process has to end. */
  readonly onFatal: (error: Error) => void;
}

export interface Audit {
  readonly url: string;
  /** Takes no more records, signs what is sealed, closes everything it opened. */
  stop(): Promise<void>;
}

/**
 * Starts the service. A database that is not the one that was signed (ROLLBACK) is a start error, before
 * anything is sealed. The event log is the caller's: closed by whoever opened it, after `stop`.
 */
export async function startAudit(config: AuditConfig, given: Surroundings): Promise<Audit> {
  await requireSchema(config.databaseUrl, MIGRATIONS, 'audit');
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close();
  };
  try {
    const url = await startParts(config, given, (close) => opened.push(close));
    return { url, stop: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Starts the parts in order; what each needs to be ended goes to `opened`, to be called last to first. */
async function startParts(
  config: AuditConfig,
  given: Surroundings,
  opened: (close: () => Promise<void>) => void,
): Promise<string> {
  const { eventLog, clock, newId, logger } = given;
  const pool = openBulkPool(config.databaseUrl, {
    size: CONNECTIONS,
    applicationName: 'countersign audit',
    onIdleError: (error) => logger.warn({ err: error }, 'a connection to the database was lost'),
  });
  opened(() => pool.close());

  const registry = createRegistry('audit');
  const metrics = createIngestMetrics(registry);
  const guard = new AppendOnlyGuard({
    query: pool.query,
    logger,
    intervalMs: GUARD_EVERY_MS,
    onFinding: (kind) => metrics.findings.inc({ chain: '*', kind }),
  });
  await guard.start();
  opened(() => guard.stop());

  const chains = await createChains(pool.query, config.origin, newId);
  const { signer, logs } = await restoreSigner(pool, config, chains, logger, () => guard.problem());
  await signer.start();
  opened(() => signer.stop());

  registerEventLogMetrics(registry, eventLog);
  const projections = projectionRunner(pool, chains, logger, registry);
  const ingest = new LedgerIngest({
    query: pool.query,
    log: eventLog,
    chains,
    tenant: config.tenant,
    writer: newId(),
    clock,
    logger,
    metrics,
    halted: () => guard.problem(),
    onSealed: (chain, entries) => projections.sealed(chain, entries),
  });
  let consuming: string | undefined = 'not reading yet';
  const health = new Health();
  health.add('database', async () => {
    await pool.query('SELECT 1');
    return undefined;
  });
  health.add('event-log', () => consuming);
  health.add('append-only', () => guard.problem());
  health.add('sealing', () => ingest.problem());
  health.add('checkpoints', () => signer.problem());

  const publicUrl = config.publicUrl ?? `http://${bracketed(config.host)}:${config.port}`;
  const server = await createHttpServer(
    AuditModule.forRoot({
      query: pool.query,
      chains,
      signer,
      published: logs.map(({ chain, log }) => publishedLog(chain, log, publicUrl)),
      verifier: discoveringVerifier({ issuer: config.issuer, audience: 'countersign-api' }),
      logger,
      metrics: registry,
      health,
    }),
  );
  await server.listen({ host: config.host, port: config.port });
  opened(() => server.close());
  const url = await server.getUrl();

  projections.start();
  opened(() => projections.stop());

  const subscription = await eventLog.consume({
    group: 'audit',
    topics: TOPIC_NAMES,
    handler: ingest,
    gatherMs: GATHER_MS,
    onFatal: (error) => {
      consuming = error.message;
      given.onFatal(error);
    },
  });
  consuming = undefined;
  if (config.eventLogKeepMs !== undefined) {
    const keepMs = config.eventLogKeepMs;
    const trimmer = new EventLogTrimmer({
      query: pool.query,
      log: eventLog,
      chains,
      keepMs,
      // Often enough that what may go is gone a little after its time.
      everyMs: Math.min(TRIM_EVERY_MS, Math.max(keepMs / 10, 1_000)),
      logger,
    });
    trimmer.start();
    opened(() => trimmer.stop());
  }
  opened(() => {
    consuming = 'the service is stopping';
    return subscription.stop();
  });
  logger.info(
    { address: url, origin: config.origin, chains: chains.length, eventLog: eventLog.kind },
    'audit is ready',
  );
  return url;
}

/** Trusts the own key outside the database, and refuses a database that is not the one that was signed. */
async function restoreSigner(
  pool: BulkPool,
  config: AuditConfig,
  chains: readonly Chain[],
  logger: Logger,
  halted: () => string | undefined,
): Promise<{ signer: CheckpointSigner; logs: { chain: Chain; log: NoteVerifier }[] }> {
  const { trustFolder, ledgerKey } = config;
  const logs = chains.map((chain) => ({
    chain,
    log: noteVerifier(chain.origin, 'log', ledgerKey.publicKey),
  }));
  const verifiers = logs.map(({ log }) => log);
  await trustLogs(trustFolder, verifiers);
  const trust = await readTrustFolder(trustFolder);
  const signed: SignedChain[] = [];
  for (const { chain, log } of logs)
    signed.push(await restoreSignedChain(pool.query, chain, log, trust, trustFolder));
  const signer = new CheckpointSigner({
    query: pool.query,
    key: ledgerKey,
    trustFolder,
    chains: signed,
    logger,
    intervalMs: SIGN_EVERY_MS,
    halted,
  });
  return { signer, logs };
}

function projectionRunner(
  pool: BulkPool,
  chains: readonly Chain[],
  logger: Logger,
  registry: Registry,
): ProjectionRunner {
  const projection = changesProjection;
  const stopped = new Gauge({
    name: 'countersign_audit_projection_stopped',
    help: '1 where a projection stands still at an entry it cannot read.',
    labelNames: ['projection', 'chain'],
    registers: [registry],
  });
  return new ProjectionRunner({
    pool,
    projection,
    chains,
    logger,
    intervalMs: PROJECT_EVERY_MS,
    onStopped: (chain, problem) =>
      stopped.set({ projection: projection.name, chain }, problem === undefined ? 0 : 1),
  });
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
