import { setTimeout as sleep } from 'node:timers/promises';

/** A task that runs again and again until it is stopped. */
export interface Repeated {
  /** Resolves when the task is not running any more. */
  stop(): Promise<void>;
}

/**
 * Runs `task` at once, then each time after the milliseconds it resolved with (monotonic: a clock that
 * jumps changes nothing). An error is told to `onError` and the task runs again after `retryMs`.
 */
export function repeat(
  task: () => Promise<number>,
  options: { readonly retryMs: number; readonly onError: (error: unknown) => void },
): Repeated {
  const stopping = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const pause = await task().catch((error: unknown) => {
        options.onError(error);
        return options.retryMs;
      });
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}
