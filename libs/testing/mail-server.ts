import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import type { IssuedCertificate } from './test-certificates.js';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Whether it came over TLS, and as whom. */
  readonly secure: boolean;
  readonly user: string | undefined;
  /** Head and body as they came. */
  readonly raw: string;
}

/** What goes wrong with one mail: a refusal of its recipient or of its text, or its answer never arrives. */
export type MailFault =
  { readonly at: 'recipient' | 'data'; readonly code: number } | { readonly at: 'answer' };

export interface MailServerOptions {
  /** Offers STARTTLS with it. */
  readonly certificate?: IssuedCertificate;
  /** Asks everybody to sign in as this one. */
  readonly login?: { readonly user: string; readonly password: string };
}

/** A real SMTP server that keeps what it takes, and does wrong what it is told to. */
export class TestMailServer {
  readonly received: ReceivedMail[] = [];
  /** Decides for each recipient and mail; undefined: nothing goes wrong. */
  fault: (to: string, at: MailFault['at']) => MailFault | undefined = () => undefined;
  private readonly server: SMTPServer;

  private constructor({ certificate, login }: MailServerOptions) {
    this.server = new SMTPServer({
      ...(certificate === undefined ? {} : { key: certificate.key, cert: certificate.certificate }),
      disabledCommands: [
        ...(certificate === undefined ? ['STARTTLS'] : []),
        ...(login === undefined ? ['AUTH'] : []),
      ],
      logger: false,
      disableReverseLookup: true,
      onAuth: ({ username, password }, _session, done) =>
        username === login?.user && password === login?.password
          ? done(null, { user: String(username) })
          : done(refusal(535, 'who is that')),
      onRcptTo: ({ address }, _session, done) => done(this.refused(address, 'recipient')),
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => this.take(session, Buffer.concat(chunks).toString('utf8'), done));
      },
    });
    // A client that goes, or does not trust the certificate, is no fault of the server's.
    this.server.on('error', () => undefined);
  }

  static async start(options: MailServerOptions = {}): Promise<TestMailServer> {
    const server = new TestMailServer(options);
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', () => resolve()));
    return server;
  }

  get port(): number {
    return (this.server.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private refused(to: string, at: 'recipient' | 'data'): Error | null {
    const fault = this.fault(to, at);
    return fault?.at === at ? refusal(fault.code, 'as the test wants') : null;
  }

  private take(session: SMTPServerSession, raw: string, done: (error?: Error | null) => void): void {
    const to = session.envelope.rcptTo.map(({ address }) => address);
    const refused = this.refused(to.join(), 'data');
    if (refused !== null) return done(refused);
    const { mailFrom } = session.envelope;
    this.received.push({
      from: mailFrom === false ? '' : mailFrom.address,
      to,
      secure: session.secure,
      user: typeof session.user === 'string' ? session.user : undefined,
      raw,
    });
    if (this.fault(to.join(), 'answer')?.at !== 'answer') return done();
    for (const connection of this.server.connections) connection._socket.destroy();
  }
}

const refusal = (responseCode: number, words: string): Error =>
  Object.assign(new Error(words), { responseCode });
