import path from 'node:path';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { FileDirectory, type Person } from '#libs/identity/directory.js';
import { z } from 'zod';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import type { Home } from './home/home.js';
import { startRecorded, type ProcessName, type Stack } from './home/stack-file.js';
import { writeSecretFile } from './home/write-file.js';
import { sampleIdentities } from './identities.js';
import { obtainTokens } from './idp/obtain-tokens.js';
import { ensureDatabase, urlAs } from './login-role.js';
import { ensureServiceRoles, migratePlatform, services } from './platform-database.js';
import type { Progress } from './progress.js';
import { prepareShop, SAMPLE_DATABASE, SAMPLE_ROLE } from './sample-target/prepare-shop.js';
import { issuerOf } from './service-environments.js';
import {
  startPostgres,
  startService,
  untilReady,
  type PostgresName,
  type ServiceName,
  type StartedPostgres,
  type StartedProcess,
} from './start-process.js';
import type { StartSettings } from './start-settings.js';

export const PLATFORM_DATABASE = 'countersign';

export interface StackPlan {
  readonly home: Home;
  readonly stack: Stack;
  readonly settings: StartSettings;
  readonly progress: Progress;
  /** What every process gets beside its settings. */
  readonly inherited: Readonly<Record<string, string>>;
  /** Throws once the person has asked to stop. */
  readonly interrupted: () => void;
  /** Called for each process as soon as it runs. */
  readonly onStarted: (name: ProcessName, started: StartedProcess) => void;
}

/** Starts every part of the plan and returns what goes into ready.json. What was started is recorded, also on failure. */
export async function startLocalStack(plan: StackPlan): Promise<Omit<ReadyFile, 'processes'>> {
  const { settings, stack } = plan;
  await together([
    startPlatform(plan),
    settings.COUNTERSIGN_TARGETS === undefined ? startSampleTarget(plan) : Promise.resolve(),
    startPart(plan, 'idp', 'sample identities'),
  ]);
  plan.interrupted();
  await together([
    startPart(plan, 'gateway', `PostgreSQL protocol on ${stack.ports.gateway}`),
    startPart(plan, 'approvals', baseUrl(stack.ports.approvals)),
    startPart(plan, 'audit', baseUrl(stack.ports.audit)),
  ]);
  plan.interrupted();
  return describe(plan);
}

export const adminUrlOf = (stack: Stack, name: PostgresName, database: string): string =>
  urlAs(
    `postgresql://127.0.0.1:${name === 'platform-postgres' ? stack.ports.platform : stack.ports.target}/${database}`,
    'postgres',
    stack.passwords[name] ?? '',
  );

/** The platform database as its owner: DATABASE_URL, or the stack's own server. */
export const ownerUrlOf = (stack: Stack, settings: StartSettings): string =>
  settings.DATABASE_URL ?? adminUrlOf(stack, 'platform-postgres', PLATFORM_DATABASE);

async function startPlatform(plan: StackPlan): Promise<void> {
  const { settings, stack, progress } = plan;
  const ownerUrl = ownerUrlOf(stack, settings);
  if (settings.DATABASE_URL === undefined) {
    const server = await postgres(plan, 'platform-postgres', stack.ports.platform);
    plan.interrupted();
    await withClient(server.adminUrl(), (client) => ensureDatabase(client, PLATFORM_DATABASE));
  } else {
    await progress.step('platform database', 'DATABASE_URL', () =>
      withClient(ownerUrl, async () => undefined).catch((cause: unknown) => {
        throw new CodedError('NO_DATABASE', `DATABASE_URL: cannot connect: ${messageOf(cause)}`, { cause });
      }),
    );
  }
  await progress.step('schema', 'migrations and login roles', async () => {
    await migratePlatform(ownerUrl);
    const kafka = settings.KAFKA_BROKERS !== undefined;
    const passwords = services
      .filter((service) => service !== 'gateway' || !kafka)
      .map((service) => [service, stack.passwords[service] ?? '']);
    await ensureServiceRoles(ownerUrl, Object.fromEntries(passwords));
  });
}

async function startSampleTarget(plan: StackPlan): Promise<void> {
  const { home, stack, progress } = plan;
  const server = await postgres(plan, 'target-postgres', stack.ports.target);
  plan.interrupted();
  const password = stack.passwords[SAMPLE_ROLE] ?? '';
  await progress.step('sample target', `database ${SAMPLE_DATABASE}`, () =>
    prepareShop(server.adminUrl, password),
  );
  const url = urlAs(`postgresql://127.0.0.1:${stack.ports.target}/${SAMPLE_DATABASE}`, SAMPLE_ROLE, password);
  await writeSecretFile(
    home.targets,
    `targets:\n  ${SAMPLE_DATABASE}: { kind: postgres, url: "${url}", environment: production, recording: strict }\n`,
  );
}

