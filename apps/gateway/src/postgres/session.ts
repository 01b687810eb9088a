import type { Socket } from 'node:net';
import type { TargetConfiguration } from '#libs/contracts/targets.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { TERMINATE } from '#libs/pg-wire/bodyless-messages.js';
import { writeErrorResponse, writeNoticeResponse } from '#libs/pg-wire/error-response.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import type { CatalogKeeper } from '../catalog/catalog-keeper.js';
import { SessionCatalog } from '../catalog/session-catalog.js';
import { HeldStatement } from '../enforcement/held-statement.js';
import type { HoldEnd, HoldRequest } from '../enforcement/hold-request.js';
import type { Recorder } from '../enforcement/recorder.js';
import type { Spool } from '../spool/spool.js';
import { measureHeld } from '../signals/measure-held.js';
import type { Cancellable } from './cancel-registry.js';
import { cancelUpstream } from './cancel-upstream.js';
import { ExtendedMessages } from './extended-messages.js';
import { FromClient } from './from-client.js';
import { FromTarget } from './from-target.js';
import { FunctionCalls } from './function-calls.js';
import { Outcomes } from './outcomes.js';
import { OwnQuery, type OwnResult } from './own-query.js';
import { QueryMessages } from './query-messages.js';
import type { Run } from './run.js';
import type { SessionServices } from './session-services.js';
import { SessionState } from './session-state.js';
import { SlotKind, slotFor } from './slot.js';
import { StatementIntake } from './statement-intake.js';
import { ToClient } from './to-client.js';
import { ToTarget, type Overlap } from './to-target.js';
import { Turn } from './turn.js';
import type { UpstreamSession } from './upstream-login.js';

export type SessionEnd = EventOf<'session.closed'>['reason'];

/** What the end of a session is to a statement it holds. */
const HOLD_ENDS: Readonly<Record<SessionEnd, HoldEnd>> = {
  client: 'client-gone',
  target: 'target-gone',
  'protocol-error': 'client-gone',
  shutdown: 'shutdown',
  'gateway-crash': 'gateway-crash',
  failed: 'client-gone',
};

/** More than this on its way to the target, or waiting for its turn, and the client is not read on. */
const BACKLOG_BYTES = 1024 * 1024;

/** The same of messages: the shortest have five bytes and cost us more. */
const BACKLOG_MESSAGES = 10_000;

/** How long a target may take to end a session whose client has gone; then the connection is cut. */
const TARGET_END_MS = 10_000;

/** What a session keeps of its login at the target. */
export type Upstream = Pick<UpstreamSession, 'socket' | 'key' | 'parameters'>;

