/** A task that runs again and again until it is stopped. */
export interface Repeated {
  /** Runs the task at once, or once more where it is running. */
  wake(): void;
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
  let stopped = false;
  let woken = false;
  let endPause: (() => void) | undefined;
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const loop = async (): Promise<void> => {
    while (!stopped) {
      woken = false;
      let failed = false;
      const ms = await task().catch((error: unknown) => {
        failed = true;
        options.onError(error);
        return options.retryMs;
      });
      if (stopped || (woken && !failed)) continue;
      await pause(ms);
      endPause = undefined;
    }
  };
  const running = loop();
  return {
    wake: () => {
      woken = true;
      endPause?.();
    },
    stop: () => {
      stopped = true;
      endPause?.();
      return running;
    },
  };
}
