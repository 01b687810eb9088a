import { parse } from 'yaml';
import { z } from 'zod';
import { recordingModes, type RecordingMode } from './events/statement-events.js';

/** libpq's, without `allow`, which would offer the password in the clear first. */
export const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

/** A target as the gateway reaches it. Holds the target's password: never logged, never recorded. */
export interface TargetConfiguration {
  readonly name: string;
  readonly kind: 'postgres';
  readonly environment: string;
  readonly recording: RecordingMode;
  /** With `replicated`: 1 lets the gateway start on Kafka topics with min.insync.replicas below 2. */
  readonly replicas?: 1 | undefined;
  readonly maxConnections: number;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly sslMode: SslMode;
  /** A file of CA certificates, or `system`; undefined is the system's too. */
  readonly sslRootCert: string | undefined;
}

const entrySchema = z.strictObject({
  kind: z.literal('postgres'),
  url: z.string().min(1),
  environment: z.string().min(1).max(64),
  recording: z.enum(recordingModes).default('strict'),
  replicas: z.literal(1).optional(),
  /** How many sessions may be open at this target at once, each with a connection of its own. */
  maxConnections: z.int().min(1).max(100_000).default(500),
});

const fileSchema = z.strictObject({
  targets: z.record(
    z.string().regex(/^[^\s/\u0000]{1,63}$/, 'a target name has 1 to 63 characters, no space and no slash'),
    entrySchema,
  ),
});

/**
 * Reads the targets file (CONTRACT.md). `${NAME}` anywhere in a value comes from the environment,
 * percent-encoded within a url. Throws an Error of one line that names the target and what is wrong.
 */
export function parseTargets(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, TargetConfiguration> {
  const result = fileSchema.safeParse(substitute(readYaml(text), environment));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new Error(`${issue?.path.join('.') || 'targets'}: ${issue?.message ?? 'not valid'}`);
  }
  const entries = Object.entries(result.data.targets);
  if (entries.length === 0) throw new Error('targets: there is none');
  return new Map(entries.map(([name, entry]) => [name, readTarget(name, entry)]));
}

function readYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new Error(`not YAML: ${(error as Error).message.split('\n')[0]}`, { cause: error });
  }
}

function substitute(
  value: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  key = '',
): unknown {
  if (Array.isArray(value)) return value.map((item) => substitute(item, environment));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, substitute(item, environment, name)]),
    );
  if (typeof value !== 'string') return value;
  return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const found = environment[name];
    if (found === undefined || found === '') throw new Error(`the environment variable ${name} is not set`);
    return key === 'url' ? encodeURIComponent(found) : found;
  });
}

const PARAMETERS = new Set(['sslmode', 'sslrootcert']);

function readTarget(name: string, entry: z.output<typeof entrySchema>): TargetConfiguration {
  const wrong = (problem: string): Error => new Error(`targets.${name}.url: ${problem}`);
  const url = URL.canParse(entry.url) ? new URL(entry.url) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol))
    throw wrong('must be postgresql://user:password@host:port/database');
  for (const parameter of url.searchParams.keys())
    if (!PARAMETERS.has(parameter))
      throw wrong(`the parameter ${parameter} is not known; ${[...PARAMETERS].join(' and ')} are`);
  const sslMode = url.searchParams.get('sslmode') ?? 'prefer';
  if (!sslModes.includes(sslMode as SslMode)) throw wrong(`sslmode must be one of ${sslModes.join(', ')}`);
  if (url.hostname === '' || url.username === '') throw wrong('host and user are needed');
  const user = decodeURIComponent(url.username);
  const database = decodeURIComponent(url.pathname.replace(/^\//, '')) || user;
  if (Buffer.byteLength(database) > 63) throw wrong('the database name is longer than 63 bytes');
  return {
    name,
    kind: entry.kind,
    environment: entry.environment,
    recording: entry.recording,
    replicas: entry.replicas,
    maxConnections: entry.maxConnections,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    database,
    sslMode: sslMode as SslMode,
    sslRootCert: url.searchParams.get('sslrootcert') ?? undefined,
  };
}