/** One client and its connection at the target, from the first ReadyForQuery to the end of both. */
export class Session implements Cancellable {
  private readonly state: SessionState;
  private readonly toClient: ToClient;
  private readonly toTarget: ToTarget;
  private readonly turn: Turn;
  private readonly names: SessionCatalog;
  private readonly outcomes: Outcomes;
  private readonly fromClient: FromClient;
  private readonly fromTarget: FromTarget;
  private hold: HeldStatement | undefined;
  private ending: SessionEnd | undefined;
  private over = false;
  private endTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Upstream,
    private readonly target: TargetConfiguration,
    private readonly recorder: Recorder,
    private readonly services: SessionServices,
    private readonly keeper: CatalogKeeper,
    private readonly closed: () => void,
  ) {
    const { clock, judge } = services;
    const state = new SessionState(upstream.parameters);
    this.state = state;
    const overlapped = recorder.session.recording === 'overlapped';
    this.toClient = new ToClient(client, () => upstream.socket.pause());
    // What comes back from the spool must not fail there: it is shared by all sessions.
    this.toTarget = new ToTarget(
      this.guardedSpool(),
      state,
      (bytes) => this.writeToTarget(bytes),
      (bytes) => this.toClient.send(bytes),
      () => this.advanced(),
      (run, refusal) =>
        this.outcomes.end(run, 'refused', { sqlstate: refusal.code, reason: refusal.message }),
      overlapped ? this.overlap() : undefined,
    );
    this.turn = new Turn(
      state,
      this.toTarget,
      () => this.fromClient.resume(),
      (work) => this.guard(work),
    );
    this.names = new SessionCatalog(keeper, state);
    this.outcomes = new Outcomes(recorder, services.journal, clock);
    const path = {
      state,
      toTarget: this.toTarget,
      turn: this.turn,
      judge,
      intake: new StatementIntake(
        judge,
        recorder.session,
        state,
        clock,
        this.names,
        this.turn,
        (text, parameters, done) => this.ask(text, parameters, state.seriesOpen, done),
      ),
      recorder,
      outcomes: this.outcomes,
      clock,
      hold: (request: HoldRequest) => this.beginHold(request),
      ask: (
        text: string,
        done: (result: OwnResult) => void,
        of: { readonly parameters?: readonly string[]; readonly run?: Run } = {},
      ) => this.ask(text, of.parameters ?? [], this.state.seriesOpen, done, of.run),
      counted: services.counted,
      overlapped,
    };
    this.fromClient = new FromClient(
      state,
      this.toTarget,
      this.turn,
      new QueryMessages(path),
      new ExtendedMessages(path),
      new FunctionCalls(path),
      services.maxMessageBytes,
      () => this.clientEnds(),
    );
    this.fromTarget = new FromTarget(state, this.toClient, this.outcomes, {
      answered: () => {
        this.names.answered();
        this.toTarget.answered();
        this.turn.check();
      },
      readsCopy: () => this.turn.refuseToWait(),
      rowsForNobody: () => upstream.socket.destroy(),
    });
  }

  /** Takes over both sockets. `first` is what the client sent before, if anything. */
  start(): void {
    const { client, upstream } = this;
    client.on('data', (chunk: Buffer) => this.guard(() => this.readClient(chunk)));
    client.on('end', () => this.guard(() => this.clientGone(true)));
    client.on('close', () => this.guard(() => this.clientGone(false)));
    client.on('drain', () => upstream.socket.resume());
    client.on('error', () => client.destroy());
    upstream.socket.on('data', (chunk: Buffer) => this.guard(() => this.fromTarget.receive(chunk)));
    upstream.socket.on('close', () => this.targetGone());
    upstream.socket.on('end', () => this.targetGone());
    upstream.socket.on('drain', () => this.relieve());
    upstream.socket.on('error', () => upstream.socket.destroy());
    upstream.socket.resume();
    client.resume();
    if (client.destroyed) this.clientGone(false);
    if (upstream.socket.destroyed) this.targetGone();
  }

  async cancel(): Promise<void> {
    const hold = this.hold;
    if (hold !== undefined) {
      hold.end('client-cancelled');
      // Our own reading for the hold may be what the target is busy with.
      if (this.state.slots.length === 0) return;
    }
    await cancelUpstream(this.target, this.upstream.key);
  }

  /** The gateway stops: a hold ends cleanly, the client is told, both connections close. */
  shutDown(): void {
    if (this.over) return;
    this.sayLast('57P01', 'terminating connection: the gateway is shutting down');
    this.finish('shutdown');
  }

  private readClient(chunk: Buffer): void {
    this.fromClient.receive(chunk);
    this.toClient.flush();
    if (this.pressed()) this.client.pause();
  }

  private pressed(): boolean {
    return (
      this.toTarget.backlogBytes > BACKLOG_BYTES ||
      this.fromClient.backlogBytes > BACKLOG_BYTES ||
      this.fromClient.backlog + this.state.slots.length > BACKLOG_MESSAGES ||
      this.upstream.socket.writableNeedDrain
    );
  }

  private relieve(): void {
    if (!this.over && this.client.isPaused() && !this.pressed()) this.client.resume();
  }

  private writeToTarget(bytes: Buffer): void {
    if (this.upstream.socket.writable) this.upstream.socket.write(bytes);
  }

  private advanced(): void {
    this.toClient.flush();
    this.turn.check();
    this.relieve();
    // A target that reads COPY data takes no notice of Terminate: only the end of the stream tells it.
    if (this.ending === 'client' && this.toTarget.idle) this.upstream.socket.end();
  }

  /** Runs what handles input; a broken protocol ends this session and nothing else. */
  private guard(work: () => void): void {
    if (this.over) return;
    try {
      work();
      this.relieve();
    } catch (error) {
      this.fail(error);
    }
  }

  /** While it is closed the target is read until enough is kept, then no further. */
  private overlap(): Overlap {
    const { toClient, upstream } = this;
    return {
      close: () => toClient.close(),
      open: () => {
        if (toClient.open()) upstream.socket.resume();
      },
      discard: () => {
        toClient.discard();
        upstream.socket.resume();
      },
    };
  }

  private guardedSpool(): Pick<Spool, 'append'> {
    const { spool } = this.services;
    const until = this.recorder.session.recording === 'replicated' ? 'log' : 'disk';
    return {
      append: (drafts, durable) => spool.append(drafts, (error) => this.guard(() => durable(error)), until),
    };
  }

  private fail(error: unknown): void {
    const violation = error instanceof ProtocolViolation;
    const { logger } = this.services;
    if (violation)
      logger.warn({ sessionId: this.sessionId, reason: error.message }, 'a peer broke the protocol');
    else logger.error({ err: error, sessionId: this.sessionId }, 'a session failed');
    if (violation) this.sayLast('08P01', messageOf(error));
    else this.sayLast('XX000', 'the gateway could not go on with this session');
    this.finish(violation ? 'protocol-error' : 'failed');
  }

  /** An answer that is still kept back does not come any more. */
  private sayLast(code: string, message: string): void {
    this.toClient.discard();
    this.toClient.open();
    this.toClient.send(writeErrorResponse({ severity: 'FATAL', code, message }));
    this.toClient.flush();
  }

  private beginHold(request: HoldRequest): void {
    const { services, state } = this;
    const within = state.seriesOpen;
    const hold = new HeldStatement(request, {
      recorder: this.recorder,
      spool: this.guardedSpool(),
      journal: services.journal,
      held: services.held,
      clock: services.clock,
      newId: services.newId,
      limits: services.holdLimits,
      sealingSalt: services.sealingSaltFor(this.recorder.session.identity),
      insideTransaction: state.insideTransaction,
      ask: (text, parameters, done) => this.ask(text, parameters, within, done),
      measure: (held, done) =>
        measureHeld(
          held,
          {
            estimator: this.keeper.estimator,
            searchPath: this.names.searchPath,
            insideTransaction: state.insideTransaction,
            now: services.clock.now(),
            ask: (text, parameters, answered) => this.ask(text, parameters, within, answered),
          },
          (signals) => this.guard(() => done(signals)),
        ),
      notice: (message, detail, hint) => {
        this.toClient.send(writeNoticeResponse({ severity: 'NOTICE', code: '00000', message, detail, hint }));
        this.toClient.flush();
      },
      over: (heldMs) => {
        this.hold = undefined;
        services.heldFor(heldMs);
      },
    });
    this.hold = hold;
    services.counted('review');
    this.services.logger.info(
      { sessionId: this.sessionId, requestId: hold.requestId },
      'a statement is held',
    );
    hold.begin();
  }

  private ask(
    text: string,
    parameters: readonly string[],
    within: boolean,
    done: (result: OwnResult) => void,
    run?: Run,
  ): void {
    const own = new OwnQuery(text, parameters, within, (result) => this.guard(() => done(result)));
    this.toTarget.send(own.frames(), slotFor(SlotKind.OwnQuery, { own, run }));
    this.toTarget.commit();
  }

  /** `halfway`: it sends no more but may still read. What it sent before is worked off in order. */
  private clientGone(halfway: boolean): void {
    if (!halfway) {
      this.toClient.gone = true;
      // Paused for a client that will never read again, the target would not be heard.
      this.upstream.socket.resume();
    }
    // What is held, and everything behind it, does not run for nobody.
    if (this.hold !== undefined) this.finish('client');
    else if (this.ending === undefined) this.fromClient.ended();
  }

  /** After what it sent: the target hears of it in order and ends what is open. */
  private clientEnds(): void {
    if (this.ending !== undefined) return;
    this.ending = 'client';
    this.turn.stop();
    this.toTarget.send(TERMINATE);
    this.toTarget.commit();
    this.endTimer = setTimeout(() => {
      // A statement that still runs is the target's to finish, as it is without a gateway.
      if (this.state.slots.length === 0) this.finish('client');
    }, TARGET_END_MS).unref();
  }

  private targetGone(): void {
    if (this.over) return;
    this.finish(this.ending ?? 'target');
  }

  private finish(reason: SessionEnd): void {
    if (this.over) return;
    // From here on nothing that comes back goes on (guard): what waits behind a hold stays where it is.
    this.over = true;
    clearTimeout(this.endTimer);
    this.hold?.end(HOLD_ENDS[reason]);
    this.turn.stop();
    this.toTarget.commit();
    this.toTarget.stop();
    for (let slot = this.state.slots.shift(); slot !== undefined; slot = this.state.slots.shift()) {
      slot.own?.abandon();
      if (slot.sent)
        this.outcomes.end(slot.run, 'unknown', { reason: 'the session ended before the target answered' });
      else this.outcomes.end(slot.run, 'cancelled', { reason: 'the session ended before it was sent' });
    }
    this.outcomes.flush();
    this.toClient.flush();
    const { socket } = this.upstream;
    if (this.state.status === 'I' && socket.writable) socket.end(TERMINATE);
    setTimeout(() => socket.destroy(), 100).unref();
    if (!socket.writable || this.state.status !== 'I') socket.destroy();
    this.client.end();
    setTimeout(() => this.client.destroy(), 1_000).unref();
    this.services.journal.append([this.recorder.draft('session.closed', { reason })]);
    this.closed();
  }

  private get sessionId(): string {
    return this.recorder.session.sessionId;
  }
}
