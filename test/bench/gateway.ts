import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { startLocalStack, type LocalStack } from '../e2e/local-stack.js';
import { durableWriteMs } from './disk.js';
import { Downstream } from './downstream.js';
import {
  havePgbench,
  pgbenchInitialise,
  pgbenchSelectOnly,
  type Contender,
  type Protocol,
} from './pgbench.js';
import { startPgbouncer } from './pgbouncer.js';
import { median, table } from './statistics.js';

const POOLER = 'pgbouncer';
const POOLER_LETS_GO_MS = 2_000;
/** The whole product: events are drained and sealed on the same machine meanwhile. */
const WHOLE = 'countersign';
/** The gateway by itself: recording is on, but nothing takes the events until the round is over. */
const ALONE = 'gateway alone';

interface Row {
  readonly protocol: Protocol;
  readonly clients: number;
  readonly tps: Readonly<Record<string, number>>;
  readonly latencyMs: Readonly<Record<string, number>>;
  /** CPU time of the gateway's process for one statement, microseconds, by contender. */
  readonly gatewayCpuMicroseconds: Readonly<Record<string, number>>;
  /** One durable write of 4 KB on the spool's disk, measured beside. */
  readonly durableWriteMs: number;
}

interface Length {
  readonly rounds: number;
  readonly seconds: number;
}

/** How long each protocol runs before anything is measured: the compilers of Node.js must have seen it. */
const WARM_UP_SECONDS = 10;

/**
 * pgbench's select-only script through the gateway (strict recording, TLS) beside the target directly,
 * pgbouncer (session pooling, TLS to the client) and a relay that passes bytes on unread. Interleaved rounds
 * in one run: only the ratios count.
 */
