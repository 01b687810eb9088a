import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** While true, new connections are refused. */
  refusing: boolean;
  /** Called with each chunk on its way; false drops it and cuts the connection. */
  onRequest: (chunk: Buffer) => boolean;
  onAnswer: (chunk: Buffer) => boolean;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

/** A TCP proxy on the loopback interface that a test can make fail. */
export async function tcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (proxy.refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(target);
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      // A broken connection is what this is for; the other side is cut with it.
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (chunk) => (proxy.onRequest(chunk) ? upstream.write(chunk) : cut()));
    upstream.on('data', (chunk) => (proxy.onAnswer(chunk) ? client.write(chunk) : cut()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const proxy: TcpProxy = {
    port: (server.address() as { port: number }).port,
    refusing: false,
    onRequest: () => true,
    onAnswer: () => true,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return proxy;
}
