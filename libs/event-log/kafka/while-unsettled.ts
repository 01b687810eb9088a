import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 200;
const SETTLED_WITHIN_MS = 8_000;

/**
 * Asks again, for 8 s, while the brokers do not agree yet: after topics were made and while a leader
 * moves they answer with an error that Kafka calls retriable, and kafkajs' admin client gives up at once.
 */
export async function whileUnsettled<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + SETTLED_WITHIN_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { retriable?: boolean }).retriable !== true || performance.now() > deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}
