import { EventEmitter } from 'node:events';

/**
 * Tells who waits in this process that a request has changed. A hint only: another replica's changes do
 * not pass here, so whoever waits also looks again after a while.
 */
export class RequestChanges {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  changed(requestId: string): void {
    this.emitter.emit(requestId);
  }

  /** Resolves when the request has changed, after `ms` at the latest, or when the signal is aborted. */
  next(requestId: string, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.emitter.off(requestId, done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.emitter.on(requestId, done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }
}
