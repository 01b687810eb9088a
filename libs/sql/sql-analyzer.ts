import { CodedError } from '#libs/kernel/coded-error.js';
import type { AnalysisResult, SqlAnalyzer } from './analysis.js';
import { ParserThread } from './parser-thread.js';
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
  readonly context: ResolutionContext | undefined;
  readonly results: Results;
  readonly resolve: (result: AnalysisResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Results of texts in one context, or in none, and those that are being made. */
class Results {
  readonly underway = new Map<string, Promise<AnalysisResult>>();

  constructor(readonly cache: ResultCache) {}
}

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

  analyze(text: string): Promise<AnalysisResult> {
    return this.make(text, undefined, this.bare);
  }

  resolved(text: string, context: ResolutionContext): AnalysisResult | undefined {
    return this.inContext.get(context)?.cache.get(text);
  }

  async resolve(text: string, context: ResolutionContext): Promise<AnalysisResult> {
    let results = this.inContext.get(context);
    if (results === undefined) {
      results = new Results(this.newCache());
      this.inContext.set(context, results);
    }
    if (context.catalog !== undefined && context.doubt === undefined)
      return this.make(text, context, results);
    const known = results.cache.get(text);
    if (known !== undefined) return known;
    const why = context.doubt ?? 'the catalog of the target is not loaded';
    const result = unresolved(await this.analyze(text), why);
    results.cache.set(text, result);
    return result;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const job of this.waiting.splice(0)) {
      job.reject(new CodedError('ANALYZER_CLOSED', 'the SQL analyzer is closed'));
    }
    await Promise.all([
      ...this.threads.map((thread) => thread?.close() ?? Promise.resolve()),
      ...this.retiring,
    ]);
  }

  private async make(
    text: string,
    context: ResolutionContext | undefined,
    results: Results,
  ): Promise<AnalysisResult> {
    const known = results.cache.get(text);
    if (known !== undefined) return known;
    if (this.closed) throw new CodedError('ANALYZER_CLOSED', 'the SQL analyzer is closed');
    const refused = this.refuseUnparsed(text);
    if (refused !== undefined) return refused;
    let result = results.underway.get(text);
    if (result === undefined) {
      if (this.waiting.length >= this.maxWaiting) {
        return refusal('54000', 'too many statements wait for the parser');
      }
      result = this.enqueue(text, context, results);
      results.underway.set(text, result);
    }
    return result;
  }

  /** What needs no parser to be refused. The decoded text of invalid UTF-8 is the caller's to refuse. */
  private refuseUnparsed(text: string): AnalysisResult | undefined {
    if (text.length > this.maxTextBytes || Buffer.byteLength(text) > this.maxTextBytes) {
      return refusal('54000', `the statement is longer than ${this.maxTextBytes} bytes`);
    }
    if (text.includes('\0')) return refusal('22021', 'a statement must not contain the byte 0x00');
    if (!text.isWellFormed()) return refusal('22021', 'the statement is not valid Unicode');
    return undefined;
  }

  private enqueue(
    text: string,
    context: ResolutionContext | undefined,
    results: Results,
  ): Promise<AnalysisResult> {
    const { promise, resolve, reject } = Promise.withResolvers<AnalysisResult>();
    const forget = (): boolean => results.underway.delete(text);
    this.waiting.push({
      text,
      context,
      results,
      resolve: (result) => {
        forget();
        resolve(result);
      },
      reject: (error) => {
        forget();
        reject(error);
      },
    });
    this.dispatch();
    return promise;
  }

  private dispatch(): void {
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const slot = this.idle.pop();
      const job = this.waiting.shift();
      if (slot === undefined || job === undefined) return;
      this.run(slot, job)
        .then(job.resolve, job.reject)
        .finally(() => {
          this.idle.push(slot);
          this.dispatch();
        });
    }
  }

  private async run(slot: number, job: Job): Promise<AnalysisResult> {
    const { maxCommentDepth, maxStatements } = this;
    const question = { text: job.text, maxCommentDepth, maxStatements };
    for (;;) {
      const thread = (this.threads[slot] ??= new ParserThread());
      const isFresh = thread.age === 0;
      let answer;
      try {
        answer = await thread.ask(question, job.context, this.parseLimitMs);
      } catch (error) {
        this.retire(slot);
        throw error;
      }
      if (answer.type === 'result') {
        job.results.cache.set(job.text, answer.result);
        return answer.result;
      }
      this.retire(slot);
      if (this.closed) throw new CodedError('ANALYZER_CLOSED', 'the SQL analyzer is closed');
      this.threads[slot] = new ParserThread();
      if (answer.type === 'timeout') {
        return refusal('54000', `the statement takes longer than ${this.parseLimitMs} ms to parse`);
      }
      // An instance that others wore out may have died under an innocent text: once more, alone.
      if (isFresh) return refusal('54000', `the statement breaks the parser: ${answer.reason}`);
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
