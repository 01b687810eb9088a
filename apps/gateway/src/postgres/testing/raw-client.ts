// For tests only: a client that sends bytes as told and shows what comes back, message by message.
import { connect } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { writePassword } from '#libs/pg-wire/authentication.js';
import { readCommandTag } from '#libs/pg-wire/command-complete.js';
import { readDataRow } from '#libs/pg-wire/data-row.js';
import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { Disposition, FrameSplitter } from '#libs/pg-wire/frame-splitter.js';
import { writeCancelRequest, writeStartupMessage } from '#libs/pg-wire/startup-packet.js';

export interface RawOptions {
  readonly port: number;
  readonly ca: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Of protocol 3. */
  readonly minor?: number;
}

/** `D:a,b` rows, `C:tag`, `E:sqlstate`, `N:message`, `Z:status`; of other messages the type alone. */
function show(type: number, frame: Buffer): string {
  const letter = String.fromCharCode(type);
  switch (letter) {
    case 'D':
      return `D:${readDataRow(frame)
        .map((value) => value?.toString() ?? 'NULL')
        .join(',')}`;
    case 'C':
      return `C:${readCommandTag(frame)}`;
    case 'E':
      return `E:${readErrorFields(frame).get('C')}`;
    case 'N':
      return `N:${readErrorFields(frame).get('M')}`;
    case 'K':
      return `K:${frame.readUInt32BE(5)}:${frame.subarray(9).toString('hex')}`;
    case 'V':
      return `V:${frame.subarray(9).toString('hex')}`;
    case 'Z':
      return `Z:${String.fromCharCode(frame[5] as number)}`;
    default:
      return letter;
  }
}

export class RawClient {
  private readonly messages: string[] = [];
  /** What came up to the first ReadyForQuery. */
  readonly greeting: string[] = [];
  private closed = false;
  private wake: (() => void) | undefined;

  private constructor(private readonly socket: TLSSocket) {
    const splitter = new FrameSplitter({
      disposition: () => Disposition.Whole,
      frame: (type, bytes, start, end) => void this.messages.push(show(type, bytes.subarray(start, end))),
      piece: () => undefined,
      dropped: () => undefined,
    });
    socket.on('data', (chunk: Buffer) => {
      splitter.push(chunk);
      this.wake?.();
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
    socket.on('error', () => socket.destroy());
  }

  static async connect(options: RawOptions): Promise<RawClient> {
    const socket = tlsConnect({
      port: options.port,
      host: 'localhost',
      ca: options.ca,
      ALPNProtocols: ['postgresql'],
    });
    const client = new RawClient(socket);
    client.write(
      writeStartupMessage(
        [
          ['user', options.user],
          ['database', options.database],
        ],
        options.minor,
      ),
    );
    if ((await client.take(1))[0] === 'v') await client.take(1);
    client.write(writePassword(options.password));
    client.greeting.push(...(await client.untilReady()));
    return client;
  }

  /** Resolves when the gateway has closed the connection that carried the request. */
  static cancel(port: number, pid: number, secret: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(writeCancelRequest(pid, secret)));
      socket.resume().on('close', () => resolve());
    });
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The next messages. */
  async take(count: number): Promise<string[]> {
    while (this.messages.length < count && !this.closed) await this.more();
    return this.messages.splice(0, count);
  }

  /** Everything up to the next ReadyForQuery. */
  async untilReady(): Promise<string[]> {
    for (;;) {
      const end = this.messages.findIndex((message) => message.startsWith('Z'));
      if (end !== -1) return this.messages.splice(0, end + 1);
      if (this.closed) throw new Error(`closed after ${this.messages.join(' ')}`);
      await this.more();
    }
  }

  async untilClosed(): Promise<string[]> {
    while (!this.closed) await this.more();
    return this.messages.splice(0);
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private more(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}
