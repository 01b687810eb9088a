import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Identity } from '#libs/contracts/identity.js';
import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { hasCode, messageOf } from '#libs/kernel/coded-error.js';
import type { TokenVerifier } from '#libs/identity/token-verifier.js';
import { writeAuthenticationCleartextPassword, writeAuthenticationOk } from '#libs/pg-wire/authentication.js';
import { writeBackendKeyData } from '#libs/pg-wire/backend-key-data.js';
import { writeNegotiateProtocolVersion } from '#libs/pg-wire/negotiate-protocol-version.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import { writeReadyForQuery } from '#libs/pg-wire/ready-for-query.js';
import { NEWEST_MINOR, type StartupPacket } from '#libs/pg-wire/startup-packet.js';
import { notRecorded } from '../enforcement/refusals.js';
import { Recorder } from '../enforcement/recorder.js';
import { authenticate } from './authenticate.js';
import type { CancelRegistry } from './cancel-registry.js';
import { connectTarget, findTarget } from './connect-target.js';
import { withDeadline } from './deadline.js';
import { receiveOpening } from './handshake.js';
import { receivePassword } from './receive-password.js';
import { SessionRefused } from './refusal.js';
import { Session } from './session.js';
import type { SessionServices } from './session-services.js';
import { readStartupParameters, type StartupParameters } from './startup-parameters.js';
import type { TargetRoom } from './target-room.js';
import type { UpstreamSession } from './upstream-login.js';

export interface ConnectionServices extends SessionServices {
  readonly secureContext: SecureContext;
  readonly verifier: TokenVerifier;
  readonly targets: ReadonlyMap<string, TargetConfiguration>;
  readonly room: TargetRoom;
  readonly cancels: CancelRegistry;
  readonly gatewayId: string;
  readonly tenant: string;
  readonly limits: {
    /** From the first byte to a checked login, ms. */
    readonly loginMs: number;
    /** To reach the target and log in there, ms. */
    readonly targetMs: number;
  };
}

interface Claim {
  name: string;
  target: string;
}

/** One accepted socket, up to its session: TLS, start-up, login, the target's connection. */
export class Connection {
  private secured: TLSSocket | undefined;
  private session: Session | undefined;
  private stopped = false;
  private readonly claim: Claim = { name: '', target: '' };

