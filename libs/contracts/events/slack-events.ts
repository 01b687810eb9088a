import { z } from 'zod';
import { defineEvent } from './define-event.js';

const account = {
  /** The workspace. */
  team: z.string().regex(/^[A-Z0-9]{1,40}$/),
  /** The account in it. */
  slackUser: z.string().regex(/^[UW][A-Z0-9]{1,30}$/),
};

/**
 * Whoever stands in the envelope's identity, signed in, took a Slack account for their own with the one-time code that
 * only it was shown: from here on its clicks are theirs.
 */
export const slackAccountLinked = defineEvent('slack-account.linked', 1, 'approvals', {
  ...account,
  /** What Slack called the account then. */
  slackName: z.string().max(100),
});

/** Its clicks are nobody's from here on. */
export const slackAccountUnlinked = defineEvent('slack-account.unlinked', 1, 'approvals', account);
