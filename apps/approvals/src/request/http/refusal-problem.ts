import { ProblemException } from '#libs/http/problem.js';
import type { RefusalCode } from '../domain/refusal.js';
import type { Executed } from '../write/request-executor.js';

const STATUS: Readonly<Record<RefusalCode, number>> = {
  'unknown-request': 404,
  'own-request': 403,
  agent: 403,
  'agent-owner': 403,
  'not-a-reviewer': 403,
  'not-yours': 403,
  'another-gateway': 403,
  'reason-required': 400,
  'already-requested': 409,
  'already-routed': 409,
  'already-voted': 409,
  'not-your-turn': 409,
  'outside-window': 409,
  'no-row-ceiling': 422,
  stale: 412,
  'already-decided': 409,
  'not-routed': 409,
  'not-granted': 409,
  'not-the-grant': 409,
  'too-many-comments': 409,
  expired: 409,
  cancelled: 409,
  revoked: 409,
  'unknown-change': 404,
  superseded: 409,
  'not-a-proposer': 403,
  'not-asked-for': 409,
  'no-policy': 422,
  'no-change': 409,
};

/** The refusal as an HTTP problem; its `code` is stable. */
export function problemOf(refusal: (Executed & { ok: false })['refusal']): ProblemException {
  if (refusal.code === 'key-reused') {
    return new ProblemException(
      'idempotency-key-reused',
      422,
      'This Idempotency-Key was used for something else',
      'Use a new key for each command, and the same key only to repeat it.',
      { code: 'idempotency-key-reused' },
    );
  }
  return new ProblemException(refusal.code, STATUS[refusal.code], refusal.message, undefined, {
    code: refusal.code,
  });
}

export const unknownRequest = (): ProblemException =>
  new ProblemException('unknown-request', 404, 'There is no such request.', undefined, {
    code: 'unknown-request',
  });

export const notYoursToSee = (): ProblemException =>
  new ProblemException(
    'not-yours',
    403,
    'This request is not yours to see',
    'Requesters see their own requests, reviewers those they may decide, compliance all.',
    { code: 'not-yours' },
  );

/**
 * Nothing is asked here ahead of time: what reviewers would sign, the objects and settings as the server
 * knows them, only the gateway can read, on a connection of the requester. An approval of a text alone
 * would be for whatever that text means later.
 */
export const askThroughTheGateway = (): ProblemException =>
  new ProblemException(
    'ask-through-the-gateway',
    501,
    'Approval is asked for ahead of time through the gateway',
    "Connect with options='-c countersign.wait=retry' and send the statement: it is asked and does not wait. After the approval send the same again.",
    { code: 'ask-through-the-gateway' },
  );
