import { CodedError } from '#libs/kernel/coded-error.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { isRefusal } from './refusal.js';

const QUERY_TIMEOUT_MS = 30_000;

/**
 * One connection to the database that is opened when it is needed and opened again after it was lost.
 * Queries run one after the other. A rejected query that is no refusal may have taken effect.
 */
export class Connection {
  private client: Promise<PgClient> | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly applicationName: string,
    private readonly queryTimeoutMs = QUERY_TIMEOUT_MS,
  ) {}

  /** The rows. Gives the connection up when there is no answer in time (30 s unless told). */
  query<Row>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const turn = this.last.then(() => this.run<Row>(text, values));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Cuts a query that is under way: its fate is unknown. */
  async close(): Promise<void> {
    this.closed = true;
    const client = await this.client?.catch(() => undefined);
    this.client = undefined;
    await client?.end();
  }

  private async run<Row>(text: string, values: readonly unknown[]): Promise<Row[]> {
    if (this.closed) throw new CodedError('EVENT_LOG_CLOSED', 'the event log is closed');
    const opening = (this.client ??= this.open());
    const client = await opening;
    // With a query under way, end() cuts the connection and the query rejects.
    const timer = setTimeout(() => this.drop(opening), this.queryTimeoutMs);
    try {
      return (await client.query(text, [...values])).rows as Row[];
    } catch (error) {
      if (!isRefusal(error)) this.drop(opening);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private open(): Promise<PgClient> {
    const opening: Promise<PgClient> = connectClient(this.url, this.applicationName).then(
      (client) => {
        client.on('error', () => this.drop(opening));
        client.on('end', () => this.forget(opening));
        return client;
      },
      (error: unknown) => {
        this.forget(opening);
        throw error;
      },
    );
    return opening;
  }

  private forget(opening: Promise<PgClient>): void {
    if (this.client === opening) this.client = undefined;
  }

  private drop(opening: Promise<PgClient>): void {
    this.forget(opening);
    // It is being thrown away: what ending it says no longer matters.
    void opening.then((client) => client.end()).catch(() => undefined);
  }
}
