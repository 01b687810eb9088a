import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { ToClient } from './to-client.js';

let server: Server;
let ours: Socket;
let theirs: Socket;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  theirs = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [ours] = (await once(server, 'connection')) as [Socket];
});

afterEach(() => {
  ours.destroy();
  theirs.destroy();
  server.close();
});

/** Everything the client got by the end of the connection. */
async function received(): Promise<string> {
  let got = '';
  theirs.on('data', (chunk) => (got += String(chunk)));
  ours.end();
  await once(theirs, 'end');
  return got;
}

describe('ToClient', () => {
  it.each([1, 2, 5])('sends a burst of %i parts once it ends, in order', async (parts) => {
    const toClient = new ToClient(ours, () => undefined);
    for (let index = 0; index < parts; index += 1) toClient.send(Buffer.from(`${index},`));
    toClient.flush();
    expect(await received()).toBe('0,1,2,3,4,'.slice(0, 2 * parts));
  });

  it('sends neighbouring parts of one chunk as they stand in it', async () => {
    const toClient = new ToClient(ours, () => undefined);
    const chunk = Buffer.from('abcdefgh');
    toClient.forward(chunk, 1, 3);
    toClient.forward(chunk, 3, 4);
    toClient.send(Buffer.from('-'));
    toClient.forward(chunk, 6, 8);
    toClient.flush();
    expect(await received()).toBe('bcd-gh');
  });

  it('drops what comes for a client that is gone, also what had gathered', async () => {
    const toClient = new ToClient(ours, () => undefined);
    toClient.send(Buffer.from('gathered'));
    toClient.gone = true;
    toClient.flush();
    toClient.send(Buffer.from('late'));
    toClient.flush();
    expect(await received()).toBe('');
  });

  it('takes a socket that was destroyed meanwhile for no error', async () => {
    const errors: unknown[] = [];
    ours.on('error', (error) => errors.push(error));
    const toClient = new ToClient(ours, () => undefined);
    toClient.send(Buffer.from('gathered'));
    ours.destroy();
    toClient.flush();
    await once(ours, 'close');
    expect(errors).toEqual([]);
  });
});
