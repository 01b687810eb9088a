import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { signEvent, type SigningKey } from '#libs/contracts/event-signature.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { newId } from '#libs/kernel/uuid.js';
import { createLogger } from '#libs/observability/logger.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import { newKey, TemporaryGateway } from '../postgres/testing/temporary-gateway.js';
import { KeptPolicy } from './kept-policy.js';
import { PolicyFeed } from './policy-feed.js';
import { PolicyInForce } from './policy-in-force.js';
import type { PolicyNews } from './policy-news.js';

const policyText = (version: number, rules: string): string =>
  `version: ${version}\ndefault: allow\nrules: ${rules}\n`;
const FIRST = policyText(1, '[]');
const denying = (version: number, kind: string): string =>
  policyText(
    version,
    `[{ id: no-${kind.toLowerCase()}, when: "statement.kind == '${kind}'", effect: deny }]`,
  );

let gateway: TemporaryGateway;
let sequence = 0;
const producer = newId();

/** The bytes of a publication as approvals makes them. */
function publication(text: string, given: object = {}, key: SigningKey | null = gateway.decisionKey): Buffer {
  const event = {
    id: newId(),
    type: 'policy.published',
    schemaVersion: 1,
    time: new Date().toISOString(),
    tenant: 'default',
    producer,
    producerSeq: sequence++,
    policyVersion: 1,
    policyHash: sha256Hex(Buffer.from(text)),
    text,
    author: 'dana',
    ...given,
  };
  return key === null ? Buffer.from(JSON.stringify(event)) : signEvent(event, key);
}

async function append(value: Buffer): Promise<void> {
  const log = await gateway.eventLog.producer();
  await log.append([{ topic: 'control', partition: 0, key: 'policy', value }]);
  await log.close();
}

const codeOf = (query: Promise<unknown>): Promise<string | undefined> =>
  query.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );

beforeAll(async () => {
  gateway = await TemporaryGateway.start({ policy: FIRST });
});
afterAll(() => gateway.dispose());

describe('a policy that arrives on control', () => {
  it('judges the next statement of a session that stays open, and what was prepared before', async () => {
    const client = await gateway.connect();
    const insert = { name: 'insert', text: 'INSERT INTO numbers VALUES ($1)' };
    await client.query({ ...insert, values: [1] });
    const text = denying(2, 'INSERT');
    await append(publication(text));
    const applied = await gateway.event('policy.applied');
    expect(applied).toMatchObject({
      policyVersion: 2,
      policyHash: sha256Hex(Buffer.from(text)),
      previousHash: sha256Hex(Buffer.from(FIRST)),
    });
    expect(await codeOf(client.query({ ...insert, values: [2] }))).toBe('42501');
    expect(await codeOf(client.query('INSERT INTO numbers VALUES (3)'))).toBe('42501');
    expect((await client.query('SELECT n FROM numbers')).rows).toEqual([{ n: 1 }]);
    const { intent } = await gateway.outcomeOf('INSERT INTO numbers VALUES (3)');
    expect(intent.verdict).toMatchObject({
      rule: 'no-insert',
      policyVersion: 2,
      policyHash: sha256Hex(Buffer.from(text)),
    });
  });

  it('is ignored, and the one before stays, where it is unsigned, foreign, old or no policy', async () => {
    const client = await gateway.connect();
    const allowing = policyText(9, '[]');
    const old = publication(allowing, { producerSeq: 0 });
    const attempts: readonly (readonly [reason: string, bytes: Buffer])[] = [
      ['unsigned', publication(allowing, {}, null)],
      ['unknown-key', publication(allowing, {}, newKey().key)],
      ['replayed', old],
      ['replayed', publication(allowing, { producer: newId(), time: '2020-01-01T00:00:00.000Z' })],
      ['another-tenant', publication(allowing, { tenant: 'another' })],
      ['malformed', publication(allowing, { author: 7 })],
      ['not-a-policy', publication('version: 1\nrulez: []\n')],
      ['not-a-policy', publication(allowing, { policyHash: 'ab'.repeat(32) })],
    ];
    for (const [reason, bytes] of attempts) {
      gateway.forget();
      await append(bytes);
      expect((await gateway.event('policy.ignored')).reason).toBe(reason);
      expect(await codeOf(client.query('INSERT INTO numbers VALUES (4)'))).toBe('42501');
    }
    gateway.forget();
    await append(publication(denying(3, 'DELETE')));
    await gateway.event('policy.applied', ({ policyVersion }) => policyVersion === 3);
    expect(await codeOf(client.query('DELETE FROM numbers'))).toBe('42501');
    expect(await codeOf(client.query('INSERT INTO numbers VALUES (5)'))).toBeUndefined();
  });

  it('leaves what is held to the policy that held it', async () => {
    const holding = policyText(
      4,
      `[{ id: signed, when: "statement.kind == 'DELETE'", effect: review, reviewers: [{ group: dba, count: 1 }] }]`,
    );
    await append(publication(holding));
    await gateway.event('policy.applied', ({ policyVersion }) => policyVersion === 4);
    const client = await gateway.connect();
    const result = codeOf(client.query('DELETE FROM numbers WHERE n = 77'));
    const asked = await gateway.event('review.asked');
    await append(publication(denying(5, 'DELETE')));
    await gateway.event('policy.applied', ({ policyVersion }) => policyVersion === 5);
    expect(asked.verdict.policyHash).toBe(sha256Hex(Buffer.from(holding)));
    await client.end();
    await result;
    await gateway.event('review.cancelled');
    const intent = await gateway.event('statement.intent-recorded', ({ id }) => id === asked.intentId);
    expect(intent.verdict).toMatchObject({ policyVersion: 4, rule: 'signed' });
  });
});

