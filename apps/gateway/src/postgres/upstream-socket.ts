import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { writeSslRequest } from '#libs/pg-wire/startup-packet.js';
import { startUpstreamTls } from './upstream-tls.js';

/**
 * A connection to the target, encrypted as sslmode says, before its start-up packet. Whatever fails is a
 * CodedError TARGET_UNREACHABLE and leaves no socket behind. `signal` ends the attempt.
 */
export async function openUpstreamSocket(target: TargetConfiguration, signal: AbortSignal): Promise<Socket> {
  const socket = connect({
    host: target.host,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  });
  const giveUp = (): void => void socket.destroy(new Error('no answer in time'));
  // Whoever waits has a listener of its own; what nobody waits for shows as the socket's close.
  socket.on('error', () => socket.destroy());
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    await once(socket, 'connect');
    if (target.sslMode === 'disable') return socket;
    const answer = await askForTls(socket);
    if (answer === 'S') return await startUpstreamTls(socket, target);
    if (target.sslMode === 'prefer') return socket;
    throw new Error('it does not offer TLS, which sslmode asks for');
  } catch (cause) {
    socket.destroy();
    throw new CodedError(
      'TARGET_UNREACHABLE',
      `the target ${target.name} cannot be reached: ${messageOf(cause)}`,
      {
        cause,
        safeToRetry: true,
      },
    );
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** One byte and no more: what follows it unasked could be an attacker's, injected before the encryption. */
function askForTls(socket: Socket): Promise<'S' | 'N'> {
  return new Promise((resolve, reject) => {
    const finish = (result: 'S' | 'N' | Error): void => {
      socket.off('data', onData).off('close', onClose).off('error', onClose);
      socket.pause();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      const answer = chunk.toString('latin1');
      finish(
        answer === 'S' || answer === 'N'
          ? answer
          : new Error('it answered the request for TLS with something else'),
      );
    };
    const onClose = (): void => finish(new Error('it closed the connection'));
    socket.on('data', onData).on('close', onClose).on('error', onClose);
    socket.write(writeSslRequest());
  });
}
