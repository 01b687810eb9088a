import path from 'node:path';
import { startLocalStack } from '../e2e/local-stack.js';
import {
  havePgbench,
  pgbenchInitialise,
  pgbenchSelectOnly,
  type Contender,
  type Protocol,
} from './pgbench.js';
import { startPgbouncer } from './pgbouncer.js';
import { median, table } from './statistics.js';

interface Row {
  readonly protocol: Protocol;
  readonly clients: number;
  readonly tps: Readonly<Record<string, number>>;
  readonly latencyMs: Readonly<Record<string, number>>;
}

/**
 * pgbench's select-only script through the gateway (strict recording, TLS) beside the target directly and
 * pgbouncer (session pooling, TLS to the client). Interleaved rounds in one run: only the ratios count.
 */
export async function benchGateway(options: { json: boolean; short: boolean }): Promise<void> {
  if (!(await havePgbench())) throw new Error('pgbench is not installed (Debian: postgresql-contrib)');
  const stack = await startLocalStack({ environment: { KAFKA_BROKERS: '' } });
  try {
    const targetUrl = stack.ready.targets['shop']?.adminUrl as string;
    await pgbenchInitialise(targetUrl);
    const target = new URL(targetUrl);
    const pgbouncer = await startPgbouncer({
      targetUrl,
      database: 'shop',
      certificate: path.join(stack.home, 'keys', 'tls-cert.pem'),
      key: path.join(stack.home, 'keys', 'tls-key.pem'),
    });
    const alice = stack.ready.identities.find((identity) => identity.name === 'alice');
    const contenders: Contender[] = [
      {
        name: 'direct',
        env: {
          PGHOST: target.hostname,
          PGPORT: target.port,
          PGUSER: target.username,
          PGPASSWORD: decodeURIComponent(target.password),
          PGDATABASE: 'shop',
          PGSSLMODE: 'disable',
        },
      },
      ...(pgbouncer === undefined
        ? []
        : [
            {
              name: 'pgbouncer',
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
        name: 'countersign',
        env: {
          PGHOST: '127.0.0.1',
          PGPORT: `${stack.ready.gateway.postgres.port}`,
          PGUSER: 'alice',
          PGPASSWORD: alice?.password ?? '',
          PGDATABASE: 'shop',
          PGSSLMODE: 'require',
        },
      },
    ];
    const rows: Row[] = [];
    for (const protocol of ['simple', 'extended', 'prepared'] as const) {
      for (const clients of options.short ? [8] : [1, 8, 32]) {
        rows.push(
          await compare(
            contenders,
            protocol,
            clients,
            options.short ? { rounds: 1, seconds: 2 } : { rounds: 3, seconds: 4 },
          ),
        );
      }
    }
    await pgbouncer?.stop();
    if (options.json) console.log(JSON.stringify({ bench: 'gateway', rows }));
    else print(rows, contenders);
    if (pgbouncer === undefined) console.error('left out: pgbouncer (not installed)');
  } finally {
    await stack.stop();
  }
}

async function compare(
  contenders: readonly Contender[],
  protocol: Protocol,
  clients: number,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Row> {
  const tps = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const latency = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      process.stderr.write(
        `${protocol}, ${clients} clients, round ${round + 1} of ${rounds}: ${contender.name}\n`,
      );
      const measured = await pgbenchSelectOnly(contender, { protocol, clients, seconds });
      tps.get(contender.name)?.push(measured.tps);
      latency.get(contender.name)?.push(measured.latencyMs);
    }
  }
  const medians = (values: Map<string, number[]>): Record<string, number> =>
    Object.fromEntries([...values].map(([name, list]) => [name, median(list)]));
  return { protocol, clients, tps: medians(tps), latencyMs: medians(latency) };
}

function print(rows: readonly Row[], contenders: readonly Contender[]): void {
  const names = contenders.map(({ name }) => name);
  const others = names.filter((name) => name !== 'countersign');
  console.log(
    table([
      [
        'protocol',
        'clients',
        ...names.map((name) => `${name} tps`),
        ...others.map((name) => `of ${name}`),
        'added ms',
      ],
      ...rows.map((row) => [
        row.protocol,
        `${row.clients}`,
        ...names.map((name) => (row.tps[name] ?? 0).toFixed(0)),
        ...others.map((name) => ((row.tps['countersign'] ?? 0) / (row.tps[name] ?? Number.NaN)).toFixed(2)),
        ((row.latencyMs['countersign'] ?? 0) - (row.latencyMs['direct'] ?? 0)).toFixed(2),
      ]),
    ]),
  );
}
