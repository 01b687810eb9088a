/** Ctrl-C, SIGTERM or a terminal that went away. One press may arrive twice. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A drain is left alone this long, ms; a signal after that cuts it. */
const DRAIN_MS = 10_000;

export interface StopRequest {
  /** Resolves at the first signal. */
  readonly asked: Promise<void>;
  /** Aborted by a signal that comes more than 10 s after the first. */
  readonly hurry: AbortSignal;
  /** Throws StopAsked once the first signal came. */
  check(): void;
}

export class StopAsked extends Error {}

export function listenForStop(now: () => number): StopRequest {
  const hurry = new AbortController();
  let first: number | undefined;
  const asked = new Promise<void>((resolve) => {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        first ??= now();
        if (now() - first > DRAIN_MS) hurry.abort();
        resolve();
      });
    }
  });
  return {
    asked,
    hurry: hurry.signal,
    check: () => {
      if (first !== undefined) throw new StopAsked('stopped while starting');
    },
  };
}
