import { z } from 'zod';
import { sha256HexSchema, timeSchema, uuidSchema } from '../envelope.js';
import { identitySchema } from '../identity.js';
import { policyDiffSchema } from './control-events.js';
import { defineEvent } from './define-event.js';
import { reviewersSchema } from './request-events.js';

const proposal = {
  /** Whoever made the change. Never signs for it. */
  author: z.string().min(1).max(256),
  reason: z.string().min(1).max(2_000),
  policyVersion: z.int(),
  policyHash: sha256HexSchema,
  /** SHA-256 of the text its author wrote: another one where that extends the built-in policy. */
  sourceHash: sha256HexSchema,
  /** The policy in force, by which it is decided. */
  previousHash: sha256HexSchema,
  /** Who must sign, as that policy says. */
  needed: reviewersSchema,
};

/**
 * A policy that takes the place of the one in force once it is signed. The events of one change carry its
 * id as requestId in their envelope.
 */
export const policyChangeProposed = defineEvent('policy-change.proposed', 1, 'approvals', {
  ...proposal,
  /** True: the author's token said so. False: the file did, which is a claim. */
  authorVerified: z.boolean(),
  /** Where it was read; absent where its author sent it. */
  file: z.string().max(1_024).optional(),
  /** The exact YAML text whose SHA-256 is policyHash. */
  text: z.string().max(262_144),
  diff: policyDiffSchema,
  expiresAt: timeSchema,
});

export const policyChangeVoteCast = defineEvent('policy-change.vote-cast', 1, 'approvals', {
  voter: identitySchema,
  /** The place of the quorum that this vote fills. */
  group: z.string(),
  decision: z.enum(['approve', 'deny']),
  reason: z.string().max(2_000).optional(),
  /** By which way it came: `api`, `cli`. */
  channel: z.string().max(32).optional(),
});

/** A vote that did not count, and why. */
export const policyChangeVoteRefused = defineEvent('policy-change.vote-refused', 1, 'approvals', {
  voter: identitySchema,
  decision: z.enum(['approve', 'deny']),
  why: z.enum(['own-change', 'agent-owner', 'agent', 'not-a-reviewer', 'already-voted']),
  channel: z.string().max(32).optional(),
});

/** The quorum is complete: it is published with this event. */
export const policyChangeAccepted = defineEvent('policy-change.accepted', 1, 'approvals', {
  decidedBy: z.array(z.string().max(128)).min(1).max(400),
  policyHash: sha256HexSchema,
  /** The policy.published that puts it in force. */
  publicationId: uuidSchema,
});

export const policyChangeRefused = defineEvent('policy-change.refused', 1, 'approvals', {
  decidedBy: z.array(z.string().max(128)).min(1).max(1),
  reason: z.string().max(2_000),
});

export const policyChangeExpired = defineEvent('policy-change.expired', 1, 'approvals', {});

/** It can no longer take effect, whoever signs. */
export const policyChangeSuperseded = defineEvent('policy-change.superseded', 1, 'approvals', {
  /** Another change was proposed; its author put the policy in force back; another policy is in force. */
  why: z.enum(['changed-again', 'withdrawn', 'policy-changed']),
});

/** Nobody could sign, and whoever operates approvals put it in force by COUNTERSIGN_POLICY_BREAK_GLASS. */
export const policyChangeForced = defineEvent('policy-change.forced', 1, 'approvals', {
  ...proposal,
  publicationId: uuidSchema,
});
