import { setTimeout as sleep } from 'node:timers/promises';
import { buttonsOf, type EmulatedMessage } from '#libs/testing/slack-emulator/workspace.js';
import {
  channelOf,
  chaosFault,
  ChaosWorld,
  REVIEWERS,
  ruleOf,
  seeded,
  slackIdOf,
} from './slack-chaos-world.js';

export interface ChaosOptions {
  readonly runs: number;
  /** `kill -9` of approvals each time so many more runs are done. */
  readonly killEvery: number;
  readonly seed: number;
  readonly atOnce: number;
  readonly progress?: (text: string) => void;
}

export interface ChaosReport {
  readonly runs: number;
  readonly kills: number;
  /** Clicks and dialogs that Slack was told were received. */
  readonly acknowledged: number;
  /** Deliveries that were not acknowledged, so that the person tried again. */
  readonly unacknowledged: number;
  readonly faults: number;
  readonly copies: number;
  /** What must be empty. */
  readonly lostClicks: readonly string[];
  readonly doubleDecisions: readonly string[];
  readonly staleButtons: readonly string[];
  readonly undecided: readonly string[];
}

/** How long everything may take to come to rest after the last click, ms. */
const REST_MS = 180_000;
/** Nobody presses a button for ever. */
const PATIENCE = 200;

/**
 * Plays requests that are asked, posted, clicked and decided while deliveries are doubled, signed anew and
 * reordered, calls to Slack fail in every way, and approvals is killed; then looks at what came of it.
 */
export async function playSlackChaos(options: ChaosOptions): Promise<ChaosReport> {
  const random = seeded(options.seed);
  const world = await ChaosWorld.start();
  const { slack } = world;
  let [acknowledged, unacknowledged, kills, done, faults, next] = [0, 0, 0, 0, 0, 0];
  const requests: string[] = [];
  slack.fault = () => {
    const fault = chaosFault(random);
    if (fault !== undefined) faults += 1;
    return fault;
  };

  const copiesOf = (requestId: string, channel: string): EmulatedMessage[] =>
    slack.workspace
      .inChannel(channel)
      .filter((copy) => buttonsOf(copy).some(({ value }) => value === requestId));

  /** Presses until Slack is told that the press was received; false where no button is left. */
  const press = async (
    name: string,
    requestId: string,
    channel: string,
    button: string,
  ): Promise<boolean> => {
    for (let attempt = 0; attempt < PATIENCE; attempt += 1) {
      const copies = copiesOf(requestId, channel);
      const copy = copies[Math.floor(random() * copies.length)];
      if (copy === undefined) return false;
      const payload = slack.clickPayload(slackIdOf(name), channel, copy.ts, button);
      const times = 1 + Math.floor(random() * 3);
      const again =
        random() < 0.3
          ? sleep(random() * 50).then(() => slack.deliverInteraction(payload, { skew: -1 }))
          : undefined;
      const delivered = await slack.deliverInteraction(payload, { times });
      const retried = await again;
      if (delivered.status === 200 || retried?.status === 200) {
        acknowledged += 1;
        return true;
      }
      unacknowledged += 1;
      await sleep(200);
    }
    return false;
  };

  const fillIn = async (
    name: string,
    requestId: string,
    channel: string,
    button: 'Deny' | 'Approve with limit',
  ): Promise<void> => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const before = slack.workspace.views.length;
      if (!(await press(name, requestId, channel, button))) return;
      for (let wait = 0; wait < 30 && slack.workspace.views.length === before; wait += 1) await sleep(100);
      const opened = slack.workspace.views
        .slice(before)
        .find(({ user, view }) => user === slackIdOf(name) && view.private_metadata.includes(requestId));
      if (opened === undefined) continue;
      const text = button === 'Deny' ? 'not today' : '50';
      const sent = await slack.submit(slackIdOf(name), text, {}, opened.id);
      if (sent.status === 200) {
        acknowledged += 1;
        return;
      }
      unacknowledged += 1;
    }
  };

  const run = async (index: number): Promise<void> => {
    const quorum = random() < 0.4 ? 2 : 1;
    const channel = channelOf(index);
    const hold = await world.gateway.ask(world.producer, {
      policyHash: world.policyHash,
      rule: ruleOf(index, quorum),
      sql: `ALTER TABLE customers ADD COLUMN chaos_${index} text`,
      holdMs: 3_600_000,
    });
    requests.push(hold.requestId);
    for (let wait = 0; copiesOf(hold.requestId, channel).length === 0; wait += 1) {
      if (wait > 2_400) throw new Error(`run ${index}: no message within two minutes`);
      await sleep(50);
    }
    const people = [...REVIEWERS].sort(() => random() - 0.5);
    if (random() < 0.2) await press('alice', hold.requestId, channel, 'Approve');
    if (random() < 0.15) await fillIn(people[0] as string, hold.requestId, channel, 'Deny');
    if (random() < 0.15) await fillIn(people[1] as string, hold.requestId, channel, 'Approve with limit');
    // Everybody at once, and some twice: only the quorum counts.
    const presses = people.map(async (name) => {
      await sleep(random() * 300);
      await press(name, hold.requestId, channel, 'Approve');
      if (random() < 0.3) await press(name, hold.requestId, channel, 'Approve');
    });
    await Promise.all(presses);
  };

  try {
    await world.startApprovals();
    let restarting: Promise<void> | undefined;
    const runner = async (): Promise<void> => {
      while (next < options.runs) {
        const index = next;
        next += 1;
        await run(index);
        done += 1;
        if (done % 20 === 0)
          options.progress?.(`${done} of ${options.runs} runs, ${kills} kills, ${faults} faults`);
        if (done % options.killEvery !== 0 || restarting !== undefined) continue;
        kills += 1;
        restarting = sleep(random() * 500)
          .then(() => world.kill())
          .then(() => world.startApprovals())
          .finally(() => (restarting = undefined));
      }
    };
    await Promise.all(Array.from({ length: options.atOnce }, runner));
    await restarting;
    slack.fault = () => undefined;
    await untilAtRest(world);
    return {
      runs: done,
      kills,
      acknowledged,
      unacknowledged,
      faults,
      ...(await whatCameOfIt(world, requests)),
    };
  } finally {
    await world.dispose();
  }
}

