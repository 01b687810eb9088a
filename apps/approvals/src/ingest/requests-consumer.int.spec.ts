import type { LogRecord, RecordToAppend } from '#libs/event-log/port.js';
import type { Directory } from '#libs/identity/directory.js';
import { systemClock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import { findBindings } from '../request/read/request-queries.js';
import { PolicyShelf } from '../policy/policy-shelf.js';
import { publishPolicy } from '../policy/publish-policy.js';
import { RequestExecutor } from '../request/write/request-executor.js';
import { ReviewPlanner } from '../routing/review-planner.js';
import { newSigningKey, SampleGateway } from '../testing/sample-gateway.js';
import { policyOf } from '../testing/test-approvals.js';
import { silent, testPlatform, type TestPlatform } from '../testing/test-platform.js';
import type { Rejection } from './check-review.js';
import { RequestsConsumer } from './requests-consumer.js';

const POLICY = policyOf(`version: 1
default: allow
rules: [{ id: schema-change, when: "statement.category == 'ddl'", effect: review, reviewers: [{ group: dba, count: 1 }] }]
`);

const nobody: Directory = {
  find: () => Promise.resolve(undefined),
  membersOf: () => Promise.resolve([]),
  findBySlackUserId: () => Promise.resolve([]),
  findByEmail: () => Promise.resolve([]),
};

let platform: TestPlatform;
let executor: RequestExecutor;
const gateway = new SampleGateway();
const rejections: Rejection[] = [];
beforeAll(async () => {
  platform = await testPlatform();
  executor = new RequestExecutor(
    platform.pool,
    { tenant: 'default', clock: systemClock, newId, signingKey: newSigningKey().signing },
    () => undefined,
  );
  await publishPolicy(executor, POLICY, { file: undefined, read: policyOf }, newId);
}, 60_000);
afterAll(() => platform?.dispose(), 60_000);

const consumer = (log = 'log-1'): RequestsConsumer =>
  new RequestsConsumer({
    pool: platform.pool,
    executor,
    planner: new ReviewPlanner(new PolicyShelf(platform.pool, policyOf), nobody, systemClock, newId),
    gatewayKeys: gateway.key.trusted,
    tenant: 'default',
    clock: systemClock,
    newId,
    logger: silent,
    source: { log, topicId: 'requests' },
    onRejected: (rejection) => rejections.push(rejection),
  });

let offset = 0n;
const delivered = (record: RecordToAppend, partition: number): LogRecord => ({
  topic: 'requests',
  partition,
  offset: offset++,
  key: Buffer.from(record.key),
  value: record.value,
  appendedAt: Date.now(),
  leaderEpoch: 0,
});

const asked = (): RecordToAppend => gateway.record(gateway.hold({ policyHash: POLICY.hash }).asked);

const countEvents = async (record: RecordToAppend): Promise<number> =>
  (
    await platform.admin.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM approvals.events WHERE key = $1',
      [record.key],
    )
  ).rows[0]?.n as number;

