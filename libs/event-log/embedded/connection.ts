import { CodedError } from '#libs/kernel/coded-error.js';
import { queryOn } from '#libs/postgres/bulk-pool.js';
import { connectBulkReader } from '#libs/postgres/bulk-reader.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { copyOut } from '#libs/postgres/copy-out.js';
import { isRefusal } from './refusal.js';

const QUERY_TIMEOUT_MS = 30_000;

/** What a connection is mostly for: single answers, or rows by the megabyte. */
export type ConnectionKind = 'queries' | 'bulk';

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
    private readonly kind: ConnectionKind = 'queries',
  ) {}

  /**
   * The rows. Gives the connection up when there is no answer in time (30 s unless told). With a name it is
   * prepared once.
   */
  query<Row>(text: string, values: readonly unknown[], name?: string): Promise<Row[]> {
    return this.inTurn((client) => queryOn(client)<Row>(text, values, name));
  }

  /** The rows of a SELECT without parameters as a binary COPY writes them; the bytes are the caller's. */
  copy(select: string): Promise<Buffer> {
    return this.inTurn(async (client) => {
      const batches: Buffer[] = [];
      for await (const batch of copyOut(client, select)) batches.push(Buffer.from(batch));
      return batches.length === 1 ? (batches[0] as Buffer) : Buffer.concat(batches);
    });
  }

  /** Cuts a query that is under way: its fate is unknown. */
  async close(): Promise<void> {
    this.closed = true;
    const client = await this.client?.catch(() => undefined);
    this.client = undefined;
    await client?.end();
  }

  private inTurn<T>(work: (client: PgClient) => Promise<T>): Promise<T> {
    const turn = this.last.then(() => this.run(work));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async run<T>(work: (client: PgClient) => Promise<T>): Promise<T> {
    if (this.closed) throw new CodedError('EVENT_LOG_CLOSED', 'the event log is closed');
    const opening = (this.client ??= this.open());
    const client = await opening;
    // With a query under way, end() cuts the connection and the query rejects.
    const timer = setTimeout(() => this.drop(opening), this.queryTimeoutMs);
    try {
      return await work(client);
    } catch (error) {
      if (!isRefusal(error)) this.drop(opening);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private open(): Promise<PgClient> {
    const connect = this.kind === 'bulk' ? connectBulkReader : connectClient;
    const opening: Promise<PgClient> = connect(this.url, this.applicationName).then(
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
