import { CodedError } from '#libs/kernel/coded-error.js';
import type { AnalysisResult, SqlAnalyzer } from './analysis.js';
import { ParserThread } from './parser-thread.js';
import type { ParserFinding, ParserQuestion } from './parser-worker.js';
import type { ResolutionContext } from './resolve/resolution.js';
import { ResultCache } from './result-cache.js';
import { unresolved } from './unresolved.js';

export interface SqlAnalyzerOptions {
  /** The longest text, UTF-8 bytes; longer ones are refused unparsed. Default 4 MiB. */
  readonly maxTextBytes?: number;
  /** How deeply block comments may nest. Default 64. */
  readonly maxCommentDepth?: number;
  /** How many statements one text may hold. Default 1,000. */
  readonly maxStatements?: number;
  /** How long one text may take, ms; then its thread is replaced. Default 2,000. */
  readonly parseLimitMs?: number;
  /** Parser threads. Default 1. */
  readonly threads?: number;
  /** Texts that may wait for a thread; more are refused. Default 10,000. */
  readonly maxWaiting?: number;
  /** Bounds of the cache of results by text. Default 10,000 entries, 64 MiB. */
  readonly cacheEntries?: number;
  readonly cacheBytes?: number;
}

interface Job {
  readonly text: string;
  /** Where its names are to be resolved as well; it has a catalog and no doubt. */
  readonly context: ResolutionContext | undefined;
  readonly resolve: (finding: ParserFinding) => void;
  readonly reject: (error: unknown) => void;
  /** Something broke or took too long in the company of others: it is not asked with others again. */
  alone: boolean;
}

/** Results of texts in one context, or in none, and what is being found out for it. */
class Results {
  readonly underway = new Map<string, Promise<ParserFinding>>();

  constructor(readonly cache: ResultCache) {}
}

/** Texts up to this length are asked together, up to so many: a trip to the thread costs as much as one of them. */
const TOGETHER_CHARACTERS = 4_096;
const TOGETHER = 32;

const refusal = (sqlstate: '54000' | '22021', message: string): AnalysisResult => ({
  ok: false,
  sqlstate,
  message,
});

/**
 * PostgreSQL's own grammar in worker threads. A text that breaks, floods or outlasts the parser costs its
 * thread, which is replaced, and is refused with 54000; the texts behind it go on.
 */
export function createSqlAnalyzer(options: SqlAnalyzerOptions = {}): SqlAnalyzer {
  return new ThreadedSqlAnalyzer(options);
}

class ThreadedSqlAnalyzer implements SqlAnalyzer {
  private readonly maxTextBytes: number;
  private readonly maxCommentDepth: number;
  private readonly maxStatements: number;
  private readonly parseLimitMs: number;
  private readonly maxWaiting: number;
  private readonly bare: Results;
  private readonly inContext = new WeakMap<ResolutionContext, Results>();
  private readonly threads: (ParserThread | undefined)[];
  private readonly idle: number[];
  private readonly waiting: Job[] = [];
  /** Threads on their way out: a busy one takes a moment to stop. */
  private readonly retiring = new Set<Promise<void>>();
  private readonly newCache: () => ResultCache;
  private closed = false;

  constructor(options: SqlAnalyzerOptions) {
    this.maxTextBytes = options.maxTextBytes ?? 4 * 1024 * 1024;
    this.maxCommentDepth = options.maxCommentDepth ?? 64;
    this.maxStatements = options.maxStatements ?? 1_000;
    this.parseLimitMs = options.parseLimitMs ?? 2_000;
    this.maxWaiting = options.maxWaiting ?? 10_000;
    this.newCache = () =>
      new ResultCache(options.cacheEntries ?? 10_000, options.cacheBytes ?? 64 * 1024 * 1024);
    this.bare = new Results(this.newCache());
    this.threads = Array.from({ length: options.threads ?? 1 }, () => new ParserThread());
    this.idle = this.threads.map((_, slot) => slot);
  }

  cached(text: string): AnalysisResult | undefined {
    return this.bare.cache.get(text);
  }

  async analyze(text: string, expected?: ResolutionContext): Promise<AnalysisResult> {
    const known = this.cached(text) ?? this.refuseUnasked(text);
    if (known !== undefined) return known;
    const context = expected !== undefined && isCertain(expected) ? expected : undefined;
    const { bare } = await this.find(text, context, this.bare);
    return this.cached(text) ?? bare;
  }

  resolved(text: string, context: ResolutionContext): AnalysisResult | undefined {
    return this.inContext.get(context)?.cache.get(text);
  }

