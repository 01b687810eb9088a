import type { IncomingMessage, ServerResponse } from 'node:http';
import bolt from '@slack/bolt';
import type { App, Receiver } from '@slack/bolt';
import type { Logger } from '#libs/observability/logger.js';
import { INPUT_BLOCK } from './blocks/dialogs.js';
import { boltLogger } from './bolt-logger.js';
import { readInteraction, type Interaction } from './inbox/interaction.js';
import type { Kept } from './inbox/inbox-queries.js';
import type { SlackSettings } from './slack-settings.js';
import { webClientOptions } from './slack-web.js';

export interface SlackBoltOptions {
  readonly settings: SlackSettings;
  readonly logger: Logger;
  /** Durable when it resolves. Whatever it throws, Slack is not told that the interaction was received. */
  readonly keep: (key: string, interaction: Interaction, signature: Buffer | undefined) => Promise<Kept>;
  /** The interaction is stored and acknowledged: it may be carried out. */
  readonly stored: (key: string) => void;
}

export interface SlackBolt {
  /** Takes a request to /slack/events whose body is read and whose signature is checked. Answers it. */
  readonly listener:
    ((request: IncomingMessage & { rawBody: Buffer }, response: ServerResponse) => void) | undefined;
  /** Socket Mode: connects, again and again until it succeeds. Over HTTP there is nothing to start. */
  start(): void;
  stop(): Promise<void>;
}

/** Slack waits 3 s for its answer; ours comes before, or says that nothing was received. */
const STORE_MS = 2_500;
const RECONNECT_MS = 5_000;

type Event = Parameters<App['processEvent']>[0];

/** The very signature was accepted before. */
class Replayed extends Error {
  constructor() {
    super('the same signature was accepted before');
  }
}

/**
 * Bolt's app and its own receivers, with one thing between the two: an interaction is stored before Bolt
 * sees it, so that whatever Bolt, authorization or a listener does, a click that was acknowledged is kept.
 * `authorize` knows the one workspace's token and asks nobody.
 */
export function createSlackBolt(options: SlackBoltOptions): SlackBolt {
  const { settings, logger } = options;
  const log = boltLogger(logger);
  const http = settings.appToken === undefined ? httpReceiver(settings, log) : undefined;
  const socket =
    settings.appToken === undefined ? undefined : socketReceiver(settings, settings.appToken, log);
  const app = new bolt.App({
    receiver: storingReceiver((http ?? socket) as Receiver, (event) => store(event, options)),
    authorize: async () => ({ botToken: settings.botToken }),
    convoStore: false,
    ignoreSelf: false,
    clientOptions: webClientOptions(settings.apiUrl),
    logger: log,
  });
  app.action(/[\s\S]*/, async ({ ack, context }) => {
    await ack();
    carriedOut(context, options);
  });
  app.view(/[\s\S]*/, async ({ ack, body, context }) => {
    const read = readInteraction(body);
    if (read.kind === 'incomplete')
      return ack({ response_action: 'errors', errors: { [INPUT_BLOCK]: read.problem } });
    await ack();
    carriedOut(context, options);
  });
  app.event('message', async ({ context }) => carriedOut(context, options));

  const stopping = new AbortController();
  let connecting: Promise<void> = Promise.resolve();
  return {
    listener: http === undefined ? undefined : (request, response) => http.requestListener(request, response),
    start: () => {
      if (socket !== undefined) connecting = connect(socket, stopping.signal, logger);
    },
    stop: async () => {
      stopping.abort();
      await socket?.stop().catch(() => undefined);
      await connecting;
    },
  };
}

/** Under this name the key of a stored interaction travels in Bolt's context. */
const KEY = 'countersignKey';
const SIGNATURE = 'countersignSignature';

function carriedOut(context: Readonly<Record<string, unknown>>, { stored }: SlackBoltOptions): void {
  const key = context[KEY];
  if (typeof key === 'string') stored(key);
}

async function store(event: Event, { keep }: SlackBoltOptions): Promise<void> {
  const read = readInteraction(event.body);
  if (read.kind !== 'interaction') return;
  const properties = (event.customProperties ??= {});
  const signature = properties[SIGNATURE] as Buffer | undefined;
  const kept = await within(STORE_MS, keep(read.key, read.interaction, signature));
  if (kept === 'replayed') throw new Replayed();
  if (kept === 'stored' || kept === 'known') properties[KEY] = read.key;
}

/** A receiver whose events are stored first. */
const storingReceiver = (inner: Receiver, store: (event: Event) => Promise<void>): Receiver => ({
  init: (app) =>
    inner.init({
      processEvent: async (event: Event) => {
        await store(event);
        await app.processEvent(event);
      },
    } as App),
  start: (...args: unknown[]) => inner.start(...args),
  stop: (...args: unknown[]) => inner.stop(...args),
});

const httpReceiver = (settings: SlackSettings, logger: ReturnType<typeof boltLogger>) =>
  new bolt.HTTPReceiver({
    signingSecret: settings.signingSecret ?? '',
    endpoints: ['/slack/events'],
    logger,
    customPropertiesExtractor: (request) => ({
      [SIGNATURE]: Buffer.from(String(request.headers['x-slack-signature'] ?? '').slice(3), 'hex'),
    }),
    processEventErrorHandler: async ({ error, response }) => {
      if (!response.headersSent) {
        response.writeHead(error instanceof Replayed ? 401 : 503);
        response.end();
      }
      // Answered: Bolt has nothing left to wait for.
      return true;
    },
  });

const socketReceiver = (settings: SlackSettings, appToken: string, logger: ReturnType<typeof boltLogger>) =>
  new bolt.SocketModeReceiver({
    appToken,
    logger,
    installerOptions: { clientOptions: webClientOptions(settings.apiUrl) },
    processEventErrorHandler: async () => false,
  });

async function connect(socket: Receiver, signal: AbortSignal, logger: Logger): Promise<void> {
  while (!signal.aborted) {
    try {
      await socket.start();
      return;
    } catch (error) {
      logger.warn(
        { problem: error instanceof Error ? error.message : String(error) },
        'Slack (Socket Mode) cannot be reached',
      );
      await pause(RECONNECT_MS, signal);
    }
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the interaction could not be stored within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
