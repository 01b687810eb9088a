import type { Socket } from 'node:net';
import { readPassword } from '#libs/pg-wire/authentication.js';
import { Disposition, FrameSplitter } from '#libs/pg-wire/frame-splitter.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';

/** Tokens are long, but not that long (PostgreSQL allows 65,535 for a password message). */
const MAX_PASSWORD_FRAME = 65_535;

/** The answer to a request for the password; undefined when the client went away. The socket is left paused. */
export function receivePassword(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let password: string | undefined;
    const finish = (settle: () => void): void => {
      socket.off('data', onData).off('close', onEnd).off('end', onEnd);
      socket.pause();
      settle();
    };
    const splitter = new FrameSplitter({
      disposition: (type, length) => {
        if (password !== undefined) throw new ProtocolViolation('a message before the login was answered');
        if (type !== Frontend.Password || length > MAX_PASSWORD_FRAME)
          throw new ProtocolViolation('expected password response');
        return Disposition.Whole;
      },
      frame: (_type, bytes, start, end) => (password = readPassword(bytes.subarray(start, end))),
      piece: () => undefined,
      dropped: () => undefined,
    });
    const onEnd = (): void => finish(() => resolve(undefined));
    const onData = (chunk: Buffer): void => {
      try {
        splitter.push(chunk);
        if (password !== undefined) finish(() => resolve(password));
      } catch (error) {
        finish(() => reject(error as Error));
      }
    };
    socket.on('data', onData).on('close', onEnd).on('end', onEnd);
    socket.resume();
  });
}
