import { parseEvent } from '#libs/contracts/events/registry.js';
import { partitionOf, TOPICS, type Topic } from '#libs/contracts/topics.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog } from '#libs/event-log/port.js';
import { readEventLogSettings } from '#libs/event-log/settings.js';
import { newId } from '#libs/kernel/uuid.js';
import { createLogger } from '#libs/observability/logger.js';
import { eventually } from '../../e2e/eventually.js';
import type { ForgedDecision } from '../../e2e/forged-decision.js';
import type { DriftWorld } from './drift-world.js';
import { update, type Variation } from './variation.js';

const GRANT_MS = 3_000;

/** The grant is over, or used up, when the statement comes again. */
const late = (name: string, wait: (world: DriftWorld, requestId: string) => Promise<void>): Variation => ({
  name,
  run: async (world, table) => {
    const client = await world.connect('alice', 'retry');
    try {
      const requestId = await world.approvedForRetry(client, { text: update(table) });
      await wait(world, requestId);
      return await world.send(client, { text: update(table) });
    } finally {
      await client.end();
    }
  },
});

/** A decision in true or false form reaches the gateway while the statement is held; nobody has voted. */
const injected = (
  name: string,
  decision: (held: { requestId: string; gatewayId: string; digest: string }) => Partial<ForgedDecision>,
): Variation => ({
  name: `decision: ${name}`,
  run: async (world, table) => {
    const client = await world.connect('alice', 'hold');
    try {
      const { requestId, ended } = await world.held(client, { text: update(table) });
      const { gatewayId = '', digest = '' } = await eventually('the request is open', 60_000, async () => {
        const { status, body } = await world.call('carol', 'GET', `/v1/requests/${requestId}`);
        return status === 200 ? body : undefined;
      });
      const given = { requestId, gatewayId, digest };
      const privateKey = await world.decisionKey();
      await world.stack.appendForgedDecision({ ...given, privateKey, ...decision(given) });
      await deny(world, requestId);
      return await ended;
    } finally {
      await client.end();
    }
  },
});

async function deny(world: DriftWorld, requestId: string): Promise<void> {
  await world.call('bob', 'POST', `/v1/requests/${requestId}/votes`, { decision: 'deny', reason: 'never' });
}

const runsOut = async (world: DriftWorld, requestId: string): Promise<void> => {
  await eventually('the grant has run out', 60_000, async () => {
    const { body } = await world.call('carol', 'GET', `/v1/requests/${requestId}`);
    return body.state === 'expired' ? true : undefined;
  });
};

const revoked = async (world: DriftWorld, requestId: string): Promise<void> => {
  await world.call('bob', 'POST', `/v1/requests/${requestId}/revoke`, { reason: 'on second thoughts' });
};

/** What a grant, used once, leaves in the event log is put there again; then the statement comes again. */
const replayed = (name: string, topic: Topic): Variation => ({
  name: `replay: ${name}`,
  run: async (world, table) => {
    const client = await world.connect('alice', 'retry');
    try {
      const text = `UPDATE ${table} SET v = 0 WHERE id < 10`;
      const requestId = await world.approvedForRetry(client, { text });
      const used = await world.send(client, { text });
      if (!used.ran) throw new Error(`the grant could not be used: ${JSON.stringify(used)}`);
      await appendAgain(world, topic, requestId);
      return await world.send(client, { text });
    } finally {
      await client.end();
    }
  },
});

/** Another session holds the same statement: what is approved for one is not for the other. */
const anotherSession = (name: string): Variation => ({
  name: `another session: ${name}`,
  run: async (world, table) => {
    const first = await world.connect('alice', 'hold');
    const second = await world.connect(name, 'hold');
    try {
      // It changes nothing, so that the one that is approved may run.
      const text = `UPDATE ${table} SET v = 0 WHERE id < 10`;
      const approved = await world.held(first, { text });
      const other = await world.held(second, { text });
      await world.approve(approved.requestId);
      const ran = await approved.ended;
      if (!ran.ran) throw new Error(`what was approved did not run: ${JSON.stringify(ran)}`);
      await deny(world, other.requestId);
      return await other.ended;
    } finally {
      await first.end();
      await second.end();
    }
  },
});

async function appendAgain(world: DriftWorld, topic: Topic, requestId: string): Promise<void> {
  const { environment, ready } = world.stack;
  const settings = readEventLogSettings({ ...environment, DATABASE_URL: ready.platform.adminUrl });
  const log = await openEventLog(settings, {
    applicationName: 'replay',
    logger: createLogger('replay', 'silent'),
  });
  try {
    const records = await recordsOf(log, topic, requestId);
    if (records.length === 0) throw new Error(`${topic} holds nothing of ${requestId}`);
    const producer = await log.producer();
    for (const { key, value } of records)
      await producer.append([{ topic, partition: partitionOf(topic, key), key, value }]);
    await producer.close(5_000);
  } finally {
    await log.close();
  }
}

async function recordsOf(log: EventLog, topic: Topic, requestId: string) {
  const found: { key: string; value: Buffer }[] = [];
  for (let partition = 0; partition < TOPICS[topic].partitions; partition += 1) {
    const end = await log.endOffset({ topic, partition });
    if (end === 0n) continue;
    await new Promise<void>((resolve, reject) => {
      const subscription = log.tail({
        topic,
        partition,
        reader: 'replay',
        from: 'start',
        onRecord: ({ key, value, offset }) => {
          const parsed = value === null ? undefined : parseEvent(value);
          if (value !== null && parsed?.ok === true && parsed.event.requestId === requestId)
            found.push({ key: key?.toString() ?? '', value });
          if (offset + 1n >= end) void subscription.then((each) => each.stop()).then(resolve, reject);
        },
        onFatal: reject,
      });
    });
  }
  return found;
}

export const decisionVariations = (): Variation[] => [
  late('expiry: the grant is over', runsOut),
  late('expiry: revoked by the reviewer', revoked),
  late('expiry: the grant ends a moment before', async () => {
    await new Promise((resolve) => setTimeout(resolve, GRANT_MS + 50));
  }),
  replayed('the receipt', 'decisions'),
  replayed('what the gateway asked', 'requests'),
  replayed('the history', 'approvals'),
  anotherSession('alice'),
  anotherSession('erin'),
  injected('truly signed, for another gateway', () => ({ gatewayId: newId() })),
  injected('truly signed, for another request', () => ({ requestId: newId() })),
  injected('truly signed, for other bytes', () => ({ digest: 'ab'.repeat(32) })),
  injected('truly signed, but over', () => ({ ageMs: 3_600_000 })),
  injected('truly signed, from the future', () => ({ ageMs: -3_600_000 })),
];
