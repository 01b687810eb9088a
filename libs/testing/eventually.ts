import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until the claim holds (does not throw), 10 s unless told; then throws what it threw last. */
export async function eventually(claim: () => void | Promise<void>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      await claim();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(20);
    }
  }
}
