import { z } from 'zod';
import { durationSource } from './duration-source.js';
import { reviewersSource } from './reviewers-schema.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** How long a change waits for its signatures where the policy does not say, ms. */
const DEFAULT_EXPIRES_MS = DAY_MS;

/** What a policy asks of the change that replaces it. */
export const changeRulesSource = z.strictObject({
  reviewers: reviewersSource,
  expires: durationSource(MINUTE_MS, 30 * DAY_MS, 'from 1m to 30d, such as 24h').default(DEFAULT_EXPIRES_MS),
  /**
   * Groups whose members propose a change, under their own token. Then the file proposes nothing.
   * Absent: what changes in the file is proposed, and its author is whom the file names.
   */
  proposers: z.array(z.string().min(1).max(256)).min(1).max(20).optional(),
});

export type ChangeRules = z.output<typeof changeRulesSource>;
