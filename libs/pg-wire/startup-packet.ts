import { ProtocolViolation } from './protocol-violation.js';
import { cString } from './frame-writer.js';

/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH (src/include/libpq/pqcomm.h). */
export const MAX_STARTUP_PACKET = 10_000;

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;

export type StartupPacket =
  | { readonly kind: 'ssl-request' }
  | { readonly kind: 'gssenc-request' }
  | { readonly kind: 'cancel-request'; readonly pid: number; readonly secret: Buffer }
  | {
      readonly kind: 'startup';
      readonly major: number;
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
    };

/** The length of the packet that starts here, or undefined when fewer than 4 bytes are there. */
export function startupPacketLength(bytes: Buffer): number | undefined {
  if (bytes.length < 4) return undefined;
  const length = bytes.readUInt32BE(0);
  if (length < 8 || length > MAX_STARTUP_PACKET)
    throw new ProtocolViolation('invalid length of startup packet');
  return length;
}

/** Reads one whole packet of the start, its length included. Throws ProtocolViolation. */
export function readStartupPacket(packet: Buffer): StartupPacket {
  const code = packet.readUInt32BE(4);
  if (code === SSL_REQUEST && packet.length === 8) return { kind: 'ssl-request' };
  if (code === GSSENC_REQUEST && packet.length === 8) return { kind: 'gssenc-request' };
  if (code === CANCEL_REQUEST && packet.length >= 16 && packet.length <= 268)
    return { kind: 'cancel-request', pid: packet.readUInt32BE(8), secret: Buffer.from(packet.subarray(12)) };
  const major = code >>> 16;
  if (major !== 3)
    throw new ProtocolViolation(
      `unsupported frontend protocol ${major}.${code & 0xffff}: this server supports 3.0`,
    );
  return { kind: 'startup', major, minor: code & 0xffff, parameters: readParameters(packet) };
}

function readParameters(packet: Buffer): Map<string, string> {
  const parameters = new Map<string, string>();
  let at = 8;
  const next = (): string => {
    const end = packet.indexOf(0, at);
    if (end === -1)
      throw new ProtocolViolation('invalid startup packet layout: expected terminator as last byte');
    const text = packet.toString('utf8', at, end);
    at = end + 1;
    return text;
  };
  for (;;) {
    const name = next();
    if (name === '') break;
    if (parameters.has(name))
      throw new ProtocolViolation(`startup parameter "${name.slice(0, 63)}" stands twice`);
    parameters.set(name, next());
  }
  if (at !== packet.length)
    throw new ProtocolViolation('invalid startup packet layout: expected terminator as last byte');
  return parameters;
}

/** The newest minor version of protocol 3 that is spoken here: 3.2 is PostgreSQL 18's. */
export const NEWEST_MINOR = 2;

/** A start-up packet of protocol 3. */
export function writeStartupMessage(parameters: Iterable<readonly [string, string]>, minor = 0): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of parameters) parts.push(cString(name), cString(value));
  return withLength((3 << 16) | minor, Buffer.concat([...parts, Buffer.alloc(1)]));
}

export const writeSslRequest = (): Buffer => withLength(SSL_REQUEST, Buffer.alloc(0));

export function writeCancelRequest(pid: number, secret: Uint8Array): Buffer {
  const key = Buffer.alloc(4 + secret.length);
  key.writeUInt32BE(pid, 0);
  key.set(secret, 4);
  return withLength(CANCEL_REQUEST, key);
}

function withLength(code: number, body: Buffer): Buffer {
  const packet = Buffer.alloc(8 + body.length);
  packet.writeUInt32BE(packet.length, 0);
  packet.writeUInt32BE(code, 4);
  body.copy(packet, 8);
  return packet;
}
