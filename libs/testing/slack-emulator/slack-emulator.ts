import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RateLimits } from './rate-limits.js';
import { callMethod, shown } from './web-api.js';
import { SocketModeServer } from './web-socket-server.js';
import { buttonsOf, Workspace, type EmulatedUser, type Json } from './workspace.js';

/** What goes wrong with one call: before or after it takes effect, or long after its caller has given up. */
export type Fault =
  | { readonly kind: 'rate-limited'; readonly retryAfter: number }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'answer-lost' }
  | { readonly kind: 'late'; readonly ms: number; readonly after?: Promise<void> }
  | { readonly kind: 'error'; readonly error: string };

export interface Delivered {
  /** 0: no answer within 3 s. */
  readonly status: number;
  readonly body: Json;
  readonly ms: number;
}

export interface DeliveryOptions {
  /** Added to the time in the signature, seconds. */
  readonly skew?: number;
  readonly secret?: string;
  /** How often the very same request is sent, at once. */
  readonly times?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SlackEmulatorOptions {
  readonly botToken?: string;
  readonly appToken?: string;
  readonly signingSecret?: string;
  readonly channels?: readonly string[];
  readonly users?: readonly EmulatedUser[];
  /** Rate limits are this many times more generous than Slack's. */
  readonly rateScale?: number;
}

/** How long Slack waits for an acknowledgement, ms. */
const ACK_MS = 3_000;

/**
 * Slack, as far as Countersign speaks with it, and as strict: tokens, Block Kit's limits, rate limits with
 * Retry-After, trigger ids that live 3 s and open one dialog, signed deliveries that are acknowledged
 * within 3 s, retries of events, Socket Mode. What it is told to do wrong, it does wrong (`fault`).
 */
export class SlackEmulator {
  readonly workspace = new Workspace('T0SAMPLE');
  readonly socketMode = new SocketModeServer();
  readonly calls: { readonly method: string; readonly args: Json; readonly outcome: string }[] = [];
  /** Decides for each call; undefined: nothing goes wrong. */
  fault: (method: string, args: Json) => Fault | undefined = () => undefined;
  /** Refuses every connection. */
  down = false;
  /** Where /slack/events is. */
  target = '';
  private limits: RateLimits;
  private clicks = 0;

  private constructor(
    private readonly server: Server,
    readonly options: Required<SlackEmulatorOptions>,
  ) {
    this.limits = new RateLimits(options.rateScale);
    for (const channel of options.channels) this.workspace.channels.set(channel, { member: true });
    for (const user of options.users) this.workspace.users.set(user.id, user);
  }

