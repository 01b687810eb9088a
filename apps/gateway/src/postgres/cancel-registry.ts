import { secretsEqual } from '#libs/kernel/constant-time.js';

/** What can be cancelled: a session. Resolves when the target has taken the request. */
export interface Cancellable {
  cancel(): Promise<void>;
}

/**
 * Maps (the server's pid, a secret of ours) to sessions. The pid alone is not unique: two targets may
 * give the same one.
 */
export class CancelRegistry {
  private readonly sessions = new Map<number, { secret: Buffer; session: Cancellable }[]>();

  /** Returns what takes the entry out again. */
  add(pid: number, secret: Buffer, session: Cancellable): () => void {
    const entry = { secret, session };
    const entries = this.sessions.get(pid);
    if (entries === undefined) this.sessions.set(pid, [entry]);
    else entries.push(entry);
    return () => {
      const left = this.sessions.get(pid)?.filter((other) => other !== entry) ?? [];
      if (left.length === 0) this.sessions.delete(pid);
      else this.sessions.set(pid, left);
    };
  }

  /** undefined for a wrong key, which does nothing and tells nothing. */
  find(pid: number, secret: Buffer): Cancellable | undefined {
    return this.sessions.get(pid)?.find((entry) => secretsEqual(entry.secret, secret))?.session;
  }
}
