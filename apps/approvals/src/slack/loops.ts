/** A few loops that do one piece of work after another, and wait when there is none. */
export class Loops {
  private readonly stopping = new AbortController();
  private readonly waiting = new Set<() => void>();
  private running: Promise<unknown> = Promise.resolve();
  private wakeUps = 0;

  /**
   * `work` resolves with true when there may be more. An error is told to `onError` and counts as no work.
   * Without a wake-up it is looked again after `pollMs`: another process may have left work here.
   */
  constructor(
    private readonly work: () => Promise<boolean>,
    private readonly options: {
      readonly loops: number;
      readonly pollMs: number;
      readonly onError: (error: unknown) => void;
    },
  ) {}

  start(): void {
    this.running = Promise.all(Array.from({ length: this.options.loops }, () => this.run()));
  }

  wake(): void {
    this.wakeUps += 1;
    for (const wake of [...this.waiting]) wake();
  }

  /** Resolves when no work is under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const seen = this.wakeUps;
      const more = await this.work().catch((error: unknown) => {
        this.options.onError(error);
        return false;
      });
      if (more || signal.aborted || seen !== this.wakeUps) continue;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, this.options.pollMs);
        this.waiting.add(done);
      });
    }
  }
}
