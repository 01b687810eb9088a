import { createRequire } from 'node:module';

/** What of kafkajs 2.2.4's RequestQueue the patch touches. */
interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

const CHECK_MS = 10;

const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  readonly prototype: RequestQueue;
};
const version = (createRequire(import.meta.url)('kafkajs/package.json') as { version: string }).version;
if (version !== '2.2.4' || typeof queue.prototype.scheduleCheckPendingRequests !== 'function') {
  throw new Error(`the patch of kafkajs is for version 2.2.4, found ${version}`);
}

/**
 * kafkajs 2.2.4 sets a timer with a negative time for every connection, which Node 24 makes a timer of
 * 1 ms for ever: 3 to 4 % of a core for each idle client, and a TimeoutNegativeWarning. This sets a
 * timer only while something waits. Importing this file applies it to the whole process.
 */
queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null && this.throttleCheckTimeoutId !== undefined) return;
  if (this.pending.length === 0) return;
  const wait = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    wait > 0 ? wait : CHECK_MS,
  );
};
