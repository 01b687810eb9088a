import type { Terminal } from '../terminal.js';

const WIDTH = 30;

/** The shortest time between two pictures, ms. */
const PICTURE_MS = 100;

export interface Progress {
  /** What is being checked now. */
  readonly chain: string;
  readonly entries: number;
  readonly total: number;
}

/** A bar on standard error while it is a terminal; nothing anywhere else. `end` takes it away. */
export function progressBar({ err, now }: Terminal): { show: (progress: Progress) => void; end: () => void } {
  if (err.isTTY !== true) return { show: () => undefined, end: () => undefined };
  const began = now();
  let last = began;
  let drawn = false;
  return {
    show: ({ chain, entries, total }) => {
      if (now() - last < PICTURE_MS) return;
      last = now();
      drawn = true;
      const part = total > 0 ? Math.min(1, entries / total) : 0;
      const filled = Math.round(part * WIDTH);
      const rate = Math.round((entries * 1000) / Math.max(1, last - began));
      err.write(
        `\r\u001b[2K[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${Math.floor(part * 100)}% ` +
          `${entries} of ${total} entries, ${rate}/s, ${chain}`,
      );
    },
    end: () => {
      if (drawn) err.write('\r\u001b[2K');
    },
  };
}
