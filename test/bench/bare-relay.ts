import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';

/**
 * What Node.js alone costs between a client and a database: ends the client's TLS and passes bytes on, both
 * ways, unread. Arguments: port to listen on, the target's host and port, certificate, key.
 */
const [port, host, targetPort, certificate, key] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const secureContext = createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) });

createServer({ noDelay: true }, (plain) => {
  plain.on('error', () => plain.destroy());
  // The first message is SSLRequest: pgbench is told to insist on TLS.
  plain.once('data', () => {
    plain.write('S');
    const client = new TLSSocket(plain, { isServer: true, secureContext });
    const target = connect({ host, port: Number(targetPort), noDelay: true });
    client.on('data', (chunk) => target.write(chunk));
    target.on('data', (chunk) => client.write(chunk));
    for (const socket of [client, target]) {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        client.destroy();
        target.destroy();
      });
    }
  });
}).listen(Number(port), '127.0.0.1', () => process.send?.('listening'));

process.on('disconnect', () => process.exit());