  static async start(options: SlackEmulatorOptions = {}): Promise<SlackEmulator> {
    const server = createServer();
    const emulator = new SlackEmulator(server, {
      botToken: 'xoxb-sample',
      appToken: 'xapp-sample',
      signingSecret: 'only-a-test',
      channels: ['C0APPROVALS'],
      users: [],
      rateScale: 1,
      ...options,
    });
    server.on('request', (request, response) => void emulator.answer(request, response));
    server.on('upgrade', (request, socket) => emulator.socketMode.accept(request, socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return emulator;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get apiUrl(): string {
    return `${this.url}/api/`;
  }

  async close(): Promise<void> {
    this.socketMode.cut();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  /** A person presses a button of a message as it is shown now. Throws where there is no such button. */
  async click(
    user: string,
    channel: string,
    ts: string,
    button: string,
    options: DeliveryOptions = {},
  ): Promise<Delivered> {
    return this.deliverInteraction(this.clickPayload(user, channel, ts, button), options);
  }

  clickPayload(user: string, channel: string, ts: string, button: string): Json {
    const message = this.workspace.find(channel, ts);
    const found = message === undefined ? undefined : buttonsOf(message).find(({ text }) => text === button);
    if (message === undefined || found === undefined)
      throw new Error(`there is no button ${button} at ${channel}/${ts}`);
    const now = Date.now();
    this.clicks += 1;
    return {
      type: 'block_actions',
      user: this.userOf(user),
      api_app_id: 'A0APP',
      team: { id: this.userOf(user).team_id, domain: 'sample' },
      container: { type: 'message', message_ts: ts, channel_id: channel, is_ephemeral: false },
      trigger_id: this.workspace.newTrigger(user, now),
      channel: { id: channel, name: channel.toLowerCase() },
      message: shown(message),
      response_url: `${this.url}/response/${randomBytes(8).toString('hex')}/${user}/${channel}`,
      actions: [
        {
          type: 'button',
          action_id: found.action_id,
          block_id: found.block_id,
          value: found.value,
          text: { type: 'plain_text', text: button },
          action_ts: `${Math.floor(now / 1000)}.${String(this.clicks).padStart(6, '0')}`,
        },
      ],
    };
  }

  /** A person sends the dialog off that was opened for them last, or the one with this id. */
  async submit(
    user: string,
    text: string,
    options: DeliveryOptions = {},
    viewId?: string,
  ): Promise<Delivered> {
    const opened = this.workspace.views.findLast(
      (each) => each.user === user && (viewId === undefined || each.id === viewId),
    );
    if (opened === undefined) throw new Error(`no dialog is open for ${user}`);
    const input = opened.view.blocks.find((block: Json) => block.type === 'input');
    const payload = {
      type: 'view_submission',
      team: { id: this.userOf(user).team_id },
      user: this.userOf(user),
      view: {
        ...opened.view,
        id: opened.id,
        state: {
          values: {
            [input.block_id]: { [input.element.action_id]: { type: 'plain_text_input', value: text } },
          },
        },
      },
    };
    return this.deliverInteraction(payload, options);
  }

  /** A person answers in a message's thread. Delivered again, as Slack does, until it is acknowledged. */
  async reply(user: string, channel: string, threadTs: string, text: string): Promise<Delivered> {
    const event = {
      token: 'unused',
      team_id: this.workspace.team,
      api_app_id: 'A0APP',
      type: 'event_callback',
      event_id: `Ev${randomBytes(6).toString('hex')}`,
      event_time: Math.floor(Date.now() / 1000),
      event: {
        type: 'message',
        user,
        team: this.userOf(user).team_id,
        channel,
        channel_type: 'channel',
        ts: this.workspace.nextTs(Date.now()),
        thread_ts: threadTs,
        text: text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
      },
    };
    for (let retry = 0; ; retry += 1) {
      const headers =
        retry === 0 ? {} : { 'x-slack-retry-num': String(retry), 'x-slack-retry-reason': 'http_error' };
      const delivered = await this.deliver(JSON.stringify(event), 'application/json', { headers });
      if (delivered.status === 200 || retry === 3) return delivered;
      // Another second: another signature.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }

  async deliverInteraction(payload: Json, options: DeliveryOptions = {}): Promise<Delivered> {
    if (this.target === 'socket') {
      const started = performance.now();
      const acknowledged = await this.socketMode.deliver('interactive', payload);
      return {
        status: acknowledged === undefined ? 0 : 200,
        body: acknowledged?.payload,
        ms: performance.now() - started,
      };
    }
    return this.deliver(
      `payload=${encodeURIComponent(JSON.stringify(payload))}`,
      'application/x-www-form-urlencoded',
      options,
    );
  }

  async deliver(body: string, type: string, options: DeliveryOptions = {}): Promise<Delivered> {
    const request = {
      body,
      headers: { 'content-type': type, ...this.signed(body, options), ...options.headers },
    };
    const sent = Array.from({ length: options.times ?? 1 }, () => this.send(request));
    const answers = await Promise.all(sent);
    // Several at once: what the sender of the first would see is the best of them.
    return answers.find(({ status }) => status === 200) ?? (answers[0] as Delivered);
  }

  signed(
    body: string,
    { skew = 0, secret = this.options.signingSecret }: DeliveryOptions = {},
  ): Record<string, string> {
    const timestamp = String(Math.floor(Date.now() / 1000) + skew);
    const signature = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex');
    return { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': `v0=${signature}` };
  }

  async send(request: { body: string; headers: Record<string, string> }): Promise<Delivered> {
    const started = performance.now();
    const done = (status: number, text: string): Delivered => ({
      status,
      body: text.startsWith('{') ? JSON.parse(text) : text,
      ms: performance.now() - started,
    });
    try {
      const response = await fetch(`${this.target}/slack/events`, {
        method: 'POST',
        ...request,
        signal: AbortSignal.timeout(ACK_MS),
      });
      return done(response.status, await response.text());
    } catch {
      return done(0, '');
    }
  }

  private userOf(id: string): Json {
    const user = this.workspace.users.get(id);
    return {
      id,
      username: user?.name ?? id,
      name: user?.name ?? id,
      team_id: user?.team_id ?? this.workspace.team,
    };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (this.down) return void request.socket.destroy();
    const { pathname } = new URL(request.url ?? '/', this.url);
    const upload = /^\/upload\/(F[A-F0-9]+)$/.exec(pathname)?.[1];
    if (upload !== undefined) return this.takeUpload(upload, body, response);
    const told = /^\/response\/[a-f0-9]+\/([A-Z0-9]+)\/([A-Z0-9]+)$/.exec(pathname);
    if (told !== null) {
      const { text, blocks } = JSON.parse(body.toString('utf8')) as Json;
      this.workspace.ephemerals.push({
        user: told[1] as string,
        channel: told[2] as string,
        text,
        blocks: blocks ?? [],
      });
      return send(response, 200, {});
    }
    const method = /^\/api\/([a-zA-Z.]+)$/.exec(pathname)?.[1];
    if (method === undefined) return send(response, 404, {});
    await this.call(method, request, argumentsOf(request, body), response);
  }

  private async call(
    method: string,
    request: IncomingMessage,
    args: Json,
    response: ServerResponse,
  ): Promise<void> {
    const note = (outcome: string): void => void this.calls.push({ method, args, outcome });
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? args.token;
    const expected = method === 'apps.connections.open' ? this.options.appToken : this.options.botToken;
    if (token !== expected) {
      note('invalid_auth');
      return send(response, 200, { ok: false, error: 'invalid_auth' });
    }
    const fault = this.fault(method, args);
    if (fault !== undefined) note(fault.kind);
    const wait =
      fault?.kind === 'rate-limited'
        ? fault.retryAfter
        : this.limits.take(method, String(args.channel ?? ''), performance.now());
    if (wait > 0) {
      if (fault === undefined) note('rate-limited');
      response.setHeader('retry-after', String(wait));
      return send(response, 429, { ok: false, error: 'ratelimited' });
    }
    if (fault?.kind === 'status') return send(response, fault.status, { ok: false, error: 'internal_error' });
    if (fault?.kind === 'error') return send(response, 200, { ok: false, error: fault.error });
    if (fault?.kind === 'reset') return void request.socket.destroy();
    const carryOut = (): Json =>
      callMethod(method, args, {
        workspace: this.workspace,
        url: this.url,
        now: Date.now(),
        socketUrl: () => `${this.url.replace('http', 'ws')}/link`,
      });
    if (fault?.kind === 'late') {
      request.socket.destroy();
      void (fault.after ?? Promise.resolve()).then(() => setTimeout(carryOut, fault.ms));
      return;
    }
    const result = carryOut();
    if (fault?.kind === 'answer-lost') return void request.socket.destroy();
    note(result.ok === true ? 'ok' : String(result.error));
    response.setHeader('x-oauth-scopes', 'chat:write,files:write,users:read,channels:history,channels:read');
    return send(response, 200, result);
  }

  private takeUpload(id: string, body: Buffer, response: ServerResponse): void {
    const file = this.workspace.files.get(id);
    if (file === undefined || file.length !== body.length) return send(response, 400, {});
    file.content = body;
    return send(response, 200, 'OK');
  }
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

/** Both encodings Slack takes; nested values of a form are JSON. */
function argumentsOf(request: IncomingMessage, body: Buffer): Json {
  const text = body.toString('utf8');
  if ((request.headers['content-type'] ?? '').startsWith('application/json'))
    return JSON.parse(text === '' ? '{}' : text);
  return Object.fromEntries(
    [...new URLSearchParams(text)].map(([name, value]) => [name, decoded(name, value)]),
  );
}

const decoded = (name: string, value: string): Json =>
  ['blocks', 'view', 'metadata', 'files'].includes(name) ? JSON.parse(value) : value;
