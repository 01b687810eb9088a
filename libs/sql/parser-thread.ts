import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { CatalogSnapshot } from './catalog/load-catalog.js';
import type { CatalogForParser, ParserAnswer, ParserFinding, ParserQuestions } from './parser-worker.js';

/** Under a test runner that compiles on the fly a thread finds no compiled source beside this file. */
const WORKER_URL = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/libs/sql/parser-worker.js', import.meta.url)
  : new URL('./parser-worker.js', import.meta.url);

/**
 * The grammar is one huge function, and V8's optimizing compiler takes 500 MB for some seconds to gain a quarter of
 * its speed (45 µs a statement become 34): the process would need that memory with its first statements, and be
 * killed where it may not have it. Flags hold for the whole process, and must be set before the first module is
 * loaded; what they imply on a command line must be said here.
 */
for (const flag of ['--liftoff-only', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'])
  setFlagsFromString(flag);

/** A thread that cannot even load the grammar is broken machinery, not a bad statement. */
const START_LIMIT_MS = 20_000;

/** How long a thread may take to decode a catalog. */
const CATALOG_LIMIT_MS = 20_000;

export type ThreadAnswer =
  /** One for each text, in their order. */
  | { readonly type: 'findings'; readonly findings: readonly ParserFinding[] }
  | { readonly type: 'timeout' }
  /** The thread died or broke under these texts. */
  | { readonly type: 'died'; readonly reason: string };

/** One worker thread with the grammar. After any answer but `findings` it is closed and of no more use. */
export class ParserThread {
  private readonly worker = new Worker(WORKER_URL, {
    // The WASM parser recurses on the thread's stack: deep but honest statements need this much.
    // The heap has room for twice what the largest decoded result can become (see grammar.ts).
    resourceLimits: { stackSizeMb: 16, maxOldGenerationSizeMb: 768 },
    env: {},
    execArgv: [],
  });
  private settle: ((answer: ThreadAnswer | ParserAnswer) => void) | undefined;
  private readonly started: Promise<void>;
  private answered = 0;
  private dead: string | undefined;

  constructor() {
    // An analyzer that waits for work keeps no process alive; one that works does.
    this.worker.unref();
    this.started = this.start();
    // A failed start is reported to whoever asks.
    this.started.catch(() => undefined);
  }

  /** How often it has answered. */
  get age(): number {
    return this.answered;
  }

  /**
   * `catalog`: the one that all questions with a session ask by. Rejects only when the thread cannot be
   * started (CodedError PARSER_UNAVAILABLE).
   */
  async ask(
    asked: ParserQuestions,
    catalog: CatalogSnapshot | undefined,
    limitMs: number,
  ): Promise<ThreadAnswer> {
    this.worker.ref();
    try {
      await this.started;
      const answer = await this.send(asked, limitMs);
      if (answer.type !== 'needs-catalog' || catalog === undefined) return this.last(answer);
      const loaded = await this.send({ version: catalog.version, json: catalog.json }, CATALOG_LIMIT_MS);
      if (loaded.type !== 'ready') return this.last(loaded);
      return this.last(await this.send(asked, limitMs));
    } finally {
      this.worker.unref();
    }
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (cause: unknown): void =>
      reject(new CodedError('PARSER_UNAVAILABLE', 'the SQL parser did not start', { cause }));
    const timer = setTimeout(() => {
      fail(new Error(`not ready within ${START_LIMIT_MS} ms`));
      void this.worker.terminate();
    }, START_LIMIT_MS);
    this.worker.on('message', (answer: ParserAnswer) => {
      if (answer.type === 'ready') resolve();
      if (answer.type === 'broken') this.die(answer.reason);
      else this.finish(answer);
    });
    this.worker.on('error', (error) => {
      fail(error);
      this.die(error instanceof Error ? error.message : String(error));
    });
    this.worker.on('exit', (code) => {
      fail(new Error(`exited with code ${code}`));
      this.die(`exited with code ${code}`);
    });
    return promise.finally(() => clearTimeout(timer));
  }

  /** An answer after which nothing more is asked for these texts. */
  private last(answer: ThreadAnswer | ParserAnswer): ThreadAnswer {
    this.answered += 1;
    if (answer.type === 'findings' && 'json' in answer)
      return { type: 'findings', findings: JSON.parse(answer.json) as ParserFinding[] };
    if (answer.type === 'timeout' || answer.type === 'died') return answer;
    return { type: 'died', reason: 'the parser answered out of turn' };
  }

  private send(
    message: ParserQuestions | CatalogForParser,
    limitMs: number,
  ): Promise<ThreadAnswer | ParserAnswer> {
    return new Promise((resolve) => {
      if (this.dead !== undefined) return resolve({ type: 'died', reason: this.dead });
      const timer = setTimeout(() => {
        this.finish({ type: 'timeout' });
        void this.worker.terminate();
      }, limitMs);
      this.settle = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.worker.postMessage(message);
    });
  }

  private die(reason: string): void {
    this.dead ??= reason;
    this.finish({ type: 'died', reason });
    void this.worker.terminate();
  }

  private finish(answer: ThreadAnswer | ParserAnswer): void {
    const settle = this.settle;
    this.settle = undefined;
    settle?.(answer);
  }
}
