import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeEvent } from '#libs/contracts/envelope.js';
import { TOPICS } from '#libs/contracts/topics.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog } from '#libs/event-log/port.js';
import { readEventLogSettings } from '#libs/event-log/settings.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { newId } from '#libs/kernel/uuid.js';
import { verifyLedger, type VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { openBulkPool, type BulkPool } from '#libs/postgres/bulk-pool.js';
import { migrate } from '#libs/postgres/migrate.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { loginOf, privateKey, silent } from '../../apps/audit/src/testing/test-ledger.js';

/** One process of audit, as it is deployed. */
export interface AuditInstance {
  readonly child: ChildProcess;
  /** What it wrote on standard error. */
  errors(): string;
  /** Whether it says that it is ready. */
  isReady(): Promise<boolean>;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<number | null>;
}

/** A platform database and an event log that several instances of audit share. */
export interface AuditInstallation {
  readonly postgres: TemporaryPostgres;
  readonly admin: BulkPool;
  readonly eventLog: EventLog;
  startInstance(): Promise<AuditInstance>;
  /** Appends that many events to every partition of `statements`; resolves when the log has them. */
  produce(count: number): Promise<void>;
  /** Events produced so far. */
  produced(): number;
  /** Entries sealed so far. */
  sealed(): Promise<number>;
  /** Which writer holds each chain of `statements`. */
  writers(): Promise<string[]>;
  /** What the verifier says now. */
  verify(): Promise<VerifyReport>;
  /** Events missing or sealed twice, and what the verifier says. */
  account(): Promise<{ missing: number; twice: number; report: VerifyReport }>;
  dispose(): Promise<void>;
}

const PARTITIONS = Array.from({ length: TOPICS.statements.partitions }, (_, partition) => partition);

/** `kafka`: KAFKA_BROKERS and KAFKA_TOPIC_PREFIX; without, the embedded event log. */
export async function auditInstallation(kafka: Readonly<Record<string, string>>): Promise<AuditInstallation> {
  const postgres = await temporaryPostgres({ fsync: 'off' });
  const adminUrl = postgres.adminUrl();
  await migrate(adminUrl, path.resolve('deploy/migrations'), ['roles', 'event-log', 'audit']);
  const home = await mkdtemp(path.join(tmpdir(), 'countersign-audits-'));
  const keyFile = path.join(home, 'ledger.pem');
  await writeFile(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const environment = {
    PATH: process.env['PATH'] ?? '',
    COUNTERSIGN_HOME: home,
    COUNTERSIGN_OIDC_ISSUER: 'http://127.0.0.1:9',
    COUNTERSIGN_LOG_LEVEL: 'warn',
    DATABASE_URL: await loginOf(adminUrl, 'countersign_audit', 'audit_instances'),
    COUNTERSIGN_LEDGER_KEY: keyFile,
    ...kafka,
  };
  const eventLog = await openEventLog(readEventLogSettings({ DATABASE_URL: adminUrl, ...kafka }), {
    applicationName: 'test',
    logger: silent,
  });
  await eventLog.ensureTopics();
  const admin = openBulkPool(adminUrl, { size: 2, applicationName: 'test', onIdleError: () => undefined });
  const producer = await eventLog.producer();
  const ids: string[] = [];
  const producers = PARTITIONS.map(() => ({ id: newId(), next: 0 }));
  const instances: AuditInstance[] = [];

  const eventOf = (partition: number): Buffer => {
    const { id, next } = producers[partition] as { id: string; next: number };
    (producers[partition] as { next: number }).next = next + 1;
    const event = {
      id: newId(),
      type: 'session.closed',
      schemaVersion: 1,
      time: new Date().toISOString(),
      tenant: 'default',
      producer: id,
      producerSeq: next,
      reason: 'client',
    };
    ids.push(event.id);
    return encodeEvent(event);
  };

  const verify = (): Promise<VerifyReport> =>
    verifyLedger({ url: adminUrl, trustFolder: path.join(home, 'trust') });

  return {
    postgres,
    admin,
    eventLog,
    verify,
    startInstance: async () => {
      const instance = runAudit({ ...environment, COUNTERSIGN_AUDIT_PORT: String(await freePort()) });
      instances.push(instance);
      return instance;
    },
    produce: (count) =>
      producer.append(
        PARTITIONS.flatMap((partition) =>
          Array.from({ length: count }, () => ({
            topic: 'statements' as const,
            partition,
            key: `producer-${partition}`,
            value: eventOf(partition),
          })),
        ),
      ),
    produced: () => ids.length,
    sealed: async () => {
      const [row] = await admin.query<{ count: string }>(
        'SELECT sum(size)::text AS count FROM ledger.chain_heads',
      );
      return Number(row?.count ?? 0);
    },
    writers: async () => {
      const rows = await admin.query<{ writer: string }>(
        `SELECT h.writer::text FROM ledger.chain_heads h JOIN ledger.chains c USING (chain)
         WHERE c.name LIKE 'statements/%' ORDER BY c.name`,
      );
      return rows.map(({ writer }) => writer);
    },
    account: async () => {
      const rows = await admin.query<{ id: string }>('SELECT event_id::text AS id FROM ledger.entries');
      const sealed = new Set(rows.map(({ id }) => id));
      const report = await verify();
      return {
        missing: ids.filter((id) => !sealed.has(id)).length,
        twice: rows.length - sealed.size,
        report,
      };
    },
    dispose: async () => {
      for (const { child } of instances) child.kill('SIGKILL');
      await Promise.all(instances.map(({ ended }) => ended));
      await eventLog.close();
      await admin.close();
      await postgres.dispose();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function runAudit(environment: Readonly<Record<string, string>>): AuditInstance {
  const child = spawn(process.execPath, ['dist/apps/audit/src/main.js'], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return {
    child,
    errors: () => errors,
    isReady: () =>
      fetch(`http://127.0.0.1:${environment['COUNTERSIGN_AUDIT_PORT']}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    signal: (signal) => void child.kill(signal),
    ended,
  };
}
