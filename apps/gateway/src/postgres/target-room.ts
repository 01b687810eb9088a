import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { SessionRefused } from './refusal.js';

/** How many sessions each target has now; each holds a connection of its own there. */
export class TargetRoom {
  private readonly sessions = new Map<string, number>();

  /** Returns what gives the place back, once. Throws SessionRefused (53300) when there is none. */
  enter(target: TargetConfiguration): () => void {
    const now = this.sessions.get(target.name) ?? 0;
    if (now >= target.maxConnections)
      throw new SessionRefused(
        '53300',
        `target "${target.name}" has its ${target.maxConnections} connections in use`,
      );
    this.sessions.set(target.name, now + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.sessions.set(target.name, (this.sessions.get(target.name) ?? 1) - 1);
    };
  }
}
