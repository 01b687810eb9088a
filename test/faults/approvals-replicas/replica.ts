import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { packageRoot } from '#deploy/local/package-root.js';
import { eventually } from '../../e2e/eventually.js';

/** One process of approvals, which can be killed and comes back at the same address. */
export class Replica {
  private child: ChildProcess | undefined;
  private output = '';

  constructor(
    private readonly environment: Readonly<Record<string, string>>,
    private readonly port: number,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const main = path.join(packageRoot, 'dist', 'apps', 'approvals', 'src', 'main.js');
    const child = spawn(process.execPath, [main], {
      env: { ...this.environment, COUNTERSIGN_APPROVALS_PORT: String(this.port) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.output = (this.output + chunk.toString()).slice(-4_000)));
    await eventually('the replica answers', 120_000, async () => {
      if (child.exitCode !== null) throw new Error(`the replica ended: ${this.output}`);
      const answer = await fetch(`${this.url}/healthz`).catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    });
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}
