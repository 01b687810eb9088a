import { connect, createServer, type Server, type Socket } from 'node:net';

export type Direction = 'request' | 'answer';

/** A proxy in front of PostgreSQL that cuts a connection between two messages of its protocol. */
export interface CuttingProxy {
  readonly port: number;
  /**
   * From now on: lets `messages` pass in that direction, over whatever connection, then cuts that
   * connection at the next one, which is lost with what follows it. Only where connections are idle.
   */
  arm(direction: Direction, messages: number): void;
  /** Ends that, and says whether it came to a cut. */
  disarm(): boolean;
  close(): Promise<void>;
}

const HEADER_BYTES = 5;

export async function cuttingProxy(target: { host: string; port: number }): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let armed: { direction: Direction; left: number } | undefined;
  let cuts = 0;

  /** How much of a chunk may pass, counting the messages that begin in it; undefined: all of it. */
  const counting = (direction: Direction): ((chunk: Buffer) => number | undefined) => {
    let rest = 0;
    let header = Buffer.alloc(0);
    return (chunk) => {
      let at = 0;
      while (at < chunk.length) {
        if (rest > 0) {
          const taken = Math.min(rest, chunk.length - at);
          rest -= taken;
          at += taken;
          continue;
        }
        if (header.length === 0 && armed?.direction === direction) {
          if (armed.left === 0) return at;
          armed.left -= 1;
        }
        const taken = chunk.subarray(at, at + HEADER_BYTES - header.length);
        header = Buffer.concat([header, taken]);
        at += taken.length;
        if (header.length < HEADER_BYTES) return undefined;
        rest = header.readUInt32BE(1) - 4;
        header = Buffer.alloc(0);
      }
      return undefined;
    };
  };

  const server: Server = createServer((client) => {
    const upstream = connect(target);
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      // What breaks on one side is broken on both.
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    // The first message of a client has no type byte: it is counted once the server has answered.
    let greeted = false;
    const passing = (direction: Direction, to: Socket): ((chunk: Buffer) => void) => {
      const allowed = counting(direction);
      return (chunk) => {
        if (direction === 'request' && !greeted) {
          to.write(chunk);
          return;
        }
        greeted = true;
        const length = allowed(chunk);
        if (length === undefined) {
          to.write(chunk);
          return;
        }
        cuts += 1;
        armed = undefined;
        // What may pass has to arrive before the other side is gone.
        to.write(chunk.subarray(0, length), cut);
      };
    };
    client.on('data', passing('request', upstream));
    upstream.on('data', passing('answer', client));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    arm: (direction, messages) => {
      cuts = 0;
      armed = { direction, left: messages };
    },
    disarm: () => {
      armed = undefined;
      return cuts > 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
