// A gateway as a process of its own that can be killed, with a target whose log names every execution.
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { makeCertificate } from '#deploy/local/development-ca.js';
import { packageRoot, program } from '#deploy/local/package-root.js';
import { parseEvent, type AnyEvent } from '#libs/contracts/events/registry.js';
import { startCluster, type Cluster } from '#libs/embedded-postgres/cluster.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { migrate } from '#libs/postgres/migrate.js';
import { endWithParent } from '#libs/testing/end-with-parent.js';
import { eventually } from '#libs/testing/eventually.js';
import { startTokenIssuer, type TokenIssuer } from '#libs/testing/token-issuer.js';

const MAIN = program('apps/gateway/src/main.js');

/** Each line of the target's log names the session: application_name ends with ` cs:<session id>`. */
const LOG_SETTINGS = {
  log_statement: 'all',
  log_line_prefix: '<%a|%p> ',
  log_parameter_max_length: '-1',
  fsync: 'off',
};

const POLICY = 'version: 1\ndefault: allow\nmasking: off\nrules: []\n';

export interface RigOptions {
  /** As many as the server takes; 200 where absent. */
  readonly connections?: number;
  /** A folder with the programs of an installed PostgreSQL that runs in place of the bundled one. */
  readonly programs?: string | undefined;
}

export class GatewayRig {
  private child: ChildProcess | undefined;

  private constructor(
    readonly folder: string,
    readonly cluster: Cluster,
    private readonly issuer: TokenIssuer,
    readonly ca: string,
    readonly port: number,
    private readonly environment: Record<string, string>,
  ) {}

  /** `recording` as in the targets file, with what belongs to it. */
  static async start(recording = 'strict', options: RigOptions = {}): Promise<GatewayRig> {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-rig-'));
    await chmod(folder, 0o711);
    const cluster = await startCluster({
      directory: path.join(folder, 'data'),
      port: await freePort(),
      password: randomUUID(),
      logFile: path.join(folder, 'target.log'),
      settings: { ...LOG_SETTINGS, max_connections: String(options.connections ?? 200) },
      programs: options.programs,
    });
    endWithParent(cluster.pid, cluster.exited, folder);
    const admin = new pg.Client(cluster.adminUrl());
    await admin.connect();
    await admin.query('CREATE DATABASE shop');
    // The event log's own statements are no part of the comparison, and carry every event once more.
    await admin.query("ALTER DATABASE postgres SET log_statement = 'none'");
    await admin.end();
    const shop = new pg.Client(cluster.adminUrl('shop'));
    await shop.connect();
    await shop.query('CREATE TABLE numbers (n bigint)');
    await shop.end();
    await migrate(cluster.adminUrl(), path.join(packageRoot, 'deploy/migrations'), ['roles', 'event-log']);
    const issuer = await startTokenIssuer();
    const made = await makeCertificate(new Date());
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(path.join(folder, name), text, { mode: 0o600 });
      return path.join(folder, name);
    };
    const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const port = await freePort();
    return new GatewayRig(folder, cluster, issuer, made.ca, port, {
      PATH: process.env['PATH'] ?? '',
      COUNTERSIGN_HOME: folder,
      COUNTERSIGN_LOG_LEVEL: 'info',
      COUNTERSIGN_OIDC_ISSUER: issuer.issuer,
      COUNTERSIGN_GATEWAY_PORT: String(port),
      COUNTERSIGN_GATEWAY_HTTP_PORT: String(await freePort()),
      COUNTERSIGN_GATEWAY_TLS_CERT: await file('cert.pem', made.certificate),
      COUNTERSIGN_GATEWAY_TLS_KEY: await file('key.pem', made.key),
      COUNTERSIGN_GATEWAY_SIGNING_KEY: await file('signing.pem', privateKey),
      COUNTERSIGN_DECISION_KEYS: await file('decisions.pem', publicKey),
      COUNTERSIGN_POLICY: await file('policy.yaml', POLICY),
      COUNTERSIGN_TARGETS: await file(
        'targets.yaml',
        `targets: { shop: { kind: postgres, url: "${cluster.adminUrl('shop')}", environment: production, recording: ${recording} } }`,
      ),
      DATABASE_URL: cluster.adminUrl(),
    });
  }

  /** Starts the gateway and resolves when it is ready. `extra` overrides its environment from now on. */
  async startGateway(extra: Record<string, string> = {}): Promise<ChildProcess> {
    Object.assign(this.environment, extra);
    const child = spawn(process.execPath, [MAIN], {
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    endWithParent(child.pid as number, once(child, 'exit'));
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
    const url = `http://127.0.0.1:${this.environment['COUNTERSIGN_GATEWAY_HTTP_PORT']}/readyz`;
    const gone = (): boolean => child.exitCode !== null || child.signalCode !== null;
    await eventually(async () => {
      if (gone()) return;
      const answer = await fetch(url).catch((cause: unknown) => {
        throw new Error(`the gateway does not answer; it said: ${said}`, { cause });
      });
      if (answer.status !== 200) throw new Error(`not ready: ${await answer.text()}; it said: ${said}`);
    }, 300_000);
    if (gone()) throw new Error(`the gateway exited with ${child.exitCode ?? child.signalCode}: ${said}`);
    return child;
  }

  /** Resolves when the process no longer runs and its last system call is over. */
  async freezeGateway(): Promise<void> {
    this.child?.kill('SIGSTOP');
    const tasks = `/proc/${this.child?.pid}/task`;
    await eventually(async () => {
      for (const task of await readdir(tasks)) {
        const status = await readFile(`${tasks}/${task}/stat`, 'utf8');
        if (status.slice(status.lastIndexOf(')') + 2, status.lastIndexOf(')') + 3) !== 'T')
          throw new Error('it still runs');
      }
    }, 10_000);
  }

  async signalGateway(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  token(name = 'alice'): Promise<string> {
    return this.issuer.token(name, 'countersign-gateway');
  }

  /** What the event log holds, each event once: it delivers at least once. */
  async events(): Promise<AnyEvent[]> {
    const log = new pg.Client(this.cluster.adminUrl());
    await log.connect();
    const { rows } = await log.query<{ value: Buffer }>(
      `SELECT value FROM event_log.log WHERE topic = 'statements' ORDER BY partition, "offset"`,
    );
    await log.end();
    const events = new Map<string, AnyEvent>();
    for (const { value } of rows) {
      const parsed = parseEvent(value);
      if (!parsed.ok) throw new Error(parsed.problem);
      events.set(parsed.event.id, parsed.event);
    }
    return [...events.values()];
  }

  /** The lines of the target's log: after a thousand kills more than one string holds. */
  targetLog(): AsyncIterable<string> {
    return createInterface({ input: createReadStream(path.join(this.folder, 'target.log'), 'utf8') });
  }

  async dispose(): Promise<void> {
    this.child?.kill('SIGCONT');
    await this.signalGateway('SIGKILL');
    await this.issuer.close();
    await this.cluster.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