  async resolve(text: string, context: ResolutionContext): Promise<AnalysisResult> {
    const results = this.resultsIn(context);
    const known = results.cache.get(text);
    if (known !== undefined) return known;
    if (isCertain(context)) {
      const refused = this.refuseUnasked(text);
      if (refused !== undefined) return refused;
      const { bare, resolved } = await this.find(text, context, results);
      return results.cache.get(text) ?? resolved ?? bare;
    }
    const why = context.doubt ?? 'the catalog of the target is not loaded';
    const result = unresolved(await this.analyze(text), why);
    results.cache.set(text, result);
    return result;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const job of this.waiting.splice(0)) {
      job.reject(closed());
    }
    await Promise.all([
      ...this.threads.map((thread) => thread?.close() ?? Promise.resolve()),
      ...this.retiring,
    ]);
  }

  private resultsIn(context: ResolutionContext): Results {
    let results = this.inContext.get(context);
    if (results === undefined) {
      results = new Results(this.newCache());
      this.inContext.set(context, results);
    }
    return results;
  }

  /** What needs no parser to be refused. The decoded text of invalid UTF-8 is the caller's to refuse. */
  private refuseUnasked(text: string): AnalysisResult | undefined {
    if (this.closed) throw closed();
    if (text.length > this.maxTextBytes || Buffer.byteLength(text) > this.maxTextBytes) {
      return refusal('54000', `the statement is longer than ${this.maxTextBytes} bytes`);
    }
    if (text.includes('\0')) return refusal('22021', 'a statement must not contain the byte 0x00');
    if (!text.isWellFormed()) return refusal('22021', 'the statement is not valid Unicode');
    return undefined;
  }

  /** Asks once however many wait for it. */
  private find(
    text: string,
    context: ResolutionContext | undefined,
    { underway }: Results,
  ): Promise<ParserFinding> {
    let found = underway.get(text);
    if (found === undefined) {
      if (this.waiting.length >= this.maxWaiting)
        return Promise.resolve({ bare: refusal('54000', 'too many statements wait for the parser') });
      found = new Promise<ParserFinding>((resolve, reject) => {
        this.waiting.push({ text, context, resolve, reject, alone: false });
      }).finally(() => underway.delete(text));
      underway.set(text, found);
      this.dispatch();
    }
    return found;
  }

  private dispatch(): void {
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const slot = this.idle.pop() as number;
      const jobs = this.takeTogether();
      this.run(slot, jobs)
        .catch((error: unknown) => {
          for (const job of jobs) job.reject(error);
        })
        .finally(() => {
          this.idle.push(slot);
          this.dispatch();
        });
    }
  }

  /** The first that waits and, where it is short, the short ones behind it that go by the same catalog. */
  private takeTogether(): Job[] {
    const first = this.waiting.shift() as Job;
    const jobs = [first];
    let catalog = first.context?.catalog;
    if (!mayJoin(first)) return jobs;
    for (let next = this.waiting[0]; next !== undefined && jobs.length < TOGETHER; next = this.waiting[0]) {
      const its = next.context?.catalog;
      if (!mayJoin(next) || (its !== undefined && catalog !== undefined && its !== catalog)) break;
      catalog ??= its;
      jobs.push(next);
      this.waiting.shift();
    }
    return jobs;
  }

  private async run(slot: number, jobs: readonly Job[]): Promise<void> {
    const catalog = jobs.find(({ context }) => context !== undefined)?.context?.catalog;
    const questions = jobs.map((job) => this.questionOf(job));
    for (;;) {
      const thread = (this.threads[slot] ??= new ParserThread());
      const isFresh = thread.age === 0;
      let answer;
      try {
        answer = await thread.ask({ questions }, catalog, this.parseLimitMs);
      } catch (error) {
        this.retire(slot);
        throw error;
      }
      if (answer.type === 'findings') return this.found(jobs, answer.findings);
      this.retire(slot);
      if (this.closed) throw closed();
      this.threads[slot] = new ParserThread();
      if (jobs.length > 1) {
        for (const job of jobs) job.alone = true;
        this.waiting.unshift(...jobs);
        return;
      }
      const [job] = jobs as readonly [Job];
      if (answer.type === 'timeout')
        return job.resolve({
          bare: refusal('54000', `the statement takes longer than ${this.parseLimitMs} ms to parse`),
        });
      // An instance that others wore out may have died under an innocent text: once more, alone.
      if (isFresh)
        return job.resolve({ bare: refusal('54000', `the statement breaks the parser: ${answer.reason}`) });
    }
  }

  private questionOf({ text, context }: Job): ParserQuestion {
    const { maxCommentDepth, maxStatements } = this;
    const question = { text, maxCommentDepth, maxStatements };
    if (context?.catalog === undefined) return question;
    const { searchPath, temporary, catalog } = context;
    return { ...question, session: { searchPath, temporary, catalogVersion: catalog.version } };
  }

  private found(jobs: readonly Job[], findings: readonly ParserFinding[]): void {
    for (const [index, job] of jobs.entries()) {
      const finding = findings[index] as ParserFinding;
      this.bare.cache.set(job.text, finding.bare);
      if (job.context !== undefined && finding.resolved !== undefined)
        this.resultsIn(job.context).cache.set(job.text, finding.resolved);
      job.resolve(finding);
    }
  }

  private retire(slot: number): void {
    const thread = this.threads[slot];
    this.threads[slot] = undefined;
    if (thread === undefined) return;
    const stopped = thread.close().finally(() => this.retiring.delete(stopped));
    this.retiring.add(stopped);
  }
}

const closed = (): CodedError => new CodedError('ANALYZER_CLOSED', 'the SQL analyzer is closed');

const mayJoin = ({ alone, text }: Job): boolean => !alone && text.length <= TOGETHER_CHARACTERS;

/** Names can be resolved in it. */
const isCertain = ({ catalog, doubt }: ResolutionContext): boolean =>
  catalog !== undefined && doubt === undefined;
