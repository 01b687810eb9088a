import { z } from 'zod';
import { sha256HexSchema, timeSchema, uuidSchema } from '../envelope.js';
import { identitySchema } from '../identity.js';
import { defineEvent } from './define-event.js';
import { outcomes, statementSchema, verdictSchema } from './statement-events.js';
import { signalsSchema } from './signals.js';
import { targetSchema } from './target.js';

const groupSchema = z.string().min(1).max(256);

/**
 * Who must sign: every entry, each by `count` distinct people of `group`, or of the groups in `or` as well.
 * One person fills one place of all of them.
 */
export const reviewersSchema = z
  .array(
    z.object({
      group: groupSchema,
      count: z.int().min(1).max(20),
      or: z.array(groupSchema).max(20).optional(),
    }),
  )
  .min(1);
export type Reviewers = z.output<typeof reviewersSchema>;

/** When approvals may be given: a span of local time, which may cross midnight, on the days it begins. */
export const decisionWindowSchema = z.object({
  /** ISO weekdays on which it begins: 1 Monday to 7 Sunday. */
  days: z.array(z.int().min(1).max(7)).min(1).max(7),
  /** HH:MM of the wall clock; `to` is not included. `from` = `to`: the whole day. */
  from: z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/),
  to: z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/),
  /** An IANA name; UTC where it is absent in the policy. */
  timeZone: z.string().min(1).max(64),
});
export type DecisionWindow = z.output<typeof decisionWindowSchema>;

/** Why something was decided without a person: the rule of the policy that said so. */
const automaticSchema = z.object({ rule: z.string().max(64) });

/** What the same person could have approved instead. */
export const approvableSchema = z.object({
  /** With a WHERE that bounds the rows. */
  bounded: z.boolean().optional(),
  /** With a ceiling of so many rows, or an estimate below it. */
  maxRows: z.int().min(0).optional(),
});
export type Approvable = z.output<typeof approvableSchema>;

/** The aggregate's events. Every one carries the requestId in its envelope. */
export const requestRequested = defineEvent('request.requested', 1, 'approvals', {
  requester: identitySchema,
  target: targetSchema,
  statement: statementSchema,
  verdict: verdictSchema,
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  /** Computed here, from the bytes the reviewers are shown. */
  digest: sha256HexSchema,
  expiresAt: timeSchema,
  signals: signalsSchema.optional(),
  wait: z.enum(['hold', 'retry']).optional(),
});

/**
 * How the policy judged the risk. Everything it was derived from is stored: the policy by its hash, the
 * statement, requester, target and signals in request.requested, the rest here.
 */
export const requestRiskAssessed = defineEvent('request.risk-assessed', 1, 'approvals', {
  policyHash: sha256HexSchema,
  /** The time that the rules were shown. */
  assessedAt: timeSchema,
  /** Whether the directory knows the requester, as the kind of actor the token says. */
  verified: z.boolean(),
  score: z.int().min(0).max(100),
  level: z.enum(['low', 'medium', 'high', 'critical']),
  reasons: z
    .array(
      z.object({ rule: z.string().max(64), score: z.int().min(0).max(100), reason: z.string().max(500) }),
    )
    .max(200),
  /** What follows from it, by the rule that said so. */
  actions: z
    .array(z.object({ rule: z.string().max(64), action: z.enum(['raise', 'refuse', 'auto-grant']) }))
    .max(50),
});

export const requestRouted = defineEvent('request.routed', 1, 'approvals', {
  needed: reviewersSchema,
  /** `sequential`: each entry of `needed` is asked when those before it have signed. Absent: all at once. */
  order: z.enum(['parallel', 'sequential']).optional(),
  /** So long after the routing, who may sign instead. */
  escalations: z
    .array(z.object({ afterMs: z.int().min(1), needed: reviewersSchema }))
    .max(5)
    .optional(),
  /** The first after `firstMs`, each next one `factor` times later, `max` in all. */
  reminders: z
    .object({ firstMs: z.int().min(1), factor: z.number().min(1).max(10), max: z.int().min(0).max(20) })
    .optional(),
  /** Approvals count only inside one of these; absent: always. */
  windows: z.array(decisionWindowSchema).min(1).max(20).optional(),
  /** How long a grant is good for; absent: the default. */
  grantLifetimeMs: z.int().min(1).optional(),
  /** The risk rules that asked for more signatures. */
  raisedBy: z.array(z.string().max(64)).max(50).optional(),
});