async function untilAtRest({ platform }: ChaosWorld): Promise<void> {
  const deadline = performance.now() + REST_MS;
  while (performance.now() < deadline) {
    const { rows } = await platform.admin.query<{ open: number }>(`
      SELECT (SELECT count(*) FROM approvals.slack_inbox WHERE done_at IS NULL)::int
        + (SELECT count(*) FROM approvals.slack_messages AS message JOIN approvals.requests AS request
            ON request.id = message.request_id
            WHERE NOT message.settled AND (message.superseded OR message.uncertain_until IS NOT NULL
              OR message.shown IS DISTINCT FROM request.version || '/' || coalesce(request.outcome, '')))::int AS open`);
    if (rows[0]?.open === 0) return;
    await sleep(250);
  }
}

type Findings = Pick<ChaosReport, 'copies' | 'lostClicks' | 'doubleDecisions' | 'staleButtons' | 'undecided'>;

async function whatCameOfIt({ platform, slack }: ChaosWorld, requests: readonly string[]): Promise<Findings> {
  const ask = async (query: string): Promise<string[]> =>
    (await platform.admin.query<{ found: string }>(query)).rows.map(({ found }) => found);
  // An acknowledged click is in the inbox, carried out, and what it led to is there.
  const lostClicks = await ask(`
    SELECT key || ': ' || coalesce(result, 'not carried out') AS found FROM approvals.slack_inbox AS inbox
    WHERE done_at IS NULL OR result LIKE 'given up%'
      OR (result IN ('approve', 'deny') AND NOT EXISTS (
        SELECT 1 FROM approvals.events AS event
        WHERE event.stream = inbox.request_id AND event.type = 'request.vote-cast'
          AND 'U0' || upper(convert_from(event.bytes, 'UTF8')::jsonb -> 'voter' ->> 'name') = interaction::jsonb ->> 'user'))`);
  const doubleDecisions = [
    ...(await ask(`
      SELECT key || ': ' || count(*) AS found FROM
        (SELECT convert_from(bytes, 'UTF8')::jsonb ->> 'requestId' AS key FROM approvals.events
          WHERE type = 'decision.issued') AS decision
      GROUP BY key HAVING count(*) > 1`)),
    ...(await ask(`
      SELECT stream || ' by ' || voter || ': ' || count(*) AS found FROM
        (SELECT stream, convert_from(bytes, 'UTF8')::jsonb -> 'voter' ->> 'name' AS voter,
            convert_from(bytes, 'UTF8')::jsonb ->> 'decision' AS decision
          FROM approvals.events WHERE type = 'request.vote-cast') AS vote
      GROUP BY stream, voter, decision HAVING count(*) > 1`)),
  ];
  const undecided = await ask(`SELECT id::text AS found FROM approvals.requests WHERE state = 'pending'`);
  const known = new Set(await ask(`SELECT id::text AS found FROM approvals.requests`));
  const messages = slack.workspace.messages.filter(({ threadTs }) => threadTs === undefined);
  return {
    copies: messages.length,
    lostClicks,
    doubleDecisions,
    staleButtons: messages
      .filter((message) => buttonsOf(message).length > 0)
      .map(({ channel, ts }) => `${channel}/${ts}`),
    undecided: [...undecided, ...requests.filter((id) => !known.has(id))],
  };
}