export async function benchGateway(options: {
  json: boolean;
  short: boolean;
  clients?: readonly number[];
}): Promise<void> {
  if (!(await havePgbench())) throw new Error('pgbench is not installed (Debian: postgresql-contrib)');
  const stack = await startLocalStack({ environment: { KAFKA_BROKERS: '' } });
  const closers: (() => void | Promise<void>)[] = [() => stack.stop()];
  try {
    await pgbenchInitialise(targetUrlOf(stack).href);
    const contenders = await contendersFor(stack, closers);
    const rows: Row[] = [];
    const protocols = ['simple', 'extended', 'prepared'] as const;
    await warmUp(stack, contenders, protocols);
    for (const protocol of protocols)
      for (const clients of options.clients ?? (options.short ? [8] : [1, 8, 32, 128])) {
        const length = options.short ? { rounds: 1, seconds: 3 } : { rounds: 3, seconds: 4 };
        rows.push(await compare(stack, contenders, { protocol, clients, length }));
      }
    if (options.json) console.log(JSON.stringify({ bench: 'gateway', rows }));
    else print(rows, contenders);
    if (!contenders.some(({ name }) => name === POOLER)) console.error('left out: pgbouncer (not installed)');
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

const targetUrlOf = (stack: LocalStack): URL => new URL(stack.ready.targets['shop']?.adminUrl as string);

async function contendersFor(
  stack: LocalStack,
  closers: (() => void | Promise<void>)[],
): Promise<Contender[]> {
  const target = targetUrlOf(stack);
  const certificate = path.join(stack.home, 'keys', 'tls-cert.pem');
  const key = path.join(stack.home, 'keys', 'tls-key.pem');
  const admin = {
    PGUSER: target.username,
    PGPASSWORD: decodeURIComponent(target.password),
    PGDATABASE: 'shop',
  };
  const relayPort = await freePort();
  const relay = fork(
    fileURLToPath(new URL('./bare-relay.js', import.meta.url)),
    [`${relayPort}`, target.hostname, target.port, certificate, key],
    { stdio: 'inherit' },
  );
  closers.push(() => void relay.kill());
  await once(relay, 'message');
  const pgbouncer = await startPgbouncer({ targetUrl: target.href, database: 'shop', certificate, key });
  if (pgbouncer !== undefined) closers.push(() => pgbouncer.stop());
  const alice = stack.ready.identities.find((identity) => identity.name === 'alice');
  const gateway = {
    PGHOST: '127.0.0.1',
    PGPORT: `${stack.ready.gateway.postgres.port}`,
    PGUSER: 'alice',
    PGPASSWORD: alice?.password ?? '',
    PGDATABASE: 'shop',
    PGSSLMODE: 'require',
  };
  return [
    {
      name: 'direct',
      env: { ...admin, PGHOST: target.hostname, PGPORT: target.port, PGSSLMODE: 'disable' },
    },
    ...(pgbouncer === undefined
      ? []
      : [
          {
            name: POOLER,
            env: {
              PGHOST: '127.0.0.1',
              PGPORT: `${pgbouncer.port}`,
              PGUSER: 'alice',
              PGDATABASE: 'shop',
              PGSSLMODE: 'require',
            },
          },
        ]),
    {
      name: 'bare relay',
      env: { ...admin, PGHOST: '127.0.0.1', PGPORT: `${relayPort}`, PGSSLMODE: 'require' },
    },
    { name: WHOLE, env: gateway },
    { name: ALONE, env: gateway },
  ];
}

async function warmUp(
  stack: LocalStack,
  contenders: readonly Contender[],
  protocols: readonly Protocol[],
): Promise<void> {
  for (const contender of contenders)
    if (contender.name !== ALONE)
      for (const protocol of protocols) {
        process.stderr.write(`${protocol}, warming up: ${contender.name}\n`);
        await pgbenchSelectOnly(contender, { protocol, clients: 8, seconds: WARM_UP_SECONDS });
      }
  await new Downstream(stack).settled();
}

async function compare(
  stack: LocalStack,
  contenders: readonly Contender[],
  { protocol, clients, length }: { protocol: Protocol; clients: number; length: Length },
): Promise<Row> {
  const downstream = new Downstream(stack);
  const tps = new Figures();
  const latency = new Figures();
  const cpu = new Figures();
  const disk: number[] = [];
  for (let round = 0; round < length.rounds; round += 1) {
    disk.push(durableWriteMs(stack.home));
    for (const contender of contenders) {
      const { name } = contender;
      process.stderr.write(
        `${protocol}, ${clients} clients, round ${round + 1} of ${length.rounds}: ${name}\n`,
      );
      const isGateway = name === WHOLE || name === ALONE;
      if (name === ALONE) await downstream.freeze();
      try {
        const before = isGateway ? await downstream.gatewayCpuSeconds() : 0;
        const measured = await pgbenchSelectOnly(contender, { protocol, clients, seconds: length.seconds });
        tps.add(name, measured.tps);
        latency.add(name, measured.latencyMs);
        if (isGateway) {
          const used = (await downstream.gatewayCpuSeconds()) - before;
          cpu.add(name, (used * 1e6) / (measured.tps * length.seconds));
        }
      } finally {
        if (name === ALONE) await downstream.thaw();
      }
      if (isGateway) await downstream.settled();
      // Its connections at the target outlive their clients by a moment, and the target's number is bounded.
      if (name === POOLER) await sleep(POOLER_LETS_GO_MS);
    }
  }
  return {
    protocol,
    clients,
    tps: tps.medians(),
    latencyMs: latency.medians(),
    gatewayCpuMicroseconds: cpu.medians(),
    durableWriteMs: median(disk),
  };
}

class Figures {
  private readonly values = new Map<string, number[]>();

  add(name: string, value: number): void {
    this.values.set(name, [...(this.values.get(name) ?? []), value]);
  }

  medians(): Record<string, number> {
    return Object.fromEntries([...this.values].map(([name, list]) => [name, median(list)]));
  }
}

function print(rows: readonly Row[], contenders: readonly Contender[]): void {
  const names = contenders.map(({ name }) => name);
  const reference = names.includes(POOLER) ? POOLER : 'direct';
  const ratio = (row: Row, name: string): string =>
    ((row.tps[name] ?? 0) / (row.tps[reference] ?? Number.NaN)).toFixed(2);
  const added = (row: Row, name: string): string =>
    ((row.latencyMs[name] ?? 0) - (row.latencyMs['direct'] ?? 0)).toFixed(2);
  console.log(
    table([
      [
        'protocol',
        'clients',
        ...names.map((name) => `${name} tps`),
        ...['bare relay', WHOLE, ALONE].map((name) => `${name} of ${reference}`),
        'added ms',
        'added ms alone',
        'durable write ms',
        'gateway CPU µs',
      ],
      ...rows.map((row) => [
        row.protocol,
        `${row.clients}`,
        ...names.map((name) => (row.tps[name] ?? 0).toFixed(0)),
        ...['bare relay', WHOLE, ALONE].map((name) => ratio(row, name)),
        ...[WHOLE, ALONE].map((name) => added(row, name)),
        row.durableWriteMs.toFixed(2),
        (row.gatewayCpuMicroseconds[ALONE] ?? 0).toFixed(0),
      ]),
    ]),
  );
}
