import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until the claim holds (does not throw), a minute unless told: a busy machine is no failure. Then throws what it
 * threw last.
 */
export async function eventually(claim: () => void | Promise<void>, withinMs = 60_000): Promise<void> {
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
