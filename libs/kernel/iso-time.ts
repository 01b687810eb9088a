let lastMs = Number.NaN;
let lastText = '';

/** Milliseconds since 1970 as RFC 3339 in UTC. Events of one millisecond share the text. */
export function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}
