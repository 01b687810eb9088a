import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { encodeEvent } from '#libs/contracts/envelope.js';
import type { Topic } from '#libs/contracts/topics.js';
import type { LogRecord } from '#libs/event-log/port.js';
import { systemClock, type Clock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import type { Chain } from '#libs/ledger/chain.js';
import { readTrustFolder, trustLogs } from '#libs/ledger/trust-folder.js';
import { Registry } from 'prom-client';
import { openBulkPool, type BulkPool, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import { connectClient } from '#libs/postgres/client.js';
import { migrate } from '#libs/postgres/migrate.js';
import type { TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { noteVerifier } from '#libs/tlog/vkey.js';
import { keyInMemory, type CheckpointKey } from '../checkpoints/checkpoint-key.js';
import { CheckpointSigner } from '../checkpoints/checkpoint-signer.js';
import { restoreSignedChain } from '../checkpoints/restore-signed-chain.js';
import { createChains } from '../ingest/create-chains.js';
import { createIngestMetrics } from '../ingest/ingest-metrics.js';
import { LedgerIngest, type LedgerIngestOptions } from '../ingest/ledger-ingest.js';

export const ORIGIN = 'audit.example/ledger';
export const silent = pino({ level: 'silent' });

/** The key of the tests' ledger: a seed of 32 bytes 0x07 (PKCS#8 of RFC 8410). */
export const privateKey: KeyObject = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});

export interface TestSignerOptions {
  readonly intervalMs?: number;
  readonly trustFolder?: string;
  readonly key?: CheckpointKey;
  readonly halted?: () => string | undefined;
  readonly query?: BulkQuery;
}

/** A ledger in a database of its own, with the service's own role, and its trust folder. */
export interface TestLedger {
  readonly adminUrl: string;
  readonly auditUrl: string;
  readonly pool: BulkPool;
  readonly chains: readonly Chain[];
  readonly trustFolder: string;
  ingest(options?: Partial<LedgerIngestOptions>): LedgerIngest;
  signer(options?: TestSignerOptions): Promise<CheckpointSigner>;
  close(): Promise<void>;
}

let databases = 0;

export async function testLedger(postgres: TemporaryPostgres): Promise<TestLedger> {
  databases += 1;
  const database = `ledger_${databases}`;
  const admin = await connectClient(postgres.adminUrl(), 'test');
  await admin.query(`CREATE DATABASE ${database}`);
  await admin.end();
  const adminUrl = postgres.adminUrl(database);
  await migrate(adminUrl, path.resolve('deploy/migrations'), ['roles', 'audit']);
  const auditUrl = await loginOf(adminUrl, 'countersign_audit', `audit_${databases}`);
  const pool = openBulkPool(auditUrl, { size: 4, applicationName: 'test', onIdleError: () => undefined });
  const chains = await createChains(pool.query, ORIGIN, newId);
  const trustFolder = await mkdtemp(path.join(tmpdir(), 'countersign-trust-'));
  const publicKey = createPublicKey(privateKey);
  const log = {
    clusterId: 'test-cluster',
    topicId: (topic: Topic) => topic,
    endOffset: () => Promise.resolve(1n << 62n),
  };
  return {
    adminUrl,
    auditUrl,
    pool,
    chains,
    trustFolder,
    ingest: (options = {}) =>
      new LedgerIngest({
        query: pool.query,
        log,
        chains,
        tenant: 'default',
        writer: newId(),
        clock: systemClock,
        logger: silent,
        metrics: createIngestMetrics(new Registry()),
        ...options,
      }),
    signer: async (options = {}) => {
      const folder = options.trustFolder ?? trustFolder;
      const verifiers = chains.map((chain) => noteVerifier(chain.origin, 'log', publicKey));
      await trustLogs(folder, verifiers);
      const trust = await readTrustFolder(folder);
      const signed = [];
      for (const [index, chain] of chains.entries()) {
        const verifier = verifiers[index] as (typeof verifiers)[number];
        signed.push(await restoreSignedChain(pool.query, chain, verifier, trust, folder));
      }
      return new CheckpointSigner({
        query: options.query ?? pool.query,
        key: options.key ?? keyInMemory(privateKey),
        trustFolder: folder,
        chains: signed,
        logger: silent,
        intervalMs: options.intervalMs ?? 50,
        ...(options.halted === undefined ? {} : { halted: options.halted }),
      });
    },
    close: async () => {
      await pool.close();
      await rm(trustFolder, { recursive: true, force: true });
    },
  };
}

/** A login role of one test, in one of the group roles; returns its URL. */
export async function loginOf(adminUrl: string, group: string, name: string): Promise<string> {
  const admin = await connectClient(adminUrl, 'test');
  await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'invented' IN ROLE ${group}`);
  await admin.end();
  const url = new URL(adminUrl);
  url.username = name;
  url.password = 'invented';
  return url.toString();
}

/** A clock that stands still until it is set. */
export const clockAt = (milliseconds: number): Clock & { set(to: number): void } => {
  let now = milliseconds;
  return { now: () => now, monotonic: () => now, set: (to) => void (now = to) };
};

export const PRODUCER = '0198c5a0-0000-7000-8000-0000000000aa';

/** An event as a gateway would write it: session.closed, the smallest there is. */
export const eventBytes = (producerSeq: number, fields: Record<string, unknown> = {}): Buffer =>
  encodeEvent({
    id: newId(),
    type: 'session.closed',
    schemaVersion: 1,
    time: '2026-11-21T10:00:00.000Z',
    tenant: 'default',
    producer: PRODUCER,
    producerSeq,
    sessionId: '0198c5a0-0000-7000-8000-0000000000bb',
    identity: { name: 'alice', kind: 'human', issuer: 'https://idp.example', subject: 'alice', groups: [] },
    reason: 'client',
    ...fields,
  } as Parameters<typeof encodeEvent>[0]);

/** A statement's intent of that category: nothing of it is real but its shape. */
export const intentBytes = (
  producerSeq: number,
  id: string,
  category: string,
  fields: Record<string, unknown> = {},
): Buffer =>
  eventBytes(producerSeq, {
    id,
    type: 'statement.intent-recorded',
    target: { name: 'shop', environment: 'production', database: 'shop', kind: 'postgres' },
    statement: {
      text: 'SELECT 1',
      sha256: 'ab'.repeat(32),
      bytes: 8,
      kind: 'SELECT',
      kinds: ['SELECT'],
      category,
    },
    protocol: 'simple',
    verdict: { effect: 'allow', rule: 'r', reason: 'x', policyVersion: 1, policyHash: 'cd'.repeat(32) },
    recording: 'strict',
    ...fields,
  });
export const outcomeBytes = (producerSeq: number, intentId: string): Buffer =>
  eventBytes(producerSeq, {
    type: 'statement.outcome-recorded',
    intentId,
    outcome: 'completed',
    rows: 3,
    durationMs: 1.5,
  });

export const recordAt = (
  offset: number,
  value: Buffer | null,
  partition = 0,
  topic: Topic = 'statements',
  leaderEpoch = 0,
): LogRecord => ({ topic, partition, offset: BigInt(offset), key: null, value, appendedAt: 0, leaderEpoch });

/** `count` events of one producer, at offsets from `offset` on. */
export const recordsFrom = (
  offset: number,
  count: number,
  partition = 0,
  topic: Topic = 'statements',
): LogRecord[] =>
  Array.from({ length: count }, (_, index) =>
    recordAt(offset + index, eventBytes(offset + index), partition, topic),
  );
