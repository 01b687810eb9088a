import type { Directory } from '#libs/identity/directory.js';
import { isMailAddress } from '#libs/mail/mail-address.js';
import type { MailSettings } from '#libs/mail/mail-settings.js';
import type { Mailer } from '#libs/mail/mailer.js';
import { z } from 'zod';
import type { RequestView } from '../request/read/request-view.js';
import { mailText } from './mail-text.js';
import type { Delivery, Notifier, Sent } from './notifier.js';

const bodySchema = z.object({ subject: z.string(), text: z.string() });

/**
 * Tells reviewers by e-mail, each time they are told at all: groups at their own address, else the people of them
 * one by one at the directory's, else the common one. One mail a recipient; no vote comes back by mail.
 */
export class MailNotifier implements Notifier {
  readonly channel = 'mail';
  readonly everyStep = true;

  constructor(
    private readonly settings: MailSettings,
    private readonly mailer: Pick<Mailer, 'send'>,
    private readonly directory: Directory,
    /** Where people reach approvals. */
    private readonly link: () => string,
  ) {}

  get when(): Notifier['when'] {
    return this.settings.when;
  }

  async recipients({ notified = [] }: RequestView, step: number): Promise<readonly string[]> {
    const { addressOfGroup, to } = this.settings;
    const { groups = [], people = [] } = notified[step - 1] ?? {};
    const own = groups.flatMap((group) => addressOfGroup.get(group) ?? []);
    const others = groups.filter((group) => !addressOfGroup.has(group));
    const addresses = new Map(own.map((address) => [address.toLowerCase(), address]));
    const reached = new Set<string>();
    for (const name of others.length === 0 ? [] : people) {
      const person = await this.directory.find(name);
      const inGroups = others.filter((group) => person?.groups.includes(group) === true);
      if (person?.email === undefined || inGroups.length === 0 || !isMailAddress(person.email)) continue;
      for (const group of inGroups) reached.add(group);
      addresses.set(person.email.toLowerCase(), person.email);
    }
    if (to !== undefined && (others.some((group) => !reached.has(group)) || addresses.size === 0))
      addresses.set(to.toLowerCase(), to);
    return [...addresses.values()];
  }

  body: Notifier['body'] = (notification, view) =>
    JSON.stringify(mailText(notification, view, { showSql: this.settings.showSql, link: this.link() }));

  async send({ id, requestId, recipient, body }: Delivery): Promise<Sent> {
    const { subject, text } = bodySchema.parse(JSON.parse(body));
    const answer = await this.mailer.send({ id, threadId: requestId, to: recipient, subject, text });
    if (answer.kind === 'taken') return answer;
    return { kind: answer.kind === 'refused' ? 'never' : 'again', problem: answer.problem };
  }
}
