import type { Signals } from '#libs/contracts/events/signals.js';
import type { Verdict } from '#libs/policy/policy.js';
import type { Refusal } from '../postgres/refusal.js';
import { signalsText } from '../signals/signals-text.js';
import type { Progress } from './decision-check.js';
import type { Grant } from './grant.js';
import type { HoldEnd } from './hold-request.js';

const quorum = (verdict: Verdict): string =>
  verdict.reviewers.map(({ group, count }) => `${count} of group ${group}`).join(' and ') || 'a reviewer';

const lasting = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds >= 120 ? `${Math.round(seconds / 60)} minutes` : `${seconds} seconds`;
};

/** What people wrote, without what a terminal or the protocol would act on. */
const plain = (text: string): string => text.replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();

const signed = ({ signed, needed, escalated }: Progress): string =>
  `${signed} of ${needed} ${needed === 1 ? 'signature' : 'signatures'}${escalated === 0 ? '' : ', escalated'}`;

export interface Notice {
  readonly message: string;
  readonly detail: string;
  readonly hint: string;
}

export function notice(
  requestId: string,
  verdict: Verdict,
  state: {
    readonly leftMs: number;
    readonly signals: Signals | undefined;
    /** The last that was heard of the review. */
    readonly progress: Progress | undefined;
  },
): Notice {
  const { leftMs, signals, progress } = state;
  const so = progress === undefined ? '' : ` (${signed(progress)})`;
  const facts = [
    `Rule ${verdict.rule}: ${verdict.reason.replace(/\.$/, '')}. The hold ends in ${lasting(leftMs)}.`,
    ...(signals === undefined ? [] : [signalsText(signals)]),
  ];
  return {
    message: `statement held: request ${requestId} waits for ${quorum(verdict)}${so}`,
    detail: facts.join(' '),
    hint: `A reviewer decides with: countersign requests approve ${requestId}. Cancelling gives the request up.`,
  };
}

/** The most of what somebody asks that stands in a message; the whole of it stands in the detail. */
const ASKED_CHARACTERS = 200;

/** What a reviewer asks or says, and how to answer: clients that show only messages show it too. */
export function questionNotice(
  requestId: string,
  { by, text }: NonNullable<Progress['comment']>,
  leftMs: number,
): Notice {
  const [who, asked] = [plain(by), plain(text)];
  const characters = [...asked];
  const short =
    characters.length <= ASKED_CHARACTERS ? asked : `${characters.slice(0, ASKED_CHARACTERS).join('')} …`;
  return {
    message: `${who} writes about held request ${requestId}: ${short}`,
    detail: `${who} says: ${asked}\nThe statement goes on waiting. The hold ends in ${lasting(leftMs)}.`,
    hint: `Answer from another terminal with: countersign requests comment ${requestId} '...', or in the request's thread in Slack.`,
  };
}

export function endedRefusal(reason: HoldEnd, requestId: string, lastedMs: number): Refusal {
  const detail = `Request ${requestId} was not decided; nothing was run.`;
  switch (reason) {
    case 'expired':
      return {
        code: '57014',
        message: `held statement expired: nobody decided within ${lasting(lastedMs)}`,
        detail,
      };
    case 'client-cancelled':
      return { code: '57014', message: 'canceling held statement due to user request', detail };
    case 'shutdown':
      return {
        code: '57P01',
        message: 'held statement ended: the gateway is shutting down',
        detail,
        hint: 'Connect and send it again.',
      };
    case 'client-gone':
    case 'gateway-crash':
    case 'target-gone':
    case 'refused':
      return { code: '57014', message: `held statement ended: ${reason}`, detail };
  }
}

export const refusedByReviewers = (
  by: { readonly decidedBy?: readonly string[] | undefined; readonly reason?: string | undefined },
  requestId: string,
): Refusal => ({
  code: '42501',
  message: `refused by reviewers: request ${requestId}`,
  detail: `${by.decidedBy?.join(', ') || 'approvals'}: ${by.reason ?? 'no reason was given'}`,
  hint: 'The session goes on.',
});

export const approvalNeeded = (requestId: string, verdict: Verdict): Refusal => ({
  code: '55000',
  message: `approval needed: the statement waits for ${quorum(verdict)}`,
  detail: `Request ${requestId}. Rule ${verdict.rule}: ${verdict.reason}`,
  hint: 'Send the same statement again once it is approved.',
});

export const approvalUnanswered = (requestId: string): Refusal => ({
  code: '55000',
  message: 'approval needed: whether it is given could not be told in time',
  detail: `Request ${requestId}`,
  hint: 'Send the same statement again.',
});

export const rowLimitRefusal = (grant: Grant, maxRows: number, why: string): Refusal => ({
  code: '42501',
  message: `request ${grant.requestId} was approved for at most ${maxRows} rows, which cannot be kept: ${why}`,
  detail: `${grant.decidedBy.join(', ')} approved it; nothing was run.`,
  hint: 'Ask for an approval without a row limit.',
});

export const overRowLimit = (grant: Grant, maxRows: number, rows: number): Refusal => ({
  code: '42501',
  message: `rolled back: ${rows} rows were changed, and request ${grant.requestId} was approved for at most ${maxRows}`,
  detail: `${grant.decidedBy.join(', ')} approved it; nothing of it stays.`,
  hint: 'Narrow the statement, or ask for a higher limit.',
});

export const driftedRefusal = (requestId: string): Refusal => ({
  code: '42501',
  message: `drifted: what was approved with request ${requestId} is not what is there now`,
  detail: 'A definition or setting changed while the statement was held; nothing was run.',
  hint: 'Send it again for a new review.',
});

export const unreadableBinding = (
  read: { sqlstate: string; problem: string },
  requestId: string,
): Refusal => ({
  code: read.sqlstate === '57014' || read.sqlstate === '25P02' ? read.sqlstate : '42501',
  message: `request ${requestId} was not asked or not released: ${read.problem}`,
  detail: `The target answered with SQLSTATE ${read.sqlstate}; nothing was run.`,
});