describe('a consumer of requests', () => {
  const at = { topic: 'requests', partition: 0 } as const;

  it('goes on where it stood, in the transaction that stored what it read', async () => {
    const first = consumer();
    const from = await first.claim(at);
    const record = delivered(asked(), 0);
    expect(await first.handle(at, [{ ...record, offset: from }])).toBe('stored');
    expect(await consumer().claim(at)).toBe(from + 1n);
  });

  it('that was fenced stores nothing', async () => {
    const [zombie, heir] = [consumer(), consumer()];
    const from = await zombie.claim(at);
    await heir.claim(at);
    const record = asked();
    expect(await zombie.handle(at, [{ ...delivered(record, 0), offset: from }])).toBe('fenced');
    expect(await countEvents(record)).toBe(0);
    expect(await heir.handle(at, [{ ...delivered(record, 0), offset: from }])).toBe('stored');
    expect(await countEvents(record)).toBe(2);
    expect(await zombie.handle(at, [{ ...delivered(asked(), 0), offset: from }])).toBe('fenced');
  });

  it('delivered the same records again changes nothing, in one batch or in several', async () => {
    const one = consumer();
    const from = await one.claim(at);
    const record = asked();
    const batch = [0n, 1n, 2n].map((step) => ({ ...delivered(record, 0), offset: from + step }));
    expect(await one.handle(at, batch)).toBe('stored');
    expect(await one.handle(at, batch)).toBe('stored');
    expect(await countEvents(record)).toBe(2);
  });

  it('begins anew where the log is another one, and its requests are known already', async () => {
    const other = consumer('log-2');
    expect(await other.claim(at)).toBe(0n);
    const record = asked();
    const first = consumer();
    await first.handle(at, [{ ...delivered(record, 0), offset: await first.claim(at) }]);
    expect(await other.handle(at, [{ ...delivered(record, 0), offset: 0n }])).toBe('stored');
    expect(await countEvents(record)).toBe(2);
  });

  it('takes a question whose statements stand in parts, in one batch or several, and none without its own', async () => {
    const one = consumer();
    const from = await one.claim(at);
    const take = (records: readonly RecordToAppend[]) =>
      one.handle(
        at,
        records.map((record, index) => ({ ...delivered(record, 0), offset: from + BigInt(index) })),
      );
    const long = (text: string) => {
      const { parts, asked, binding } = gateway.hold({ policyHash: POLICY.hash, sql: text });
      return { parts: parts.map((part) => gateway.record(part)), asked: gateway.record(asked), binding };
    };
    const [whole, inTwo, incomplete, another] = ['a', 'b', 'c', 'd'].map((each) =>
      long(`ALTER TABLE customers ADD ${each} text DEFAULT '${each.repeat(1_048_576)}'`),
    ) as [ReturnType<typeof long>, ReturnType<typeof long>, ReturnType<typeof long>, ReturnType<typeof long>];
    expect(whole.parts).toHaveLength(4);
    rejections.length = 0;
    await take([...whole.parts, whole.asked]);
    await take(inTwo.parts);
    await take([inTwo.asked]);
    expect(rejections).toEqual([]);
    for (const { asked, binding } of [whole, inTwo]) {
      expect((await findBindings(platform.pool, [asked.key])).get(asked.key)).toEqual(binding);
      expect(await countEvents(asked)).toBe(2);
    }
    const foreign = another.parts.map((part) => ({ ...part, key: incomplete.asked.key }));
    await take([...incomplete.parts.slice(1), ...foreign, incomplete.asked]);
    expect(rejections.map(({ detail }) => detail).at(-1)).toMatch(/parts .* are missing or are others/);
    expect(rejections).toHaveLength(1 + foreign.length);
    await take([inTwo.asked]);
    expect(rejections).toHaveLength(1 + foreign.length);
    expect(await countEvents(inTwo.asked)).toBe(2);
  });

  it('stores a batch with good and bad records whole: the bad ones stop nothing', async () => {
    const one = consumer();
    const from = await one.claim(at);
    const good = [asked(), asked()];
    const forged = gateway.record(gateway.hold({ policyHash: POLICY.hash }).asked, newSigningKey().signing);
    const records = [good[0], forged, { ...forged, value: Buffer.from('{'), key: 'no uuid' }, good[1]].map(
      (record, index) => ({ ...delivered(record as RecordToAppend, 0), offset: from + BigInt(index) }),
    );
    rejections.length = 0;
    expect(
      await one.handle(at, [...records, { ...records[0], offset: from + 9n, value: null } as LogRecord]),
    ).toBe('stored');
    expect(rejections.map(({ reason }) => reason)).toEqual([
      'untrusted-gateway',
      'untrusted-gateway',
      'malformed',
    ]);
    for (const record of good) expect(await countEvents(record)).toBeGreaterThanOrEqual(2);
    expect(await one.claim(at)).toBe(from + 10n);
  });
});
