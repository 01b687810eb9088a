import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { targetApplicationName } from './application-name.js';
import { SessionRefused } from './refusal.js';
import type { StartupParameters } from './startup-parameters.js';
import { loginUpstream, type UpstreamSession } from './upstream-login.js';
import { openUpstreamSocket } from './upstream-socket.js';

/** The target a client asks for: `target`, or `target/database` for another database of its server. */
export function findTarget(
  targets: ReadonlyMap<string, TargetConfiguration>,
  requested: string,
): { target: TargetConfiguration; database: string } {
  const slash = requested.indexOf('/');
  const target = targets.get(slash === -1 ? requested : requested.slice(0, slash));
  const database = slash === -1 ? target?.database : requested.slice(slash + 1);
  if (target === undefined || database === undefined || database === '' || Buffer.byteLength(database) > 63)
    throw new SessionRefused('3D000', `target "${requested.slice(0, 127)}" does not exist`, {
      hint: 'The database is the name of a target, or target/database.',
    });
  return { target, database };
}

/** A connection of its own for one session, logged in, within `limitMs`. Rejects as its two steps do. */
export async function connectTarget(
  target: TargetConfiguration,
  database: string,
  startup: StartupParameters & { readonly minor: number },
  sessionId: string,
  limitMs: number,
): Promise<UpstreamSession> {
  const signal = AbortSignal.timeout(limitMs);
  const socket = await openUpstreamSocket(target, signal);
  const giveUp = (): void => void socket.destroy();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    // No newer than the client's own: an older server or a pooler in between may know 3.0 only.
    return await loginUpstream(socket, target, startup.minor, [
      ['user', target.user],
      ['database', database],
      ['application_name', targetApplicationName(startup.applicationName, sessionId)],
      ...startup.forwarded,
    ]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
