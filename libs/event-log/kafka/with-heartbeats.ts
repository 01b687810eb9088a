/**
 * Runs the work while telling the group every `everyMs` that this member lives, so that a handler may
 * take longer than the session. Returns what a heartbeat failed with, if one did, after the work ended.
 */
export async function withHeartbeats(
  heartbeat: () => Promise<void>,
  everyMs: number,
  work: () => Promise<void>,
): Promise<Error | undefined> {
  let failure: Error | undefined;
  const timer = setInterval(() => {
    heartbeat().catch((error: Error) => (failure ??= error));
  }, everyMs);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return failure;
}