describe('what the policy adds to a verdict', () => {
  it('stands on the intent; literals and parameters it keeps out of the record are not there', async () => {
    const text = policyText(
      6,
      `[{ id: quiet, when: "'customers' in statement.reads", effect: flag, risk: 30, controls: [CC6.1], redact: [literals, parameters] }]`,
    );
    await append(publication(text));
    await gateway.event('policy.applied', ({ policyVersion }) => policyVersion === 6);
    const client = await gateway.connect();
    gateway.forget();
    await client.query("SELECT name FROM customers WHERE email = 'secret-one'");
    await client.query('SELECT name FROM customers WHERE email = $1', ['secret-two']);
    await client.query(`SELECT name FROM customers WHERE email = '${'secret-three '.repeat(6_000)}'`);
    await client.query("SELECT 'seen'");
    await gateway.outcomeOf("SELECT 'seen'");
    expect(JSON.stringify(gateway.events)).not.toContain('secret-');
    const quiet = gateway
      .of('statement.intent-recorded')
      .filter(({ verdict }) => verdict.flags !== undefined);
    expect(quiet).toHaveLength(3);
    for (const { verdict } of quiet)
      expect(verdict).toMatchObject({ effect: 'allow', flags: ['quiet'], risk: 30, controls: ['CC6.1'] });
    expect(quiet[1]?.parameters).toEqual([{ type: expect.any(Number), format: 0, bytes: 10 }]);
  });
});

describe('the last policy that was applied', () => {
  const logger = createLogger('test', 'silent');
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'countersign-policy-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const feed = (
    trusted: ReadonlyMap<string, never>,
    policies: PolicyInForce,
    catchUpMs = 200,
    log = gateway.eventLog,
  ) =>
    new PolicyFeed({
      log,
      gatewayId: newId(),
      tenant: 'default',
      trusted,
      policies,
      kept: new KeptPolicy(path.join(folder, 'spool')),
      read: (text) => loadPolicy({ text, file: 'published policy' }),
      news: { applied: () => undefined, ignored: () => undefined } as unknown as PolicyNews,
      logger,
      catchUpMs,
    });

  it('is in force after a restart, with the event log away, as long as its key is trusted', async () => {
    const { key, trusted } = newKey();
    const published = publication(denying(16, 'UPDATE'), {}, key);
    await new KeptPolicy(path.join(folder, 'spool')).keep(published);

    const away = await openEventLog(
      { kind: 'embedded', databaseUrl: gateway.postgres.adminUrl('platform') },
      { applicationName: 'test', logger },
    );
    await away.close();
    const policies = new PolicyInForce(loadPolicy({ text: FIRST, file: 'first.yaml' }));
    const restarted = feed(trusted as never, policies, 200, away);
    await restarted.restore();
    await restarted.start();
    expect(policies.current.version).toBe(16);
    expect(restarted.problem).toMatch(/not read/);
    await restarted.stop();

    const others = new PolicyInForce(loadPolicy({ text: FIRST, file: 'first.yaml' }));
    await feed(newKey().trusted as never, others).restore();
    expect(others.current.version).toBe(1);
  });

  it('among all that were published is in force before a start is over', async () => {
    const policies = new PolicyInForce(loadPolicy({ text: FIRST, file: 'first.yaml' }));
    await rm(path.join(folder, 'policy.event'), { force: true });
    const { decisionKey } = gateway;
    const trusted = new Map([[decisionKey.keyId, createPublicKey(decisionKey.privateKey)]]);
    const started = feed(trusted as never, policies, 60_000);
    await started.start();
    expect(started.problem).toBeUndefined();
    expect(policies.current.version).toBe(6);
    await started.stop();
    const again = new PolicyInForce(loadPolicy({ text: FIRST, file: 'first.yaml' }));
    await feed(trusted as never, again).restore();
    expect(again.current.version).toBe(6);
  });
});
