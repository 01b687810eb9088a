import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { GatewayRig } from './gateway-rig.js';

export const MODES = ['simple', 'extended', 'prepared'] as const;
export type Mode = (typeof MODES)[number];

/**
 * Clients that send a small transaction after another, each statement with a number of its own, and
 * connect again whenever their connection breaks; as pgbench does it in each of its three modes.
 */
export class GatewayTraffic {
  private stopped = false;
  private next = 0;
  private readonly running: Promise<void>[] = [];
  /** Statements that were answered, as text and parameter. */
  readonly answers: string[] = [];

  constructor(
    private readonly rig: GatewayRig,
    private readonly password: string,
  ) {}

  begin(clientsPerMode: number): void {
    for (const mode of MODES)
      for (let index = 0; index < clientsPerMode; index += 1) this.running.push(this.client(mode));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
  }

  /** Resolves when so many more statements were answered. */
  async progress(statements: number): Promise<void> {
    const goal = this.answers.length + statements;
    while (this.answers.length < goal) await sleep(5);
  }

  private async client(mode: Mode): Promise<void> {
    while (!this.stopped) {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: this.rig.port,
        user: 'alice',
        database: 'shop',
        password: this.password,
        ssl: { ca: this.rig.ca },
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!this.stopped) await this.transaction(client, mode);
      } catch {
        await sleep(20);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  private async transaction(client: pg.Client, mode: Mode): Promise<void> {
    await this.run(client, mode, 'BEGIN');
    await this.run(client, mode, 'INSERT INTO numbers VALUES (?)', (this.next += 1));
    await this.run(client, mode, 'UPDATE numbers SET n = n WHERE n = ?', (this.next += 1));
    await this.run(client, mode, 'SELECT n FROM numbers WHERE n = ?', (this.next += 1));
    await this.run(client, mode, 'END');
    await this.run(client, mode, 'SELECT n AS alone FROM numbers WHERE n = ?', (this.next += 1));
  }

  private async run(client: pg.Client, mode: Mode, text: string, value?: number): Promise<void> {
    const literal = mode === 'simple' || value === undefined;
    const sent = text.replace('?', literal ? String(value) : '$1');
    if (literal) await client.query(sent);
    else
      await client.query({
        text: sent,
        values: [value],
        ...(mode === 'prepared' ? { name: text.slice(0, 10) } : {}),
      });
    this.answers.push(`${sent}|${literal ? '' : `'${value}'`}`);
  }
}
