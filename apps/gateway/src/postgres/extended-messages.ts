import { readBind, type BindMessage } from '#libs/pg-wire/bind-message.js';
import { readExecute } from '#libs/pg-wire/execute-message.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { readName } from '#libs/pg-wire/name-message.js';
import { readParse, type ParseMessage } from '#libs/pg-wire/parse-message.js';
import type { Reading } from '../enforcement/judge.js';
import { unknownStatement } from '../enforcement/known-text.js';
import type { Portal, Prepared } from '../enforcement/prepared.js';
import { recordParameters } from '../enforcement/recorded-parameters.js';
import {
  boundWithoutExecute,
  credentialUnderReview,
  deniedByPolicy,
  tooManyNames,
  unknownPortal,
  unknownPrepared,
  whyUnread,
} from '../enforcement/refusals.js';
import { rowLimitProblem } from '../enforcement/row-ceiling.js';
import type { Capped } from './capped.js';
import { HeldBind } from './held-bind.js';
import type { Refusal } from './refusal.js';
import { releaseCappedExecute } from './release-capped.js';
import { SlotKind, pendingChange, slotFor } from './slot.js';
import type { Considered } from './statement-intake.js';
import {
  mayOverlap,
  recordIntent,
  recordRefused,
  refuseExtended,
  unreadable,
  type StatementPath,
} from './statement-path.js';

/** A session that holds more names than this is refused new ones: they are kept in memory. */
const MAX_NAMES = 10_000;

/** Parse, Bind, Describe, Execute, Close, Flush and Sync. */
export class ExtendedMessages {
  /** A Bind that needs approval and waits for its Execute: both are one thing to approve. */
  private heldBind: HeldBind | undefined;
  /** What the last Bind of this series was judged to be, for the Execute behind it. */
  private judged: { portal: Portal; considered: Considered; series: number } | undefined;

  constructor(private readonly path: StatementPath) {}

  message(type: number, frame: Buffer): void {
    const held = this.heldBind;
    if (held !== undefined) {
      if (held.take(type, frame)) {
        if (held.execute !== undefined) this.review(held);
        return;
      }
      this.settleBeforeOther();
      if (type !== Frontend.Sync) return;
      this.path.state.skipping = false;
    }
    switch (type) {
      case Frontend.Parse:
        return this.parse(frame, readParse(frame));
      case Frontend.Bind:
        return this.bind(frame, readBind(frame));
      case Frontend.Execute:
        return this.execute(frame);
      case Frontend.Describe:
        return this.pass(frame, SlotKind.Describe);
      case Frontend.Close:
        return this.close(frame);
      case Frontend.Flush:
        return this.path.toTarget.send(frame, undefined, true);
      default:
        return this.sync(frame);
    }
  }

  /** A message that is not the Execute a held Bind waits for: the Bind is refused. */
  settleBeforeOther(): void {
    const held = this.heldBind;
    if (held === undefined) return;
    this.heldBind = undefined;
    this.refuse(held.considered, held.portal, boundWithoutExecute);
  }

  refuseUnread(refusal: Refusal): void {
    this.settleBeforeOther();
    if (!this.path.state.skipping) refuseExtended(this.path, refusal);
  }

  private parse(frame: Buffer, message: ParseMessage): void {
    const reading = this.path.intake.read(message.text);
    if (reading instanceof Promise)
      this.path.turn.until(reading, (read) => this.parsed(frame, message, read));
    else this.parsed(frame, message, reading);
  }

  private parsed(frame: Buffer, message: ParseMessage, reading: Reading): void {
    const { path } = this;
    const { state } = path;
    if (state.skipping) return;
    if (!reading.ok) {
      const statement = unknownStatement(message.text, 'UNREADABLE', whyUnread(reading.refusal));
      const verdict = unreadable('unreadable', 'it cannot be read');
      recordRefused(path, { statement, protocol: 'extended', verdict }, reading.refusal);
      return refuseExtended(path, reading.refusal);
    }
    if (state.statements.size >= MAX_NAMES) return refuseExtended(path, tooManyNames);
    const considered = path.intake.consider(reading.known);
    if (typeof considered === 'function') return considered(() => this.parsed(frame, message, reading));
    const { known } = considered;
    path.toTarget.record(path.recorder.chunks(known, considered.verdict));
    if (considered.verdict.effect === 'deny') {
      const refusal = deniedByPolicy(considered.verdict);
      recordRefused(
        path,
        { statement: considered.recorded, protocol: 'extended', verdict: considered.verdict },
        refusal,
      );
      return refuseExtended(path, refusal);
    }
    path.toTarget.recordOne(path.recorder.prepared(considered.recorded, considered.verdict));
    const prepared: Prepared = { known, parameterTypes: message.parameterTypes, chunked: true };
    const change = pendingChange(state.statements, {
      name: message.name,
      value: prepared,
      series: state.series,
    });
    // One with a name stays: refused, it must not be there.
    const overlaps = message.name === '' && mayOverlap(path, considered, message.parameterTypes);
    path.toTarget.send(frame, slotFor(SlotKind.Parse, { changes: [[change]], recorded: true }), overlaps);
    state.seriesOpen = true;
  }

  private bind(frame: Buffer, message: BindMessage): void {
    const { path } = this;
    const { state } = path;
    if (state.skipping) return;
    const found = state.statements.find(message.statement, state.series);
    if (found.is === 'uncertain') return path.turn.onceQuiet(() => this.bind(frame, message));
    if (found.is === 'unknown') return refuseExtended(path, unknownPrepared(message.statement));
    const considered = path.intake.consider(found.value.known);
    if (typeof considered === 'function') return considered(() => this.bind(frame, message));
    if (state.portals.size >= MAX_NAMES) return refuseExtended(path, tooManyNames);
    const { formats, parameters, resultFormats } = message;
    const portal: Portal = { prepared: found.value, formats, parameters, resultFormats, declared: false };
    switch (considered.verdict.effect) {
      case 'deny':
        return this.refuse(considered, portal, deniedByPolicy(considered.verdict));
      case 'review':
        this.heldBind = new HeldBind(frame, message.portal, portal, considered);
        return;
      case 'allow':
        this.judged = { portal, considered, series: state.series };
        this.sendBind(frame, message.portal, portal, considered);
    }
  }

