import { createServer, type Server } from 'node:net';
import { Connection, type ConnectionServices } from './connection.js';

/** Takes connections, each on its own: one that is slow or idle delays no other. */
export class Listener {
  private readonly connections = new Set<Connection>();
  private readonly server: Server;
  private emptied: (() => void) | undefined;

  constructor(services: ConnectionServices) {
    this.server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 },
      (socket) => {
        const connection: Connection = new Connection(socket, services, () => {
          this.connections.delete(connection);
          if (this.connections.size === 0) this.emptied?.();
        });
        this.connections.add(connection);
        void connection.run();
      },
    );
  }

  get size(): number {
    return this.connections.size;
  }

  get listening(): boolean {
    return this.server.listening;
  }

  /** Resolves with the port. Rejects with the error of listen, such as EADDRINUSE. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ port, host, backlog: 1024 }, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as { port: number }).port);
      });
    });
  }

  /** Accepts no more, ends every session with an error, and resolves when all are over or after `ms`. */
  async close(ms: number): Promise<void> {
    this.server.close();
    const over = new Promise<void>((resolve) => (this.emptied = resolve));
    for (const connection of [...this.connections]) connection.shutDown();
    if (this.connections.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([over, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
    clearTimeout(timer);
  }
}
