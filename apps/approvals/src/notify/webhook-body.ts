import { createHmac } from 'node:crypto';
import type { NotifiedEvent } from './notifier.js';
import type { RequestView } from '../request/read/request-view.js';

/** A notification's JSON. No statement is in it: its hash, and where those who may can read it. */
export const webhookBody = (event: NotifiedEvent, id: string, view: RequestView, link: string): string =>
  JSON.stringify({
    version: 1,
    id,
    event,
    request: {
      id: view.id,
      state: view.state,
      requester: view.requester,
      requesterKind: view.requesterKind,
      ...(view.onBehalfOf === undefined ? {} : { onBehalfOf: view.onBehalfOf }),
      target: view.target,
      environment: view.environment,
      statement: { sha256: view.statement.sha256, kind: view.statement.kind, bytes: view.statement.bytes },
      rule: view.rule,
      reviewers: view.reviewers,
      needed: view.needed,
      approvals: view.votes.filter(({ decision }) => decision === 'approve').length,
      expiresAt: view.expiresAt,
      url: `${link}/v1/requests/${view.id}`,
    },
  });

/**
 * `v1=` and HMAC-SHA-256 over `v1:<timestamp>:<body>`, in hexadecimal. The receiver compares it in
 * constant time and refuses timestamps (seconds since 1970) that are far from its own clock.
 */
export const webhookSignature = (body: string, timestamp: number, secret: string): string =>
  `v1=${createHmac('sha256', secret).update(`v1:${timestamp}:${body}`).digest('hex')}`;