  private sendBind(frame: Buffer, name: string, portal: Portal, considered: Considered): void {
    const { state, toTarget } = this.path;
    const change = pendingChange(state.portals, { name, value: portal, series: state.series });
    const overlaps = mayOverlap(this.path, considered, portal.prepared.parameterTypes);
    toTarget.send(frame, slotFor(SlotKind.Bind, { changes: [[change]] }), overlaps);
    state.seriesOpen = true;
    state.seriesBusy = true;
  }

  private execute(frame: Buffer): void {
    const { path } = this;
    const { state } = path;
    if (state.skipping) return;
    const message = readExecute(frame);
    const found = state.portals.find(message.portal, state.series);
    if (found.is === 'uncertain') return path.turn.onceQuiet(() => this.execute(frame));
    if (found.is === 'unknown') return refuseExtended(path, unknownPortal(message.portal));
    const portal = found.value;
    const judged = this.judged;
    const considered =
      judged !== undefined &&
      judged.portal === portal &&
      judged.series === state.series &&
      judged.considered.verdict.policy?.hash === path.judge.policies.current.hash
        ? judged.considered
        : path.intake.consider(portal.prepared.known);
    this.judged = undefined;
    if (typeof considered === 'function') return considered(() => this.execute(frame));
    switch (considered.verdict.effect) {
      case 'deny':
        return this.refuse(considered, portal, deniedByPolicy(considered.verdict));
      case 'review':
        // A portal that was begun and goes on, or one that was judged otherwise when it was bound.
        return this.review(HeldBind.ofExecute(frame, message, portal, considered));
      case 'allow': {
        if (!portal.prepared.chunked)
          path.toTarget.record(path.recorder.chunks(considered.known, considered.verdict));
        const run = recordIntent(path, this.intentOf(considered, portal), considered.transactional);
        this.sendExecute(frame, considered, { run, recorded: true });
      }
    }
  }

  private sendExecute(frame: Buffer, considered: Considered, slot: Parameters<typeof slotFor>[1]): void {
    const { path } = this;
    path.toTarget.send(
      frame,
      slotFor(SlotKind.Execute, { ...slot, changes: path.intake.nameChanges(considered.known) }),
      slot?.recorded === true && mayOverlap(path, considered),
    );
    path.intake.sent(considered);
    path.state.seriesOpen = true;
    path.state.seriesBusy = true;
    path.state.seriesExecuted = true;
    if (considered.transactional) path.state.began = true;
  }

  private close(frame: Buffer): void {
    const { state } = this.path;
    const { of, name } = readName(frame);
    const change = { name, value: undefined, series: state.series };
    const pending =
      of === 'statement' ? pendingChange(state.statements, change) : pendingChange(state.portals, change);
    this.path.toTarget.send(frame, slotFor(SlotKind.Close, { changes: [[pending]] }));
    state.seriesOpen = true;
  }

  private pass(frame: Buffer, kind: SlotKind): void {
    readName(frame);
    this.path.toTarget.send(frame, slotFor(kind), true);
    this.path.state.seriesOpen = true;
  }

  private sync(frame: Buffer): void {
    const { state, toTarget } = this.path;
    // While the server reads COPY data it takes no notice of a Sync.
    toTarget.send(frame, state.copyingIn ? undefined : slotFor(SlotKind.Sync), !state.copyingIn);
    if (!state.copyingIn) state.endSeries();
  }

  private refuse(considered: Considered, portal: Portal, refusal: Refusal): void {
    recordRefused(this.path, this.intentOf(considered, portal), refusal);
    refuseExtended(this.path, refusal);
  }

  private intentOf(considered: Considered, portal: Portal) {
    const { parameters, formats, prepared } = portal;
    return {
      statement: considered.recorded,
      protocol: 'extended' as const,
      verdict: considered.verdict,
      parameters:
        parameters.length === 0 ? undefined : recordParameters(parameters, formats, prepared.parameterTypes),
    };
  }

  /** Bind (if it is not with the server yet) and Execute are held together. */
  private review(held: HeldBind): void {
    this.heldBind = undefined;
    const { path } = this;
    path.turn.whenQuiet(() => {
      if (path.state.skipping) return path.turn.goOn(() => undefined);
      const { considered, portal } = held;
      if (considered.runsCredential)
        return path.turn.goOn(() => this.refuse(considered, portal, credentialUnderReview));
      path.hold({
        considered,
        protocol: 'extended',
        bound: held.bound(),
        parameters: this.intentOf(considered, portal).parameters,
        rowLimitProblem:
          held.maxRows > 0 ? 'it is fetched in parts' : rowLimitProblem(considered.analysis.statements),
        release: (run, ceiling) => {
          const send = (capped?: Capped): void => {
            if (held.bind !== undefined) this.sendBind(held.bind, held.portalName, portal, considered);
            for (const describe of held.describes) this.pass(describe, SlotKind.Describe);
            this.sendExecute(held.execute as Buffer, considered, { run, capped });
          };
          if (ceiling === undefined) path.turn.goOn(() => send());
          else releaseCappedExecute(path, considered, run, ceiling, send);
        },
        refuse: (refusal) => path.turn.goOn(() => refuseExtended(path, refusal)),
      });
    });
  }
}
