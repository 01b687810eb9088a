import type { MessageAnalysis, StatementAnalysis } from '#libs/sql/analysis.js';
import type { TemporaryRelation } from '#libs/sql/catalog/catalog.js';
import { contextOf } from '#libs/sql/catalog/context-of.js';
import type { ResolutionContext } from '#libs/sql/resolve/resolution.js';
import type { AskTarget } from '../enforcement/read-binding.js';
import type { OwnResult } from '../postgres/own-query.js';
import type { SessionState } from '../postgres/session-state.js';
import type { CatalogKeeper } from './catalog-keeper.js';
import { readTemporary, SESSION_NAMES_QUERY, SESSION_PATH_QUERY } from './session-names-query.js';

/** What must happen before names can be resolved: the server must be quiet, be asked, or a promise end. */
export type Needed =
  { readonly wait: 'quiet' } | { readonly wait: 'read' } | { readonly wait: Promise<unknown> };

interface OwnNames {
  readonly temporary: readonly TemporaryRelation[];
  readonly doubt: string | undefined;
}

/**
 * What names mean to one session now: the catalog of its database, its search_path, its temporary
 * relations. Whatever may have changed these is read from the server on the session's own connection before the
 * next name is resolved.
 */
export class SessionCatalog {
  /** Names may have changed since they were last read. */
  private unread: boolean;
  /** Something that may change names was sent, and its transaction is not over: its end may undo it. */
  private unsettled = false;
  /** Among it are changes to objects, which others see once they are committed. */
  private objects = false;
  private own: OwnNames | undefined;
  /** As last read from the server. */
  private pathRead = '';
  /** The statement whose turn it is has waited for a load once: it does not wait again. */
  private waited = false;
  /** The same of a load for names that were not there. */
  private lookedAgain = false;
  private made: ResolutionContext | undefined;
  private madePath = '';

  constructor(
    private readonly keeper: CatalogKeeper,
    private readonly state: SessionState,
  ) {
    this.unread = state.parameters.get('search_path') === undefined;
  }

  /** The session's search_path. A server before PostgreSQL 18 does not report it: then as it was last read. */
  get searchPath(): string {
    return this.state.parameters.get('search_path') ?? this.pathRead;
  }

  /** To be told of every message that goes to the server. */
  sent(analysis: MessageAnalysis): void {
    for (const statement of analysis.statements) {
      const { category, changesContext } = statement;
      // ROLLBACK TO, too, takes back what was set.
      if (!changesContext && !(this.unsettled && category === 'transaction')) continue;
      if (changesObjects(statement)) this.objects = true;
      else if (changesContext && category !== 'session') this.keeper.suspect();
      this.unread = true;
      this.unsettled = true;
    }
  }

  /** To be told when the server has answered: what it committed counts for everybody. */
  answered(): void {
    if (!this.unsettled || this.state.slots.length > 0 || this.state.insideTransaction) return;
    this.unsettled = false;
    this.unread = true;
    if (this.objects) this.keeper.changed();
    this.objects = false;
  }

  /** The context of the next statement, or what it needs first. */
  context(): ResolutionContext | Needed {
    const { keeper, state } = this;
    if (this.unread) {
      if (state.slots.length > 0) return { wait: 'quiet' };
      // A failed transaction answers no question of ours, and runs nothing but its end.
      if (state.status === 'E') return doubtful('the transaction has failed');
      return { wait: 'read' };
    }
    const { pending } = keeper;
    if (pending !== undefined && !this.waited) {
      this.waited = true;
      return { wait: keeper.wait(pending) };
    }
    this.waited = false;
    if (this.objects) return doubtful('objects were changed in this transaction');
    return this.settled();
  }

  /** The context that the next statement will probably have: a guess that costs nothing when it is wrong. */
  expected(): ResolutionContext | undefined {
    if (this.unread || this.objects || this.keeper.pending !== undefined) return undefined;
    return this.settled();
  }

  private settled(): ResolutionContext {
    if (this.own !== undefined) return this.ownContext(this.own);
    return this.keeper.context(this.searchPath);
  }

  /** To be told of each statement whether names are missing: undefined once it was read again since it came. */
  missing(isMissing: boolean): Needed | undefined {
    this.lookedAgain = isMissing && !this.lookedAgain;
    return this.lookedAgain ? { wait: this.keeper.wait(this.keeper.reload()) } : undefined;
  }

  /** Reads what the session has of its own. Only while nothing is under way. */
  read(ask: AskTarget, done: () => void): void {
    this.answered();
    this.unread = false;
    const take = (row: Row | undefined): void => {
      this.made = undefined;
      this.own = this.namesOf(row);
      done();
    };
    ask(SESSION_PATH_QUERY, [], (result) => {
      const [searchPath = null, role = null, temporarySchema] = firstRow(result) ?? [];
      if (temporarySchema === '0') take([searchPath, role, '[]', null]);
      else ask(SESSION_NAMES_QUERY, [], (names) => take(firstRow(names)));
    });
  }

  private namesOf(row: Row | undefined): OwnNames | undefined {
    const [searchPath, role, temporary, hasCode] = row ?? [];
    if (typeof searchPath !== 'string' || typeof temporary !== 'string')
      return { temporary: [], doubt: 'what names mean to the session could not be read' };
    this.pathRead = searchPath;
    const relations = readTemporary(temporary);
    const loadedAs = this.keeper.current?.role;
    const doubt =
      loadedAs !== undefined && role !== loadedAs
        ? 'the session acts as another role'
        : hasCode === 't'
          ? 'the session has types of its own that run code'
          : undefined;
    return relations.length === 0 && doubt === undefined ? undefined : { temporary: relations, doubt };
  }

  private ownContext({ temporary, doubt }: OwnNames): ResolutionContext {
    const { current } = this.keeper;
    const path = this.searchPath;
    if (this.made !== undefined && this.made.catalog === current && this.madePath === path) return this.made;
    this.madePath = path;
    this.made = contextOf(current, path, temporary);
    if (doubt !== undefined) this.made = { ...this.made, doubt };
    return this.made;
  }
}

type Row = readonly (string | null)[];

const firstRow = (result: OwnResult): Row | undefined => (result.ok ? result.rows[0] : undefined);

const doubts = new Map<string, ResolutionContext>();

/** The same object for the same doubt: what was found in it stays found. There are few of them. */
function doubtful(doubt: string): ResolutionContext {
  let context = doubts.get(doubt);
  if (context === undefined) {
    context = { catalog: undefined, searchPath: [], temporary: [], doubt };
    doubts.set(doubt, context);
  }
  return context;
}

/** DDL, and code that nobody sees. */
const changesObjects = ({ category, kinds, kind }: StatementAnalysis): boolean =>
  category === 'ddl' ||
  category === 'code' ||
  category === 'dcl' ||
  kind === 'DISCARD' ||
  kinds.includes('SELECT INTO');
