import pg from 'pg';
import { contextOf } from '#libs/sql/catalog/context-of.js';
import { loadCatalog } from '#libs/sql/catalog/load-catalog.js';
import type { ResolutionContext } from '#libs/sql/resolve/resolution.js';
import { readTemporary, SESSION_NAMES_QUERY } from '../../../apps/gateway/src/catalog/session-names-query.js';

export type Ran =
  | { readonly ok: true; readonly tag: string }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      /** It comes from the scanner or the grammar, and of this text, not of one inside it. */
      readonly isSyntax: boolean;
      readonly waitsForData: boolean;
    };

type TransactionStatus = 'I' | 'T' | 'E';

/** What PostgreSQL's own regression runs set, and limits so that no statement holds up the others. */
const SETTINGS = [
  "SET datestyle = 'Postgres, MDY'",
  "SET timezone = 'America/Los_Angeles'",
  'SET statement_timeout = 5000',
  'SET lock_timeout = 2000',
];

/** A session that runs the statements of a script, and asks the server things in between that leave no trace. */
export class RegressionSession {
  private status: TransactionStatus = 'I';
  private tag = '';
  private ready: () => void = () => undefined;
  private ended = false;
  private readonly gone: Promise<void>;

  private constructor(private readonly client: pg.Client) {
    client.on('error', () => (this.ended = true));
    this.gone = new Promise((resolve) => {
      client.on('end', () => {
        this.ended = true;
        resolve();
      });
    });
    const { connection } = client as unknown as {
      connection: {
        on(event: string, listener: (message: { status?: string; text?: string }) => void): void;
      };
    };
    connection.on('readyForQuery', ({ status }) => {
      this.status = status as TransactionStatus;
      this.ready();
    });
    connection.on('commandComplete', ({ text }) => (this.tag = text ?? ''));
  }

  static async open(url: string): Promise<RegressionSession> {
    const client = new pg.Client({ connectionString: url });
    const session = new RegressionSession(client);
    await client.connect();
    for (const setting of SETTINGS) await client.query(setting);
    return session;
  }

  get hasEnded(): boolean {
    return this.ended;
  }

  get hasFailed(): boolean {
    return this.status === 'E';
  }

  async run(text: string): Promise<Ran> {
    this.tag = '';
    // A query rejects before the server has said what became of the transaction.
    const ready = new Promise<void>((resolve) => (this.ready = resolve));
    try {
      await this.client.query(text);
      return { ok: true, tag: this.tag.replace(/( \d+)+$/, '') };
    } catch (error) {
      const { code = '', message, routine, where } = error as Partial<pg.DatabaseError> & { message: string };
      await Promise.race([ready, this.gone]);
      const isSyntax = routine === 'scanner_yyerror' && where === undefined;
      return {
        ok: false,
        code,
        message,
        isSyntax,
        waitsForData: message.includes('No source stream defined'),
      };
    }
  }

  /** Runs `work` and takes back whatever it did. undefined where the server refuses a part of it. */
  async aside<T>(work: () => Promise<T>): Promise<T | undefined> {
    const inside = this.status === 'T';
    await this.client.query(inside ? 'SAVEPOINT countersign_aside' : 'BEGIN');
    try {
      return await work();
    } catch {
      return undefined;
    } finally {
      if (!this.ended)
        await this.client.query(
          inside ? 'ROLLBACK TO countersign_aside; RELEASE countersign_aside' : 'ROLLBACK',
        );
    }
  }

  readonly ask = async (text: string): Promise<Record<string, unknown>[]> =>
    (await this.client.query<Record<string, unknown>>(text)).rows;

  /** The names this session sees, as a gateway would read them. */
  async context(): Promise<ResolutionContext | undefined> {
    const rows = async (text: string): Promise<string[][]> =>
      (await this.client.query<string[]>({ text, rowMode: 'array' })).rows;
    return this.aside(async () => {
      const [[searchPath = '', , temporary = '[]'] = []] = await rows(SESSION_NAMES_QUERY);
      await this.client.query("SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)");
      const catalog = await loadCatalog(rows);
      const own = readTemporary(temporary);
      return contextOf(catalog, searchPath, own);
    });
  }

  async close(): Promise<void> {
    if (!this.ended) await this.client.end();
  }
}
