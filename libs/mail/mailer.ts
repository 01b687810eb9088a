import { createTransport, type NodemailerError, type Transporter } from 'nodemailer';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { MailServer } from './mail-settings.js';

/** The longest a mail may take to be handed over, ms. */
export const SEND_TIMEOUT_MS = 20_000;
/** The longest silence of the server, ms. */
const SILENCE_MS = 10_000;

export interface Mail {
  /** Of one delivery: the same when it is sent again, so that receivers can tell. */
  readonly id: string;
  /** Of the conversation it belongs to. */
  readonly threadId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/**
 * What became of a mail. `refused`: this mail will never be taken. `unavailable`: not taken now, or taken
 * and not said so; the same mail may be sent again.
 */
export type MailAnswer =
  { readonly kind: 'taken' } | { readonly kind: 'refused' | 'unavailable'; readonly problem: string };

/** Hands mails over to one SMTP server, over TLS unless that is turned off. Never retries by itself. */
export class Mailer {
  private readonly transport: Transporter;
  private readonly domain: string;

  constructor(private readonly server: MailServer) {
    const { host, port, secure, tls, ca, login, from } = server;
    this.domain = from.slice(from.lastIndexOf('@') + 1);
    this.transport = createTransport({
      host,
      port,
      secure,
      requireTLS: tls === 'required',
      tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
      ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password } }),
      connectionTimeout: SILENCE_MS,
      greetingTimeout: SILENCE_MS,
      socketTimeout: SILENCE_MS,
      dnsTimeout: SILENCE_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async send({ id, threadId, to, subject, text }: Mail): Promise<MailAnswer> {
    try {
      await this.transport.sendMail({
        from: { name: 'Countersign', address: this.server.from },
        to: { name: '', address: to },
        envelope: { from: this.server.from, to: [to] },
        messageId: `<${id}@${this.domain}>`,
        references: [`<${threadId}@${this.domain}>`],
        headers: { 'Auto-Submitted': 'auto-generated' },
        subject,
        text,
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      return { kind: 'taken' };
    } catch (error) {
      return { kind: isFinal(error) ? 'refused' : 'unavailable', problem: problemOf(error) };
    }
  }

  /** Connects, encrypts and signs in as a mail would be sent. Throws what is wrong, in one line. */
  async verify(): Promise<void> {
    try {
      await this.transport.verify();
    } catch (error) {
      throw new Error(problemOf(error), { cause: error });
    }
  }
}

/**
 * The server will not take this mail, however often it is sent: an unknown recipient, a message it does not like.
 * Anything else, a refused login too, somebody may put right.
 */
function isFinal(error: unknown): boolean {
  const { permanent, command } = error as NodemailerError;
  return permanent === true && (command === 'RCPT TO' || command === 'DATA');
}

const problemOf = (error: unknown): string => messageOf(error).replace(/\s+/g, ' ').slice(0, 300);
