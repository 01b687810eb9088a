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
  | { readonly kind: 'asked'; readonly event: EventOf<'review.asked'>; readonly digest: string }
  | { readonly kind: 'told'; readonly event: Exclude<ReviewEvent, { type: 'review.asked' }> };

/**
 * What a record of the topic `requests` says, if it may be believed. The checks stand in this order:
 * signature (then only the signed body is read), form, the fields that must agree with each other, time.
 * The digest is computed here, from the binding that reviewers will be shown. Never throws for what a
 * record contains. `now` is milliseconds since 1970.
 */
export function checkReview(
  record: Pick<LogRecord, 'key' | 'value'>,
  trusted: TrustedKeys,
  tenant: string,
  now: number,
  ties: GatewayTies = new Map(),
): CheckedReview {
  const key = record.key?.toString('utf8');
  const keyed = key !== undefined && isUuid(key) ? key : undefined;
  const reject = (reason: RejectionReason, detail: string, causationId?: string): CheckedReview => ({
    kind: 'rejected',
    rejection: { reason, detail: detail.slice(0, 1024), requestId: keyed, causationId },
  });
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
  if (event.type !== 'review.asked') return { kind: 'told', event };

  const contradiction = bindingContradiction(event);
  if (contradiction !== undefined) return reject('malformed', contradiction, event.id);
  if (Date.parse(event.holdExpiresAt) <= now) return reject('hold-ended', 'the hold has ended', event.id);
  const digest = digestOf(event.binding);
  if (digest === undefined) return reject('malformed', 'the binding cannot be encoded', event.id);
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
