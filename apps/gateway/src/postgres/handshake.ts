import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import { readStartupPacket, startupPacketLength, type StartupPacket } from '#libs/pg-wire/startup-packet.js';
import { SessionRefused } from './refusal.js';

export type Opening =
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer; readonly socket: Socket }
  | {
      readonly kind: 'startup';
      readonly packet: StartupPacket & { kind: 'startup' };
      readonly socket: TLSSocket;
    }
  /** The client went away again, or only asked whether somebody is here. */
  | { readonly kind: 'none' };

/** ALPN's name for the protocol, needed where TLS begins without SSLRequest (RFC 7301; PostgreSQL 17). */
const ALPN = 'postgresql';

const TLS_HANDSHAKE_RECORD = 0x16;

/** SSLRequest and GSSENCRequest may each be sent once, as the server has it. */
const MAX_REQUESTS = 2;

/**
 * From the first byte of a connection to its start-up packet inside TLS, or its CancelRequest. Rejects
 * with SessionRefused for what may be told to the client in the clear, ProtocolViolation for the rest.
 * `made` is told of the TLS socket as soon as there is one, so that it can be ended with the other.
 */
export async function receiveOpening(
  plain: Socket,
  secureContext: SecureContext,
  made: (socket: TLSSocket) => void,
): Promise<Opening> {
  for (let requests = 0; requests <= MAX_REQUESTS; requests += 1) {
    const packet = await readOpeningPacket(plain, true);
    if (packet === undefined) return { kind: 'none' };
    if (packet === 'tls') {
      const secured = await startTls(plain, secureContext, made);
      if (secured.alpnProtocol !== ALPN) throw new ProtocolViolation('direct TLS needs ALPN "postgresql"');
      return insideTls(secured);
    }
    switch (packet.kind) {
      case 'ssl-request': {
        // Whatever came with the request was sent in the clear and must not be read as if it came inside TLS.
        if (plain.readableLength > 0)
          throw new ProtocolViolation('received unencrypted data after SSL request');
        plain.write('S');
        return insideTls(await startTls(plain, secureContext, made));
      }
      case 'gssenc-request':
        plain.write('N');
        break;
      case 'cancel-request':
        return { kind: 'cancel', pid: packet.pid, secret: packet.secret, socket: plain };
      case 'startup':
        throw new SessionRefused('28000', 'this server takes connections inside TLS only', {
          hint: 'Connect with sslmode=require or stricter.',
        });
    }
  }
  throw new ProtocolViolation('too many requests before the start');
}

async function insideTls(socket: TLSSocket): Promise<Opening> {
  for (let requests = 0; requests <= MAX_REQUESTS; requests += 1) {
    const packet = await readOpeningPacket(socket, false);
    if (packet === undefined || packet === 'tls') return { kind: 'none' };
    if (packet.kind === 'startup') return { kind: 'startup', packet, socket };
    if (packet.kind === 'cancel-request')
      return { kind: 'cancel', pid: packet.pid, secret: packet.secret, socket };
    if (packet.kind === 'ssl-request') throw new ProtocolViolation('SSL request inside TLS');
    socket.write('N');
  }
  throw new ProtocolViolation('too many requests before the start');
}

/** A list would be copied for each connection and stay with it. What is not ours ends the handshake. */
const chooseProtocol = ({ protocols }: { protocols: string[] }): string | undefined =>
  protocols.includes(ALPN) ? ALPN : undefined;

function startTls(
  plain: Socket,
  secureContext: SecureContext,
  made: (socket: TLSSocket) => void,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = new TLSSocket(plain, { isServer: true, secureContext, ALPNCallback: chooseProtocol });
    made(secured);
    const finish = (result: TLSSocket | Error): void => {
      secured.off('secure', onSecure).off('error', finish).off('close', onClose);
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const onSecure = (): void => {
      secured.pause();
      finish(secured);
    };
    const onClose = (): void => finish(new Error('the client went away during the TLS handshake'));
    secured.once('secure', onSecure).once('error', finish).once('close', onClose);
  });
}

/** Exactly one packet of the start; what follows stays in the socket. undefined: the client went away. */
function readOpeningPacket(socket: Socket, tlsMayBegin: boolean): Promise<StartupPacket | 'tls' | undefined> {
  return new Promise((resolve, reject) => {
    let gathered = Buffer.alloc(0);
    const finish = (settle: () => void): void => {
      socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
      settle();
    };
    const onEnd = (): void => finish(() => resolve(undefined));
    const onReadable = (): void => {
      try {
        const chunk = socket.read() as Buffer | null;
        if (chunk === null) return;
        gathered = Buffer.concat([gathered, chunk]);
        if (tlsMayBegin && gathered[0] === TLS_HANDSHAKE_RECORD) {
          socket.unshift(gathered);
          return finish(() => resolve('tls'));
        }
        const length = startupPacketLength(gathered);
        if (length === undefined || gathered.length < length) return;
        const packet = readStartupPacket(gathered.subarray(0, length));
        if (gathered.length > length) socket.unshift(gathered.subarray(length));
        finish(() => resolve(packet));
      } catch (error) {
        finish(() => reject(error as Error));
      }
    };
    socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd);
    if (socket.readableLength > 0) onReadable();
  });
}
