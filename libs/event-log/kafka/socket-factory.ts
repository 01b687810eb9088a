import { createRequire } from 'node:module';
import type { ISocketFactory } from 'kafkajs';

const makeSocketFactory = createRequire(import.meta.url)(
  'kafkajs/src/network/socketFactory',
) as () => ISocketFactory;
const openSocket = makeSocketFactory();

/**
 * kafkajs's own sockets, but a closed one stays as it is. While a broker is away kafkajs 2.2.4 disconnects
 * the same dead connection again and again, and Node answers each unref of a socket without a handle with
 * one more listener: a MaxListenersExceededWarning, and listeners for as long as the broker is gone.
 */
export const socketFactory: ISocketFactory = (options) => {
  const socket = openSocket(options);
  const unref = socket.unref.bind(socket);
  socket.unref = () => (socket.destroyed ? socket : unref());
  return socket;
};
