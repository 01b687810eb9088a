import { z } from 'zod';
import { readSettings, SettingError } from '#libs/kernel/settings.js';

const schema = z.object({
  COUNTERSIGN_WEBHOOK_URL: z
    .url('must be the URL that takes the notifications')
    .regex(/^https?:/, 'must be an http:// or https:// URL')
    .optional(),
  COUNTERSIGN_WEBHOOK_SECRET: z.string().min(16, 'must have at least 16 characters').max(512).optional(),
  COUNTERSIGN_WEBHOOK_WHEN: z.enum(['always', 'fallback'], 'must be always or fallback').optional(),
});

export interface WebhookSettings {
  readonly url: string;
  readonly secret: string;
  /** `fallback`: only for what Slack does not show in time. */
  readonly when: 'always' | 'fallback';
}

/** Reads the webhook notifier's settings; undefined where none is wanted. Throws SettingError, one line. */
export function readWebhookSettings(
  environment: Readonly<Record<string, string | undefined>>,
  slackIsThere: boolean,
): WebhookSettings | undefined {
  const given = readSettings(schema, environment);
  const { COUNTERSIGN_WEBHOOK_URL: url, COUNTERSIGN_WEBHOOK_SECRET: secret } = given;
  if (url === undefined) {
    if (secret !== undefined || given.COUNTERSIGN_WEBHOOK_WHEN !== undefined)
      throw new SettingError(
        'COUNTERSIGN_WEBHOOK_URL',
        'is required where other settings of the webhook are set',
      );
    return undefined;
  }
  if (secret === undefined)
    throw new SettingError('COUNTERSIGN_WEBHOOK_SECRET', 'is required: notifications are signed with it');
  return { url, secret, when: given.COUNTERSIGN_WEBHOOK_WHEN ?? (slackIsThere ? 'fallback' : 'always') };
}
