import { Worker } from 'node:worker_threads';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { AnalysisResult } from './analysis.js';
import type { ParserAnswer, ParserQuestion } from './parser-worker.js';

/** Under a test runner that compiles on the fly a thread finds no compiled source beside this file. */
const WORKER_URL = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/libs/sql/parser-worker.js', import.meta.url)
  : new URL('./parser-worker.js', import.meta.url);

/** A thread that cannot even load the grammar is broken machinery, not a bad statement. */
const START_LIMIT_MS = 20_000;

export type ThreadAnswer =
  | { readonly type: 'result'; readonly result: AnalysisResult }
  | { readonly type: 'timeout' }
  /** The thread died or broke under this text. */
  | { readonly type: 'died'; readonly reason: string };

/** One worker thread with the grammar. After any answer but `result` it is closed and of no more use. */
export class ParserThread {
  private readonly worker = new Worker(WORKER_URL, {
    // The WASM parser recurses on the thread's stack: deep but honest statements need this much.
    // The heap has room for twice what the largest decoded result can become (see grammar.ts).
    resourceLimits: { stackSizeMb: 16, maxOldGenerationSizeMb: 768 },
    env: {},
    execArgv: [],
  });
  private settle: ((answer: ThreadAnswer) => void) | undefined;
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

  /** How many texts it has answered. */
  get age(): number {
    return this.answered;
  }

  /** Rejects only when the thread cannot be started (CodedError PARSER_UNAVAILABLE). */
  async ask(question: ParserQuestion, limitMs: number): Promise<ThreadAnswer> {
    this.worker.ref();
    try {
      await this.started;
      if (this.dead !== undefined) return { type: 'died', reason: this.dead };
      return await this.exchange(question, limitMs);
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
      else if (answer.type === 'result') this.finish({ type: 'result', result: answer.result });
      else this.die(answer.reason);
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

  private exchange(question: ParserQuestion, limitMs: number): Promise<ThreadAnswer> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.finish({ type: 'timeout' });
        void this.worker.terminate();
      }, limitMs);
      this.settle = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.worker.postMessage(question);
    });
  }

  private die(reason: string): void {
    this.dead ??= reason;
    this.finish({ type: 'died', reason });
    void this.worker.terminate();
  }

  private finish(answer: ThreadAnswer): void {
    const settle = this.settle;
    this.settle = undefined;
    this.answered += 1;
    settle?.(answer);
  }
}
