import { z } from 'zod';
import { sha256HexSchema, uuidSchema } from '../envelope.js';
import { defineEvent } from './define-event.js';

const ruleIds = z.array(z.string().max(64)).max(1_000);

/** What a new policy changes against the one before it. */
export const policyDiffSchema = z.object({
  /** Ids of rules. */
  added: ruleIds,
  removed: ruleIds,
  changed: ruleIds,
  /** Keys beside the rules: default, reviewers and so on. */
  settings: z.array(z.string().max(64)).max(64),
  /** The changed lines, `-` before the old and `+` before the new; cut where there are too many. */
  lines: z.string().max(65_536),
});
export type PolicyDiff = z.output<typeof policyDiffSchema>;

/** The policy in force, whole. Signed with the decision key; anything else on this topic is ignored. */
export const policyPublished = defineEvent('policy.published', 1, 'control', {
  policyVersion: z.int(),
  policyHash: sha256HexSchema,
  /** The exact YAML text whose SHA-256 is policyHash. */
  text: z.string().max(262_144),
  /** Who changed it: what the policy says of itself, else where it was read. A claim of the file. */
  author: z.string().max(256),
  previousHash: sha256HexSchema.optional(),
  /** Why, as the policy says of itself. */
  reason: z.string().max(2_000).optional(),
  /** Against the policy of previousHash. */
  diff: policyDiffSchema.optional(),
  /** The change that was signed, or forced, before this was published; absent where nobody had to sign. */
  changeId: uuidSchema.optional(),
  /** Who signed for it. */
  decidedBy: z.array(z.string().max(128)).max(400).optional(),
});

/** Approvals read a policy file that it does not publish; the one before stays in force. Signed. */
export const policyRejected = defineEvent('policy.rejected', 1, 'control', {
  file: z.string().max(1_024),
  /** SHA-256 of the file's text. */
  fileSha256: sha256HexSchema,
  /** One line: file, line and what is wrong. */
  problem: z.string().max(1_024),
  /** What stays in force. */
  policyHash: sha256HexSchema,
});
