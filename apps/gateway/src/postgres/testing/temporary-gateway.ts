// For tests only: a gateway with everything real around it (PostgreSQL, event log, spool, TLS, tokens).
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { makeCertificate } from '#deploy/local/development-ca.js';
import { encodeEvent, type Envelope } from '#libs/contracts/envelope.js';
import { keyIdOf, signEvent, type SigningKey } from '#libs/contracts/event-signature.js';
import { parseEvent, type AnyEvent, type EventOf, type EventType } from '#libs/contracts/events/registry.js';
import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { partitionOf, TOPICS, type Topic } from '#libs/contracts/topics.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog } from '#libs/event-log/port.js';
import { systemClock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import { createLogger } from '#libs/observability/logger.js';
import { loadBuiltinPolicy, loadPolicy } from '#libs/policy/load-policy.js';
import { migrate } from '#libs/postgres/migrate.js';
import { eventually } from '#libs/testing/eventually.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { startTokenIssuer, type TokenIssuer } from '#libs/testing/token-issuer.js';
import type { HoldLimits } from '../../enforcement/hold-request.js';
import { startGateway, type Gateway } from '../../start-gateway.js';

const MIGRATIONS = fileURLToPath(new URL('../../../../../deploy/migrations', import.meta.url));

const SHOP = `
  CREATE ROLE app LOGIN PASSWORD 'target-password';
  GRANT CREATE ON SCHEMA public TO app;
  SET ROLE app;
  CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text);
  INSERT INTO customers SELECT n, 'name ' || n, 'c' || n || '@example.test' FROM generate_series(1, 100) n;
  CREATE TABLE numbers (n int);
  RESET ROLE;`;

export interface TemporaryGatewayOptions {
  /** YAML; absent: the built-in policy. */
  readonly policy?: string;
  readonly holdLimits?: HoldLimits;
  readonly loginMs?: number;
  readonly target?: Partial<TargetConfiguration>;
  readonly spoolMaxBytes?: number;
  /** A folder with the programs of an installed PostgreSQL that runs in place of the bundled one. */
  readonly programs?: string | undefined;
}

/** A key pair for signing, with what others need to check it. */
export function newKey(): {
  key: SigningKey;
  trusted: ReadonlyMap<string, ReturnType<typeof generateKeyPairSync>['publicKey']>;
} {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const keyId = keyIdOf(publicKey);
  return { key: { keyId, privateKey }, trusted: new Map([[keyId, publicKey]]) } as never;
}

export class TemporaryGateway {
  readonly events: AnyEvent[] = [];
  private readonly clients: pg.Client[] = [];
  private stopped: Promise<void> | undefined;

  private constructor(
    readonly postgres: TemporaryPostgres,
    readonly issuer: TokenIssuer,
    readonly eventLog: EventLog,
    readonly gateway: Gateway,
    readonly ca: string,
    readonly decisionKey: SigningKey,
    /** A folder of this gateway's own, deleted with it. */
    readonly scratch: string,
  ) {}

  static async start(options: TemporaryGatewayOptions = {}): Promise<TemporaryGateway> {
    const postgres = await temporaryPostgres({}, options.programs);
    const admin = new pg.Client(postgres.adminUrl());
    await admin.connect();
    await admin.query('CREATE DATABASE platform');
    await admin.query('CREATE DATABASE shop');
    await admin.end();
    const shop = new pg.Client(postgres.adminUrl('shop'));
    await shop.connect();
    await shop.query(SHOP);
    await shop.end();
    const databaseUrl = postgres.adminUrl('platform');
    await migrate(databaseUrl, MIGRATIONS, ['roles', 'event-log']);
    const logger = createLogger('test', process.env['COUNTERSIGN_TEST_LOG_LEVEL'] ?? 'silent');
    const eventLog = await openEventLog(
      { kind: 'embedded', databaseUrl },
      { applicationName: 'test', logger },
    );
    await eventLog.ensureTopics();
    const issuer = await startTokenIssuer();
    const { ca, certificate, key } = await makeCertificate(new Date());
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-gateway-'));
    const decisions = newKey();
    const target: TargetConfiguration = {
      name: 'shop',
      kind: 'postgres',
      environment: 'production',
      recording: 'strict',
      maxConnections: 50,
      host: '127.0.0.1',
      port: postgres.port,
      user: 'app',
      password: 'target-password',
      database: 'shop',
      sslMode: 'prefer',
      sslRootCert: undefined,
      ...options.target,
    };
    const gateway = await startGateway(
      {
        tenant: 'default',
        issuer: issuer.issuer,
        logLevel: 'silent',
        host: '127.0.0.1',
        port: 0,
        httpPort: 0,
        gatewayId: undefined,
        spoolFolder: path.join(folder, 'spool'),
        spoolMaxBytes: options.spoolMaxBytes,
        eventLog: { kind: 'embedded', databaseUrl },
        secureContext: createSecureContext({ cert: certificate, key }),
        signingKey: newKey().key,
        decisionKeys: decisions.trusted as never,
        targets: new Map([[target.name, target]]),
        policy:
          options.policy === undefined
            ? loadBuiltinPolicy()
            : loadPolicy({ text: options.policy, file: 'test.yaml' }),
      },
      {
        eventLog,
        clock: systemClock,
        newId,
        randomBytes,
        logger,
        ...(options.holdLimits === undefined ? {} : { holdLimits: options.holdLimits }),
        ...(options.loginMs === undefined ? {} : { loginMs: options.loginMs }),
      },
    );
    const made = new TemporaryGateway(postgres, issuer, eventLog, gateway, ca, decisions.key, folder);
    await made.follow('statements');
    await made.follow('requests');
    return made;
  }

  token(name: string, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return this.issuer.token(name, 'countersign-gateway', { groups: ['engineering'], ...claims });
  }

  /** A client that is not connected yet. */
  async newClient(
    options: { user?: string; password?: string; database?: string } & pg.ClientConfig = {},
  ): Promise<pg.Client> {
    const user = options.user ?? 'alice';
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.gateway.port,
      database: 'shop',
      ssl: { ca: this.ca },
      ...options,
      user,
      password: options.password ?? (await this.token(user)),
    });
    // A connection that ends under a test shows in what the test waits for.
    client.on('error', () => undefined);
    return client;
  }

  async connect(options: pg.ClientConfig & { user?: string } = {}): Promise<pg.Client> {
    const client = await this.newClient(options as never);
    await client.connect();
    this.clients.push(client);
    return client;
  }

  /** A superuser at the target itself, beside the gateway. */
  async direct(): Promise<pg.Client> {
    const client = new pg.Client(this.postgres.adminUrl('shop'));
    await client.connect();
    this.clients.push(client);
    return client;
  }

  /** Forgets the events so far. */
  forget(): void {
    this.events.length = 0;
  }

  of<T extends EventType>(type: T): EventOf<T>[] {
    return this.events.filter((event) => event.type === type) as EventOf<T>[];
  }

  /** Waits for an event of this type that fits. */
  async event<T extends EventType>(
    type: T,
    fits: (event: EventOf<T>) => boolean = () => true,
  ): Promise<EventOf<T>> {
    let found: EventOf<T> | undefined;
    await eventually(() => {
      found = this.of(type).find(fits);
      if (found === undefined)
        throw new Error(`no ${type} among ${this.events.map((event) => event.type).join(', ')}`);
    });
    return found as EventOf<T>;
  }

  /** The intent of a text and its outcome. */
  async outcomeOf(text: string | RegExp): Promise<{
    intent: EventOf<'statement.intent-recorded'>;
    outcome: EventOf<'statement.outcome-recorded'>;
  }> {
    const intent = await this.event('statement.intent-recorded', ({ statement }) =>
      typeof text === 'string' ? statement.text === text : text.test(statement.text ?? ''),
    );
    const outcome = await this.event('statement.outcome-recorded', (event) => event.intentId === intent.id);
    return { intent, outcome };
  }

  /** Appends a decision to the event log, signed by approvals' key unless told otherwise. */
  async decide(
    decision: { requestId: string; digest: string; verdict?: 'granted' | 'refused' } & Readonly<
      Record<string, unknown>
    >,
    /** null: unsigned. */
    key: SigningKey | null = this.decisionKey,
  ): Promise<Buffer> {
    const now = Date.now();
    const event = {
      id: newId(),
      type: 'decision.issued',
      schemaVersion: 1,
      time: new Date(now).toISOString(),
      tenant: 'default',
      producer: newId(),
      producerSeq: 0,
      gatewayId: this.gateway.gatewayId,
      verdict: 'granted',
      issuedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + 600_000).toISOString(),
      decidedBy: ['bob'],
      ...decision,
    } as Envelope;
    const bytes = key === null ? encodeEvent(event) : signEvent(event, key);
    await this.append(bytes);
    return bytes;
  }

  /** Appends how far the review of a held statement has come, signed by approvals' key unless told otherwise. */
  async progress(
    progress: { requestId: string; signed: number; needed: number } & Readonly<Record<string, unknown>>,
    key: SigningKey = this.decisionKey,
  ): Promise<void> {
    const time = new Date().toISOString();
    const event = {
      id: newId(),
      type: 'hold.progressed',
      schemaVersion: 1,
      time,
      tenant: 'default',
      producer: newId(),
      producerSeq: 0,
      gatewayId: this.gateway.gatewayId,
      issuedAt: time,
      escalated: 0,
      ...progress,
    };
    await this.append(signEvent(event, key));
  }

  /** Appends the signed answer to an attempt of a client that does not wait. */
  async answer(
    receipt: {
      requestId: string;
      intentId: string;
      digest: string;
      verdict: 'consumed' | 'pending' | 'refused';
    } & Readonly<Record<string, unknown>>,
    key: SigningKey = this.decisionKey,
  ): Promise<Buffer> {
    const now = Date.now();
    const bytes = signEvent(
      {
        id: newId(),
        type: 'receipt.issued',
        schemaVersion: 1,
        time: new Date(now).toISOString(),
        tenant: 'default',
        producer: newId(),
        producerSeq: 0,
        gatewayId: this.gateway.gatewayId,
        issuedAt: new Date(now).toISOString(),
        expiresAt: new Date(now + 600_000).toISOString(),
        ...(receipt.verdict === 'consumed' ? { decisionId: newId(), decidedBy: ['bob'] } : {}),
        ...receipt,
      } as Envelope,
      key,
    );
    await this.append(bytes);
    return bytes;
  }

  /** Appends bytes to this gateway's decisions. */
  async append(bytes: Buffer): Promise<void> {
    const producer = await this.eventLog.producer();
    const key = this.gateway.gatewayId;
    await producer.append([
      { topic: 'decisions', partition: partitionOf('decisions', key), key, value: bytes },
    ]);
    await producer.close(1_000);
  }

  stopGateway(): Promise<void> {
    this.stopped ??= this.gateway.stop();
    return this.stopped;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end().catch(() => undefined)));
    await this.stopGateway();
    await this.eventLog.close();
    await this.issuer.close();
    await this.postgres.dispose();
    await rm(this.scratch, { recursive: true, force: true });
  }

  private async follow(topic: Topic): Promise<void> {
    for (let partition = 0; partition < TOPICS[topic].partitions; partition += 1) {
      await this.eventLog.tail({
        topic,
        partition,
        reader: `test-${topic}-${partition}`,
        from: 'start',
        onRecord: ({ value }) => {
          const parsed = parseEvent(value ?? Buffer.alloc(0));
          if (!parsed.ok) throw new Error(parsed.problem);
          this.events.push(parsed.event);
        },
        onFatal: (error) => {
          throw error;
        },
      });
    }
  }
}
