import type { LockMode } from '#libs/contracts/events/signals.js';
import type { StatementCategory } from '#libs/contracts/events/statement-events.js';
import type { Resolution, ResolutionContext } from './resolve/resolution.js';
import type { Trait } from './traits.js';

/** What is known of one statement of a message. Wherever it cannot be sure it says so in `incomplete`. */
export interface StatementAnalysis {
  /** The command's name as PostgreSQL documents it: `ALTER TABLE`, `CREATE TABLE AS`, `SELECT`. */
  readonly kind: string;
  /** `kind` first, then what the statement contains: writing CTEs, what EXPLAIN ANALYZE runs, and so on. */
  readonly kinds: readonly string[];
  readonly category: StatementCategory;
  /** Relations as written, schema-qualified where the text says so, identifiers folded as the server folds. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Functions called by name, as written. */
  readonly functions: readonly string[];
  /**
   * Settings it changes (SET, RESET, set_config), in lower case; `*` for all of them. An assignment that
   * keeps what the gateway pins (client_encoding UTF8, standard_conforming_strings on) is left out.
   */
  readonly settings: readonly string[];
  /** What kind and tables do not show: dynamic SQL, server files, COPY to a program (see traits.ts). */
  readonly traits: readonly Trait[];
  /** False where a write may touch every row: no WHERE, or one that does not restrict. True for all else. */
  readonly bounded: boolean;
  /** Why this analysis may miss something; the policy treats it as the strictest case. */
  readonly incomplete?: string;
  /** BEGIN, COMMIT, ROLLBACK, SAVEPOINT … : how the statement moves the transaction, if it does. */
  readonly transaction?:
    'begin' | 'commit' | 'rollback' | 'savepoint' | 'rollback-to' | 'release' | 'prepare';
  /** The prepared statement or cursor this one makes, runs or drops, by name (PREPARE, EXECUTE, DECLARE, FETCH …). */
  readonly refersTo?: {
    readonly action: 'prepare' | 'execute' | 'deallocate' | 'declare' | 'fetch' | 'close';
    readonly name: string | null;
  };
  /**
   * Whether it changes what later statements of its message mean (names, settings, roles, unseen code);
   * those are incomplete. Later messages are judged by the state the server then reports.
   */
  readonly changesContext: boolean;
  /** The lock it takes on the tables it writes, or reads where it writes none, by PostgreSQL's documentation. */
  readonly lock?: LockMode;
  /** What the target's catalog adds; absent where the text alone was looked at. */
  readonly resolution?: Resolution;
  /** Where it stands in the message: UTF-8 byte offsets. */
  readonly start: number;
  readonly end: number;
}

export interface MessageAnalysis {
  /** In order; empty for an empty text or comments only. */
  readonly statements: readonly StatementAnalysis[];
  /** Passwords and connection strings: UTF-8 byte ranges of the literals, quotes included, in order. */
  readonly credentials: readonly { readonly start: number; readonly end: number }[];
  /** 16 hexadecimal digits, the same for texts that differ in literals only; absent where it cannot be told. */
  readonly fingerprint?: string;
  /** The text with its literals replaced by $1, $2 … and without comments, up to 8,192 characters. */
  readonly normalized?: string;
  /** sqlcommenter's pairs: what the client claims of itself. */
  readonly tags?: Readonly<Record<string, string>>;
}

export type AnalysisResult =
  | { readonly ok: true; readonly analysis: MessageAnalysis }
  /** `position` counts characters from 1, as ErrorResponse's field P does. */
  | {
      readonly ok: false;
      readonly sqlstate: '42601' | '54000' | '22021';
      readonly message: string;
      readonly position?: number;
    };

export interface SqlAnalyzer {
  /** The result if this text was analysed before: a map look-up, for the path of an allowed statement. */
  cached(text: string): AnalysisResult | undefined;
  /**
   * Never rejects for what a text contains; a text that breaks or outlasts the parser is refused (54000).
   * `expected`: where its names will be resolved next; that is then found out on the same trip (`resolved`).
   */
  analyze(text: string, expected?: ResolutionContext): Promise<AnalysisResult>;
  /** The analysis of a text whose names are resolved in this context, if it was made before. */
  resolved(text: string, context: ResolutionContext): AnalysisResult | undefined;
  /**
   * The analysis of a text, its names resolved. Where the context has no catalog, or a doubt, whatever names
   * something is incomplete. Never rejects for what a text contains.
   */
  resolve(text: string, context: ResolutionContext): Promise<AnalysisResult>;
  close(): Promise<void>;
}
