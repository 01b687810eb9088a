import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { CodedError, hasCode } from '#libs/kernel/coded-error.js';
import type { TargetConfiguration } from '#libs/contracts/targets.js';
import {
  readAuthentication,
  writePassword,
  writeSaslInitialResponse,
  writeSaslResponse,
  type AuthenticationRequest,
} from '#libs/pg-wire/authentication.js';
import { readBackendKeyData, type BackendKey } from '#libs/pg-wire/backend-key-data.js';
import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { Disposition, FrameSplitter } from '#libs/pg-wire/frame-splitter.js';
import { md5Password } from '#libs/pg-wire/md5-password.js';
import { Backend } from '#libs/pg-wire/message-types.js';
import { readParameterStatus } from '#libs/pg-wire/parameter-status.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import { ScramClient } from '#libs/pg-wire/scram-client.js';
import { writeStartupMessage } from '#libs/pg-wire/startup-packet.js';
import { SessionRefused } from './refusal.js';

/** A connection on which the server has said ReadyForQuery. The socket is paused and has no data listener. */
export interface UpstreamSession {
  readonly socket: Socket;
  readonly key: BackendKey;
  /** ParameterStatus and NoticeResponse frames of the start, byte for byte and in order. */
  readonly greeting: readonly Buffer[];
  readonly parameters: Map<string, string>;
}

/** Frames of a login are small; more than this is not a PostgreSQL server. */
const MAX_FRAME = 262_144;

/** What a server refuses at the start that is the client's own business, passed on as it is. */
const PASSED_ON = new Set(['3D000', '53300', '57P03', '22023', '42704', '0A000']);

/**
 * Logs in with the target's own credentials. The server's refusal becomes SessionRefused; a broken
 * connection CodedError TARGET_UNREACHABLE. On any failure the socket is destroyed.
 */
export function loginUpstream(
  socket: Socket,
  target: TargetConfiguration,
  /** Of protocol 3. */
  minor: number,
  parameters: readonly (readonly [string, string])[],
): Promise<UpstreamSession> {
  return new Promise((resolve, reject) => {
    const login = new Login(socket, target, (result) => {
      socket.off('data', onData).off('close', onClose);
      socket.pause();
      if (result instanceof Error) {
        socket.destroy();
        reject(result);
      } else resolve(result);
    });
    const onData = (chunk: Buffer): void => login.receive(chunk);
    const onClose = (): void =>
      login.fail(
        new CodedError('TARGET_UNREACHABLE', `the target ${target.name} closed the connection during login`, {
          safeToRetry: true,
        }),
      );
    socket.on('data', onData).on('close', onClose);
    socket.write(writeStartupMessage(parameters, minor));
    socket.resume();
  });
}

class Login {
  private readonly splitter = new FrameSplitter({
    disposition: (_type, length) => {
      if (length > MAX_FRAME) throw new ProtocolViolation('a login message that is too long');
      return Disposition.Whole;
    },
    frame: (type, bytes, start, end) => this.frame(type, bytes.subarray(start, end)),
    piece: () => undefined,
    dropped: () => undefined,
  });
  private readonly greeting: Buffer[] = [];
  private readonly parameters = new Map<string, string>();
  private scram: ScramClient | undefined;
  private scramVerified = false;
  private key: BackendKey | undefined;
  private done = false;

  constructor(
    private readonly socket: Socket,
    private readonly target: TargetConfiguration,
    private readonly settle: (result: UpstreamSession | Error) => void,
  ) {}

  receive(chunk: Buffer): void {
    try {
      this.splitter.push(chunk);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    if (this.done) return;
    this.done = true;
    this.settle(
      error instanceof SessionRefused || hasCode(error, 'TARGET_UNREACHABLE')
        ? error
        : new CodedError(
            'TARGET_UNREACHABLE',
            `login at the target ${this.target.name} failed: ${error.message}`,
            { cause: error },
          ),
    );
  }

  private frame(type: number, frame: Buffer): void {
    if (this.done) return;
    switch (type) {
      case Backend.Authentication:
        this.authenticate(readAuthentication(frame)).catch((error: unknown) => this.fail(error as Error));
        return;
      case Backend.ParameterStatus: {
        const { name, value } = readParameterStatus(frame);
        this.parameters.set(name, value);
        this.greeting.push(Buffer.from(frame));
        return;
      }
      case Backend.NoticeResponse:
        this.greeting.push(Buffer.from(frame));
        return;
      case Backend.NegotiateProtocolVersion:
        // It speaks an older minor version: that differs in the length of cancel keys alone.
        return;
      case Backend.BackendKeyData:
        this.key = readBackendKeyData(frame);
        return;
      case Backend.ErrorResponse:
        return this.fail(this.refused(readErrorFields(frame)));
      case Backend.ReadyForQuery:
        return this.ready();
      default:
        return this.fail(new ProtocolViolation(`an unexpected message ${String.fromCharCode(type)}`));
    }
  }

  private ready(): void {
    if (this.key === undefined)
      return this.fail(new ProtocolViolation('ReadyForQuery before BackendKeyData'));
    this.done = true;
    this.settle({ socket: this.socket, key: this.key, greeting: this.greeting, parameters: this.parameters });
  }

  private async authenticate(request: AuthenticationRequest): Promise<void> {
    const password = this.target.password;
    if (request.kind === 'ok') {
      if (this.scram !== undefined && !this.scramVerified) throw new Error('it skipped the end of SCRAM');
      return;
    }
    if (request.kind === 'unsupported') throw new Error(`it asks for authentication method ${request.code}`);
    if (password === undefined) throw new Error('it asks for a password and the targets file has none');
    switch (request.kind) {
      case 'cleartext':
        if (!('encrypted' in this.socket)) throw new Error('it asks for the password in the clear');
        this.socket.write(writePassword(password));
        return;
      case 'md5':
        this.socket.write(writePassword(md5Password(this.target.user, password, request.salt)));
        return;
      case 'sasl':
        if (!request.mechanisms.includes(ScramClient.mechanism))
          throw new Error('it offers no SASL mechanism known here');
        this.scram = new ScramClient(password, randomBytes(18).toString('base64'));
        this.socket.write(writeSaslInitialResponse(ScramClient.mechanism, this.scram.first()));
        return;
      case 'sasl-continue':
        if (this.scram === undefined) throw new Error('it continues a SASL exchange that was not begun');
        this.socket.write(writeSaslResponse(await this.scram.final(request.data)));
        return;
      case 'sasl-final':
        if (this.scram === undefined) throw new Error('it ends a SASL exchange that was not begun');
        this.scram.verify(request.data);
        this.scramVerified = true;
    }
  }

  private refused(fields: ReadonlyMap<string, string>): Error {
    const code = fields.get('C') ?? '08006';
    const message = fields.get('M') ?? 'no message';
    return PASSED_ON.has(code)
      ? new SessionRefused(code, message)
      : new SessionRefused('08006', `the target ${this.target.name} refused the gateway`, {
          hint: 'Its operator finds the reason in the log of the target.',
        });
  }
}
