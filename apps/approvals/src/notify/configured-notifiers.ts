import type { Directory } from '#libs/identity/directory.js';
import type { Clock } from '#libs/kernel/clock.js';
import { Mailer } from '#libs/mail/mailer.js';
import type { ApprovalsConfig } from '../config.js';
import { MailNotifier } from './mail-notifier.js';
import type { Notifier } from './notifier.js';
import { WebhookNotifier } from './webhook-notifier.js';

/** The ways of telling people, beside Slack, that the settings ask for. */
export function configuredNotifiers(
  { webhook, mail }: Pick<ApprovalsConfig, 'webhook' | 'mail'>,
  surroundings: {
    readonly clock: Clock;
    readonly directory: Directory;
    /** Where people reach approvals. */
    readonly link: () => string;
  },
): Notifier[] {
  const { clock, directory, link } = surroundings;
  return [
    ...(webhook === undefined ? [] : [new WebhookNotifier(webhook, clock, link)]),
    ...(mail === undefined ? [] : [new MailNotifier(mail, new Mailer(mail.server), directory, link)]),
  ];
}
