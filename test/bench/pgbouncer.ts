import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { postgresSystemUser } from '#libs/embedded-postgres/system-user.js';

export interface Pgbouncer {
  readonly port: number;
  stop(): Promise<void>;
}

/** pgbouncer in session mode with TLS to the client, in front of the target. undefined: not installed. */
export async function startPgbouncer(options: {
  targetUrl: string;
  database: string;
  certificate: string;
  key: string;
}): Promise<Pgbouncer | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-pgbouncer-'));
  await chmod(folder, 0o755);
  const target = new URL(options.targetUrl);
  const port = await freePort();
  for (const [name, source] of [
    ['cert.pem', options.certificate],
    ['key.pem', options.key],
  ] as const) {
    await writeFile(path.join(folder, name), await readFile(source), { mode: 0o644 });
  }
  await writeFile(
    path.join(folder, 'pgbouncer.ini'),
    `[databases]
${options.database} = host=${target.hostname} port=${target.port} dbname=${options.database} user=${target.username} password=${decodeURIComponent(target.password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
max_client_conn = 300
default_pool_size = 200
server_lifetime = 1
client_tls_sslmode = require
client_tls_cert_file = ${folder}/cert.pem
client_tls_key_file = ${folder}/key.pem
ignore_startup_parameters = extra_float_digits
`,
  );
  const user = await postgresSystemUser();
  const child = spawn('pgbouncer', [path.join(folder, 'pgbouncer.ini')], {
    ...user,
    cwd: '/',
    stdio: 'ignore',
  });
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let missing = false;
  child.once('error', () => (missing = true));
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await sleep(50);
    if (missing) return undefined;
    if (await answers(port)) {
      return {
        port,
        stop: async () => {
          child.kill('SIGINT');
          await gone;
          await rm(folder, { recursive: true, force: true });
        },
      };
    }
  }
  child.kill('SIGKILL');
  throw new Error('pgbouncer is installed but did not start');
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
