import { randomBytes } from 'node:crypto';
import bolt from '@slack/bolt';
import type { Command } from '@nestjs/cqrs';
import type { AnyEvent } from '#libs/contracts/events/registry.js';
import type { Directory } from '#libs/identity/directory.js';
import type { Clock } from '#libs/kernel/clock.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { repeat } from '../request/automation/repeat.js';
import type { Executed } from '../request/write/request-executor.js';
import type { MessageOptions } from './blocks/shown-request.js';
import { InboxWorker } from './inbox/inbox-worker.js';
import { forgetOldSignatures, keepInteraction } from './inbox/inbox-queries.js';
import { SlackAnswers } from './inbox/slack-answers.js';
import { Loops } from './loops.js';
import { addMissingMessages } from './outbox/message-queries.js';
import { MessageSender } from './outbox/message-sender.js';
import { SlackPeople } from './people/slack-people.js';
import { createSlackBolt, type SlackBolt } from './slack-bolt.js';
import { channelsFor, type SlackSettings } from './slack-settings.js';
import { SlackWeb, webClientOptions } from './slack-web.js';

export interface SlackDependencies {
  readonly settings: SlackSettings;
  readonly pool: DatabasePool;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Logger;
  /** The command path of HTTP and the command line. */
  readonly execute: (command: Command<Executed>) => Promise<Executed>;
  /** The URL under which people reach approvals; known once it listens. */
  readonly url: () => string;
}

export interface Slack {
  /** What POST /slack/events needs; absent in Socket Mode. */
  readonly http:
    | {
        readonly listener: NonNullable<SlackBolt['listener']>;
        readonly signingSecret: string;
        /** Milliseconds since 1970. */
        readonly now: () => number;
      }
    | undefined;
  /** Begins to send and to carry out. Returns at once, whether Slack can be reached or not. */
  start(): void;
  /** Something was committed: look at once. */
  committed(events: readonly AnyEvent[]): void;
  stop(): Promise<void>;
}

/** After these a request may go to a channel it did not go to before. */
const ROUTES = new Set<string>(['request.requested', 'request.routed', 'request.escalated']);

const POLL_MS = 500;
const SENDERS = 3;
const WORKERS = 3;

/** Puts the Slack side together. All it knows is in the database: any number of replicas may run it. */
export function createSlack(dependencies: SlackDependencies): Slack {
  const { settings, pool, directory, clock, newId, logger, execute, url } = dependencies;
  const web = new SlackWeb(new bolt.webApi.WebClient(settings.botToken, webClientOptions(settings.apiUrl)));
  const people = new SlackPeople({
    web,
    directory,
    pool,
    matchEmail: settings.matchEmail,
    monotonic: () => clock.monotonic(),
  });
  const messageOptions = (): MessageOptions => ({
    showSql: settings.showSql,
    link: url(),
    now: clock.now(),
  });
  const failed = (what: string) => (error: unknown) =>
    logger.warn({ problem: messageOf(error) }, `${what} failed and runs again`);

  const sender = new MessageSender({ pool, web, directory, messageOptions, newId, logger });
  const sending = new Loops(() => sender.sendNext(), {
    loops: SENDERS,
    pollMs: POLL_MS,
    onError: failed('sending to Slack'),
  });
  const worker = new InboxWorker({
    pool,
    directory,
    people,
    web,
    clock,
    execute,
    messageOptions,
    newLinkCode: () => randomBytes(15).toString('base64url'),
    answers: new SlackAnswers(web, settings.apiUrl),
    logger,
    wakeOutbox: () => sending.wake(),
  });
  const working = new Loops(() => worker.handleNext(), {
    loops: WORKERS,
    pollMs: POLL_MS,
    onError: failed('the Slack inbox'),
  });
  const slackBolt = createSlackBolt({
    settings,
    logger,
    keep: (key, interaction, signature) => keepInteraction(pool, key, interaction, signature),
    stored: (key) => void worker.handleNow(key, working),
  });
  let automations: { stop(): Promise<void> }[] = [];
  let adding: Promise<void> = Promise.resolve();
  const addMissing = (): Promise<void> =>
    (adding = adding
      .catch(() => undefined)
      .then(() => addMissingMessages(pool, (groups) => channelsFor(settings, groups), newId))
      .then(() => sending.wake()));

  return {
    http:
      slackBolt.listener === undefined || settings.signingSecret === undefined
        ? undefined
        : { listener: slackBolt.listener, signingSecret: settings.signingSecret, now: () => clock.now() },
    start: () => {
      sending.start();
      working.start();
      slackBolt.start();
      automations = [
        repeat(() => addMissing().then(() => 1_000), { retryMs: 1_000, onError: failed('adding messages') }),
        repeat(() => forgetOldSignatures(pool).then(() => 60_000), {
          retryMs: 5_000,
          onError: failed('cleaning'),
        }),
      ];
    },
    committed: (events) => {
      if (events.some(({ type }) => ROUTES.has(type))) addMissing().catch(failed('adding messages'));
      else sending.wake();
    },
    stop: async () => {
      await slackBolt.stop();
      await Promise.all([sending.stop(), working.stop(), ...automations.map((each) => each.stop())]);
      await adding.catch(() => undefined);
    },
  };
}
