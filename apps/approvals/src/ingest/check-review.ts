import { approvalDigest } from '#libs/contracts/approval-digest.js';
import type { Binding } from '#libs/contracts/binding.js';
import { parseEvent, type EventOf } from '#libs/contracts/events/registry.js';
import { verifyEvent, type TrustedKeys } from '#libs/contracts/event-signature.js';
import { speaksFor, type GatewayTies } from '#libs/contracts/gateway-ties.js';
import { isUuid } from '#libs/kernel/uuid.js';
import type { LogRecord } from '#libs/event-log/port.js';
import { bindingContradiction } from './binding-contradiction.js';

/** A gateway's word about one of its holds, after its signature was found good. */
export type ReviewEvent =
  | EventOf<'review.asked'>
  | EventOf<'review.part-recorded'>
  | EventOf<'review.cancelled'>
  | EventOf<'review.released'>
  | EventOf<'review.concluded'>;

export type RejectionReason = EventOf<'review.rejected'>['reason'];

export interface Rejection {
  readonly reason: RejectionReason;
  /** For an operator: names fields and keys, never a statement's text. */
  readonly detail: string;
  readonly requestId: string | undefined;
  /** The rejected event's id, where it could be read. */
  readonly causationId: string | undefined;
}

export type CheckedReview =
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  | { readonly kind: 'part'; readonly event: EventOf<'review.part-recorded'> }
  | { readonly kind: 'asked'; readonly event: EventOf<'review.asked'>; readonly digest: string }
  | {
      readonly kind: 'told';
      readonly event: Exclude<ReviewEvent, { type: 'review.asked' | 'review.part-recorded' }>;
    };

/** A question whose signature is good and whose binding is not looked at yet: its statements may stand in parts. */
export interface Question {
  readonly kind: 'question';
  readonly event: EventOf<'review.asked'>;
}

/**
 * What a record of the topic `requests` says, if it may be believed. The checks stand in this order:
 * signature (then only the signed body is read), form, the fields that must agree with each other; of a question
 * checkQuestion goes on. Never throws for what a record contains.
 */
export function checkReview(
  record: Pick<LogRecord, 'key' | 'value'>,
  trusted: TrustedKeys,
  tenant: string,
  ties: GatewayTies = new Map(),
): Exclude<CheckedReview, { kind: 'asked' }> | Question {
  const key = record.key?.toString('utf8');
  const keyed = key !== undefined && isUuid(key) ? key : undefined;
  const reject = (reason: RejectionReason, detail: string, causationId?: string) =>
    rejected(reason, detail, keyed, causationId);
  if (record.value === null) return reject('malformed', 'the record is empty');
  const signature = verifyEvent(record.value, trusted);
  if (!signature.ok) {
    return signature.problem === 'bad-signature'
      ? reject('bad-signature', 'the signature does not fit the event')
      : reject(
          'untrusted-gateway',
          `the event is ${signature.problem === 'unsigned' ? 'not signed' : 'signed with a key that is not in the file of gateway keys'}`,
        );
  }
  const parsed = parseEvent(signature.body);
  if (!parsed.ok) return reject('malformed', parsed.problem);
  const { event } = parsed;
  switch (event.type) {
    case 'review.asked':
    case 'review.part-recorded':
    case 'review.cancelled':
    case 'review.released':
    case 'review.concluded':
      break;
    default:
      return reject('malformed', `${event.type} has no place on this topic`, event.id);
  }
  if (!speaksFor(ties, signature.keyId, event.gatewayId))
    return reject('untrusted-gateway', "the key is not this gateway's", event.id);
  if (event.requestId === undefined || event.requestId !== keyed)
    return reject('malformed', 'the record does not stand under its own request id', event.id);
  if (event.tenant !== tenant) return reject('malformed', 'the event is of another tenant', event.id);
  if (event.type === 'review.asked') return { kind: 'question', event };
  if (event.type === 'review.part-recorded') return { kind: 'part', event };
  return { kind: 'told', event };
}

type Rejected = Extract<CheckedReview, { kind: 'rejected' }>;

const rejected = (
  reason: RejectionReason,
  detail: string,
  requestId: string | undefined,
  causationId: string | undefined,
): Rejected => ({
  kind: 'rejected',
  rejection: { reason, detail: detail.slice(0, 1024), requestId, causationId },
});

/**
 * A question with the statements its binding holds, if it may be believed. `statements` are those of its parts, where
 * it has any; undefined: they are missing. The digest is computed here, from the binding that reviewers will be shown.
 * `now` is milliseconds since 1970.
 */
export function checkQuestion(
  question: Question['event'],
  statements: Binding['statements'] | undefined,
  now: number,
): Rejected | Extract<CheckedReview, { kind: 'asked' }> {
  const reject = (reason: RejectionReason, detail: string): Rejected =>
    rejected(reason, detail, question.requestId, question.id);
  const inParts = question.statementsInParts !== undefined;
  if (inParts && statements === undefined)
    return reject('malformed', 'the parts of what is to be approved are missing or are others');
  const binding =
    inParts && statements !== undefined ? { ...question.binding, statements } : question.binding;
  const event = { ...question, binding };
  const contradiction = bindingContradiction(event);
  if (contradiction !== undefined) return reject('malformed', contradiction);
  if (Date.parse(event.holdExpiresAt) <= now) return reject('hold-ended', 'the hold has ended');
  const digest = digestOf(event.binding);
  if (digest === undefined) return reject('malformed', 'the binding cannot be encoded');
  return { kind: 'asked', event, digest };
}

/**
 * undefined where the binding does not fit the encoding (a number or a text too large for its field). It
 * comes from outside, so whatever the encoder says against it is a refusal, not a fault of ours: a record
 * that threw here would be delivered again for ever.
 */
function digestOf(binding: Binding): string | undefined {
  try {
    return approvalDigest(binding).toString('hex');
  } catch {
    return undefined;
  }
}