async function postgres(plan: StackPlan, name: PostgresName, port: number): Promise<StartedPostgres> {
  const { home, stack, progress } = plan;
  return progress.step(name, `PostgreSQL 18 on ${port}`, async () => {
    const started = await startRecorded(home, name, refuseNothing, () => startPostgres(home, stack, name));
    plan.onStarted(name, started);
    return started;
  });
}

async function startPart(plan: StackPlan, name: ServiceName, detail: string): Promise<void> {
  const { home, stack, progress } = plan;
  await progress.step(name, detail, async () => {
    const environment = { ...plan.inherited, ...stack.environments[name] };
    const started = await startRecorded(home, name, refuseNothing, () =>
      startService(name, environment, home.logOf(name)),
    );
    plan.onStarted(name, started);
    await untilReady(name, `${healthUrl(stack, name)}/readyz`, started, home.logOf(name), plan.interrupted);
  });
}

const baseUrl = (port: number): string => `http://127.0.0.1:${port}`;

function healthUrl({ ports }: Stack, name: ServiceName): string {
  return baseUrl(name === 'gateway' ? ports.gatewayHttp : ports[name]);
}

/** A fresh start: earlier processes were ended before. */
const refuseNothing = async (): Promise<void> => undefined;

async function describe({ home, stack, settings }: StackPlan): Promise<Omit<ReadyFile, 'processes'>> {
  const { ports } = stack;
  const brokers = settings.KAFKA_BROKERS ?? [];
  const [identities, logs] = await Promise.all([
    currentIdentities(home, stack),
    logsOf(baseUrl(ports.audit)),
  ]);
  return {
    gateway: {
      postgres: { host: '127.0.0.1', port: ports.gateway, ca: home.keyFile('tls-ca.pem') },
      url: baseUrl(ports.gatewayHttp),
    },
    approvals: { url: baseUrl(ports.approvals) },
    audit: { url: baseUrl(ports.audit), logs },
    idp: { issuer: issuerOf(ports) },
    targets:
      settings.COUNTERSIGN_TARGETS === undefined
        ? { [SAMPLE_DATABASE]: { adminUrl: adminUrlOf(stack, 'target-postgres', SAMPLE_DATABASE) } }
        : {},
    platform: { adminUrl: ownerUrlOf(stack, settings) },
    eventLog: { kind: brokers.length === 0 ? 'embedded' : 'kafka', brokers: [...brokers] },
    identities,
  };
}

/** Fresh tokens of the sample people the directory knows now, also written where PGPASSWORD is read from. */
export async function currentIdentities(home: Home, stack: Stack): Promise<ReadyFile['identities']> {
  const directory = new FileDirectory(stack.environments.idp?.['COUNTERSIGN_DIRECTORY'] ?? home.directory);
  const found = await Promise.all(sampleIdentities.map(({ name }) => directory.find(name)));
  const people = found.filter((person): person is Person => person !== undefined);
  const identities = await obtainTokens(
    issuerOf(stack.ports),
    stack.environments.idp?.['COUNTERSIGN_IDP_CLIENTS'] ?? home.keyFile('idp-clients.json'),
    people,
  );
  for (const { name, password } of identities)
    await writeSecretFile(path.join(home.passwords, name), `${password}\n`);
  return identities;
}

const logsSchema = z.object({
  logs: z.array(z.object({ origin: z.string(), url: z.string(), vkey: z.string() })),
});

/** Every log of every partition, as audit names them. */
async function logsOf(auditUrl: string): Promise<ReadyFile['audit']['logs']> {
  const url = `${auditUrl}/v1/logs`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return logsSchema.parse(await response.json()).logs;
  } catch (cause) {
    throw new CodedError('NO_LOGS', `audit does not name its logs at ${url}: ${messageOf(cause)}`, { cause });
  }
}

/** Waits for all; throws the first failure only when none is still starting something. */
async function together(work: readonly Promise<void>[]): Promise<void> {
  const settled = await Promise.allSettled(work);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function withClient<T>(url: string, work: (client: PgClient) => Promise<T>): Promise<T> {
  const client = await connectClient(url, 'countersign start');
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