  constructor(
    private readonly socket: Socket,
    private readonly services: ConnectionServices,
    private readonly closed: () => void,
  ) {
    // An error shows as the close that follows it.
    socket.on('error', () => socket.destroy());
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.refuse(error);
    }
    if (this.session === undefined) this.closed();
  }

  shutDown(): void {
    this.stopped = true;
    if (this.session !== undefined) this.session.shutDown();
    else this.refuse(new SessionRefused('57P03', 'the gateway is shutting down'));
  }

  private async start(): Promise<void> {
    const { loginMs } = this.services.limits;
    const late = (): Error => new SessionRefused('57014', 'canceling authentication due to timeout');
    const login = await withDeadline(this.login(), loginMs, late);
    if (login === undefined) return;
    await this.openSession(login);
  }

  private async login() {
    const { services } = this;
    const opening = await receiveOpening(this.socket, services.secureContext, (secured) => {
      this.secured = secured;
      secured.on('error', () => secured.destroy());
    });
    if (opening.kind === 'none') return void this.socket.end();
    if (opening.kind === 'cancel') return this.cancel(opening);
    const { packet, socket } = opening;
    const startup = readStartupParameters(packet.parameters);
    this.claim.name = startup.user;
    this.claim.target = startup.database;
    this.negotiate(socket, packet, startup);
    socket.write(writeAuthenticationCleartextPassword());
    const password = await receivePassword(socket);
    if (password === undefined) return void this.socket.end();
    const identity = await authenticate(services.verifier, startup.user, password);
    return { socket, startup, identity, minor: Math.min(packet.minor, NEWEST_MINOR) };
  }

  /** Up to protocol 3.2 and no protocol options: anything newer is told so and may go on. */
  private negotiate(
    socket: Socket,
    packet: StartupPacket & { kind: 'startup' },
    startup: StartupParameters,
  ): void {
    if (packet.minor > NEWEST_MINOR || startup.protocolOptions.length > 0)
      socket.write(
        writeNegotiateProtocolVersion(Math.min(packet.minor, NEWEST_MINOR), startup.protocolOptions),
      );
  }

  private async cancel(request: { pid: number; secret: Buffer; socket: Socket }): Promise<undefined> {
    const session = this.services.cancels.find(request.pid, request.secret);
    try {
      await session?.cancel();
    } catch (error) {
      this.services.logger.warn({ err: error }, 'a cancel request did not reach its target');
    }
    request.socket.end();
    return undefined;
  }

  private async openSession(login: {
    socket: TLSSocket;
    startup: StartupParameters;
    identity: Identity;
    minor: number;
  }): Promise<void> {
    const { services } = this;
    const { startup, socket } = login;
    const { target, database } = findTarget(services.targets, startup.database);
    const leave = services.room.enter(target);
    try {
      const sessionId = services.newId();
      const upstream = await connectTarget(
        target,
        database,
        { ...startup, minor: login.minor },
        sessionId,
        services.limits.targetMs,
      );
      if (this.stopped || socket.destroyed) {
        upstream.socket.destroy();
        throw new SessionRefused('57P03', 'the gateway is shutting down');
      }
      const recorder = this.recorderFor(login.identity, target, database, startup, sessionId);
      await this.recordOpened(recorder, upstream);
      this.begin(login.socket, upstream, target, recorder, secretFor(login.minor), leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  private recorderFor(
    identity: Identity,
    target: TargetConfiguration,
    database: string,
    startup: StartupParameters,
    sessionId: string,
  ): Recorder {
    const { services } = this;
    return new Recorder(
      {
        sessionId,
        gatewayId: services.gatewayId,
        tenant: services.tenant,
        identity,
        target: { name: target.name, kind: target.kind, environment: target.environment, database },
        recording: target.recording,
        clientAddress: this.clientAddress(),
        applicationName: startup.applicationName.slice(0, 256),
      },
      services.judge.policies,
      services.spool.state().producer,
      services.clock,
      services.newId,
    );
  }

  private recordOpened(recorder: Recorder, upstream: UpstreamSession): Promise<void> {
    const { target, clientAddress, applicationName } = recorder.session;
    const opened = recorder.draft('session.opened', {
      target,
      clientAddress,
      applicationName,
      backendPid: upstream.key.pid,
    });
    return new Promise((resolve, reject) => {
      this.services.spool.append([opened], (error) => {
        if (error === undefined) return resolve();
        upstream.socket.destroy();
        const refusal = notRecorded(error);
        reject(new SessionRefused(refusal.code, 'the session cannot be recorded'));
      });
    });
  }

  private begin(
    client: TLSSocket,
    upstream: UpstreamSession,
    target: TargetConfiguration,
    recorder: Recorder,
    secret: Buffer,
    leave: () => void,
  ): void {
    const { services } = this;
    const { database } = recorder.session.target;
    const keeper = services.catalogs.enter(target, database);
    const { greeting, ...kept } = upstream;
    const session = new Session(client, kept, target, recorder, services, keeper, () => {
      services.catalogs.leave(target, database);
      forget();
      leave();
      this.closed();
    });
    const forget = services.cancels.add(upstream.key.pid, secret, session);
    this.session = session;
    client.write(
      Buffer.concat([
        writeAuthenticationOk(),
        ...greeting,
        writeBackendKeyData({ pid: upstream.key.pid, secret }),
        writeReadyForQuery('I'),
      ]),
    );
    services.logger.info(
      {
        sessionId: recorder.session.sessionId,
        target: target.name,
        identity: recorder.session.identity.name,
        backendPid: upstream.key.pid,
      },
      'a session opened',
    );
    session.start();
  }

  private clientAddress(): string {
    return (this.socket.remoteAddress ?? '').slice(0, 64);
  }

  private refuse(error: unknown): void {
    const refused = this.asRefusal(error);
    if (refused !== undefined) {
      this.record(refused);
      const socket = this.secured ?? this.socket;
      // Before TLS nothing but the refusal of plain text is told.
      if (socket.writable && (this.secured !== undefined || refused.code === '28000'))
        socket.end(refused.response());
    }
    const { socket, secured } = this;
    setTimeout(() => {
      secured?.destroy();
      socket.destroy();
    }, 500).unref();
    if (refused === undefined) socket.destroy();
  }

  private asRefusal(error: unknown): SessionRefused | undefined {
    if (error instanceof SessionRefused) return error;
    if (error instanceof ProtocolViolation) return new SessionRefused('08P01', error.message);
    if (hasCode(error, 'TARGET_UNREACHABLE')) {
      this.services.logger.warn({ err: error, target: this.claim.target }, 'a target cannot be reached');
      return new SessionRefused('08006', 'the target cannot be reached', {
        hint: 'Its operator finds the reason in the log of the gateway.',
      });
    }
    this.services.logger.info({ reason: messageOf(error) }, 'a connection ended before its login');
    return undefined;
  }

  private record(refused: SessionRefused): void {
    if (this.claim.name === '') return;
    const { spool, clock, newId, logger } = this.services;
    const event = {
      id: newId(),
      type: 'session.refused',
      schemaVersion: 1,
      time: new Date(clock.now()).toISOString(),
      claimedName: this.claim.name.slice(0, 128),
      claimedTarget: this.claim.target.slice(0, 128),
      clientAddress: this.clientAddress(),
      sqlstate: refused.code,
      reason: refused.message.slice(0, 1024),
    };
    spool.append([{ topic: 'statements', key: spool.state().producer, signed: false, event }], (error) => {
      if (error !== undefined) logger.error({ err: error }, 'a refused login cannot be recorded');
    });
  }
}

/** Four bytes is all that clients before protocol 3.2 can take. */
const secretFor = (minor: number): Buffer => randomBytes(minor >= 2 ? 32 : 4);
