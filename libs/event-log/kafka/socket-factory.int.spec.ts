import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { ISocketFactory } from 'kafkajs';
import { socketFactory } from './socket-factory.js';

type Options = Parameters<ISocketFactory>[0];

describe('a socket to a broker', () => {
  it('gathers no listeners however often it is let go after it has closed', async () => {
    const server = net.createServer((peer) => peer.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const options = { host: '127.0.0.1', port, onConnect: () => undefined } as unknown as Options;
    const socket = socketFactory(options);
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'close');
    const before = socket.listenerCount('connect');
    for (let time = 0; time < 20; time += 1) socket.unref();
    expect(socket.listenerCount('connect')).toBe(before);
    server.close();
  });
});
