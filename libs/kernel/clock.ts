/** Time as an argument. Deadlines inside a process use `monotonic`, everything recorded uses `now`. */
export interface Clock {
  /** Milliseconds since 1970, as the machine believes. May jump. */
  now(): number;
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
