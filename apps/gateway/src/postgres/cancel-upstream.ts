import type { BackendKey } from '#libs/pg-wire/backend-key-data.js';
import { writeCancelRequest } from '#libs/pg-wire/startup-packet.js';
import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { openUpstreamSocket } from './upstream-socket.js';

const CANCEL_LIMIT_MS = 5_000;

/** Sends a CancelRequest and resolves when the server has taken it, which it shows by closing. */
export async function cancelUpstream(target: TargetConfiguration, key: BackendKey): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_LIMIT_MS);
  const socket = await openUpstreamSocket(target, signal);
  await new Promise<void>((resolve) => {
    const giveUp = (): void => void socket.destroy();
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    });
    socket.resume();
    socket.end(writeCancelRequest(key.pid, key.secret));
  });
}
