import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '#libs/kernel/coded-error.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';

const RECONNECT_MS = 500;

type Listener = (payload: string) => void;

/**
 * LISTEN on a connection of its own. Notifications are a hint and may be lost with the connection:
 * whoever listens also polls. After a reconnect every listener is called once with an empty payload.
 */
export class Notifications {
  private readonly listeners = new Map<string, Set<Listener>>();
  private client: PgClient | undefined;
  private connecting: Promise<void> | undefined;
  /** LISTENs go out one after the other. */
  private subscribing: Promise<void> = Promise.resolve();
  private closed = false;
  private readonly stopped = new AbortController();

  constructor(
    private readonly url: string,
    private readonly applicationName: string,
    private readonly logger: Logger,
  ) {}

  /** Calls the listener for each notification of the channel (a plain identifier) until the returned function is called. */
  listen(channel: string, listener: Listener): () => void {
    const known = this.listeners.get(channel);
    if (known !== undefined) known.add(listener);
    else {
      this.listeners.set(channel, new Set([listener]));
      if (this.client !== undefined) this.subscribe(this.client, channel);
    }
    this.connect();
    return () => this.listeners.get(channel)?.delete(listener);
  }

  /** Whether notifications arrive now. */
  get isListening(): boolean {
    return this.client !== undefined;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.stopped.abort();
    await this.connecting;
    await this.client?.end();
  }

  private connect(): void {
    if (this.client !== undefined || this.closed) return;
    this.connecting ??= this.connectUntilThere().finally(() => (this.connecting = undefined));
  }

  private async connectUntilThere(): Promise<void> {
    while (!this.closed) {
      try {
        const client = await connectClient(this.url, this.applicationName);
        client.on('notification', ({ channel, payload }) => this.dispatch(channel, payload ?? ''));
        client.on('error', (error) => this.lost(client, error));
        client.on('end', () => this.lost(client, undefined));
        this.client = client;
        for (const channel of this.listeners.keys()) this.subscribe(client, channel);
        return;
      } catch (error) {
        this.logger.warn({ error: messageOf(error) }, 'no connection to listen for new events, polling');
        await sleep(RECONNECT_MS, undefined, { signal: this.stopped.signal }).catch((reason: unknown) => {
          if (!this.closed) throw reason;
        });
      }
    }
  }

  private subscribe(client: PgClient, channel: string): void {
    this.subscribing = this.subscribing
      .then(() => (this.client === client ? client.query(`LISTEN "${channel}"`) : undefined))
      .then(
        () => this.dispatch(channel, ''),
        (error: unknown) => this.lost(client, error),
      );
  }

  private lost(client: PgClient, error: unknown): void {
    if (this.client !== client) return;
    this.client = undefined;
    if (!this.closed)
      this.logger.warn({ error: messageOf(error ?? 'closed') }, 'the connection that listens was lost');
    void client.end().catch(() => undefined);
    this.connect();
  }

  private dispatch(channel: string, payload: string): void {
    for (const listener of this.listeners.get(channel) ?? []) listener(payload);
  }
}
