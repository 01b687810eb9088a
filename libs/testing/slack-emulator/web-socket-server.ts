import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const PING_MS = 2_000;

/** The server's side of Socket Mode over RFC 6455: text frames, ping and close; nothing else is needed. */
export class SocketModeServer {
  private readonly sockets = new Set<Duplex>();
  private readonly acks = new Map<string, (payload: unknown) => void>();

  get connected(): number {
    return this.sockets.size;
  }

  accept(request: IncomingMessage, socket: Duplex): void {
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    this.sockets.add(socket);
    const ping = setInterval(() => socket.write(Buffer.from([0x89, 0])), PING_MS);
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const frame = readFrame(rest);
        if (frame === undefined) return;
        rest = rest.subarray(frame.length);
        if (frame.opcode === 1) this.received(frame.payload.toString('utf8'));
        else if (frame.opcode === 8) socket.end(Buffer.from([0x88, 0]));
        else if (frame.opcode === 9)
          socket.write(Buffer.concat([Buffer.from([0x8a, frame.payload.length]), frame.payload]));
      }
    });
    const gone = (): void => {
      clearInterval(ping);
      this.sockets.delete(socket);
    };
    socket.on('close', gone);
    socket.on('error', gone);
    socket.write(
      textFrame(
        JSON.stringify({
          type: 'hello',
          num_connections: this.sockets.size,
          connection_info: { app_id: 'A0APP' },
        }),
      ),
    );
  }

  /** Sends an envelope; resolves with the payload of its acknowledgement, or undefined after `ms`. */
  deliver(type: string, payload: unknown, ms = 3_000): Promise<{ payload: unknown } | undefined> {
    const [socket] = this.sockets;
    if (socket === undefined) return Promise.resolve(undefined);
    const id = randomUUID();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.acks.delete(id);
        resolve(undefined);
      }, ms);
      this.acks.set(id, (answer) => {
        clearTimeout(timer);
        resolve({ payload: answer });
      });
      socket.write(
        textFrame(JSON.stringify({ envelope_id: id, type, payload, accepts_response_payload: true })),
      );
    });
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private received(text: string): void {
    const { envelope_id: id, payload } = JSON.parse(text) as { envelope_id: string; payload?: unknown };
    this.acks.get(id)?.(payload);
    this.acks.delete(id);
  }
}

function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] as number) & 0x7f;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + extended + 4;
  if (bytes.length < start) return undefined;
  const size =
    extended === 0 ? short : extended === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + size) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + size));
  for (let index = 0; index < payload.length; index += 1) payload[index]! ^= mask[index % 4] as number;
  return { opcode: (bytes[0] as number) & 0x0f, payload, length: start + size };
}

function textFrame(text: string): Buffer {
  const payload = Buffer.from(text, 'utf8');
  const header = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  header[0] = 0x81;
  if (header.length === 2) header[1] = payload.length;
  else if (header.length === 4) {
    header[1] = 126;
    header.writeUInt16BE(payload.length, 2);
  } else {
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([header, payload]);
}