/** People are told that the request waits for them. Their number was counted before anybody was told. */
export const requestReviewerNotified = defineEvent('request.reviewer-notified', 1, 'approvals', {
  /** `asked`: first; `next`: those before them have signed. */
  step: z.enum(['asked', 'next', 'escalated', 'reminded']),
  groups: z.array(groupSchema).max(200),
  /** How many people may decide now. */
  count: z.int().min(0),
  /** Whom, by name. Empty where they are more than `limit`: then only channels are told. */
  people: z.array(z.string().min(1).max(128)).max(200),
  limit: z.int().min(0),
});

/** Nobody decided in time: from now on these may sign as well, instead of those before. */
export const requestEscalated = defineEvent('request.escalated', 1, 'approvals', {
  /** From 1. */
  step: z.int().min(1),
  needed: reviewersSchema,
});

export const requestReminded = defineEvent('request.reminded', 1, 'approvals', {
  /** From 1. */
  number: z.int().min(1),
});

export const requestVoteCast = defineEvent('request.vote-cast', 1, 'approvals', {
  voter: identitySchema,
  /** The place of the quorum that this vote fills. */
  group: z.string(),
  decision: z.enum(['approve', 'deny']),
  reason: z.string().max(2000).optional(),
  maxRows: z.int().min(0).optional(),
  /** By which way it came: `api`, `cli`, `slack`. */
  channel: z.string().max(32).optional(),
});

/** A vote that did not count, and why. */
export const requestVoteRefused = defineEvent('request.vote-refused', 1, 'approvals', {
  voter: identitySchema,
  decision: z.enum(['approve', 'deny']),
  why: z.enum([
    'own-request',
    'agent-owner',
    'agent',
    'not-a-reviewer',
    'already-voted',
    'not-your-turn',
    'outside-window',
  ]),
  channel: z.string().max(32).optional(),
});

export const requestCommented = defineEvent('request.commented', 1, 'approvals', {
  author: identitySchema,
  text: z.string().min(1).max(4000),
});

export const requestGranted = defineEvent('request.granted', 1, 'approvals', {
  decidedBy: z.array(z.string()),
  digest: sha256HexSchema,
  /** The id of the signed decision.issued that carries this grant to the gateway. */
  decisionId: uuidSchema.optional(),
  grantExpiresAt: timeSchema,
  /** The lowest that any of the approvals named. */
  maxRows: z.int().min(0).optional(),
  /** Present where no person decided: the policy says autoGrant. */
  automatic: automaticSchema.optional(),
});

export const requestRefused = defineEvent('request.refused', 1, 'approvals', {
  decidedBy: z.array(z.string()),
  reason: z.string().max(2000),
  automatic: automaticSchema.optional(),
  approvable: approvableSchema.optional(),
});

export const requestExpired = defineEvent('request.expired', 1, 'approvals', {});

export const requestCancelled = defineEvent('request.cancelled', 1, 'approvals', {
  reason: z.string().max(256),
});

/** The grant was used: the gateway released the statement. */
export const requestConsumed = defineEvent('request.consumed', 1, 'approvals', {
  outcome: z.enum(outcomes).optional(),
  /** The attempt it was used up for, where the client sends the statement again instead of waiting. */
  intentId: uuidSchema.optional(),
});

export const requestRevoked = defineEvent('request.revoked', 1, 'approvals', {
  by: identitySchema,
  reason: z.string().max(2000).optional(),
});

/** A review that was asked and opened nothing: the gateway's key is not trusted, or its event is malformed. */
export const reviewRejected = defineEvent('review.rejected', 1, 'approvals', {
  reason: z.enum(['untrusted-gateway', 'bad-signature', 'malformed', 'hold-ended']),
  detail: z.string().max(1024),
});
