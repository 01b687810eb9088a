import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalStack } from '../e2e/local-stack.js';

const SETTLE_MS = 180_000;

/** What stands behind the gateway in a local stack: the event log's database, approvals and audit. */
export class Downstream {
  constructor(private readonly stack: LocalStack) {}

  /** Stops them where they are, as if they were on machines that cannot be reached. */
  async freeze(): Promise<void> {
    await this.signal('SIGSTOP');
  }

  async thaw(): Promise<void> {
    await this.signal('SIGCONT');
  }

  /** Resolves once everything spooled is sealed, so that whoever is measured next has the machine to itself. */
  async settled(): Promise<void> {
    const { gateway, audit } = this.stack.ready;
    const deadline = performance.now() + SETTLE_MS;
    for (;;) {
      const pending = await sumOf(gateway.url, 'countersign_spool_pending_events');
      const behind = await sumOf(audit.url, 'countersign_event_log_consumer_lag_records');
      if (pending + behind === 0) return;
      if (performance.now() > deadline)
        throw new Error(`${pending} events spooled and ${behind} not sealed after ${SETTLE_MS / 1000} s`);
      await sleep(250);
    }
  }

  /** CPU seconds that the gateway has used so far. */
  gatewayCpuSeconds(): Promise<number> {
    return sumOf(this.stack.ready.gateway.url, 'process_cpu_seconds_total');
  }

  private async signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    for (const name of ['audit', 'approvals', 'platform-postgres'] as const)
      for (const pid of await withChildren(await this.stack.processId(name))) process.kill(pid, signal);
  }
}

async function sumOf(url: string, metric: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${metric}{`));
  if (lines.length === 0) throw new Error(`${url}/metrics has no ${metric}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function withChildren(pid: number): Promise<number[]> {
  const all = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const children = await Promise.all(
    all.map(async (name) => {
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      return parent === pid ? [Number(name)] : [];
    }),
  );
  return [pid, ...children.flat()];
}
