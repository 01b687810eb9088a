import type { Client } from 'pg';
import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { joinStatements } from '#libs/contracts/binding-parts.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import { newId } from '#libs/kernel/uuid.js';
import { eventually } from '#libs/testing/eventually.js';
import { newKey, TemporaryGateway } from '../postgres/testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start();
});
afterAll(() => gateway.dispose());

interface Said {
  readonly message?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

interface HeldQuery {
  readonly client: Client;
  readonly notices: Said[];
  readonly result: Promise<{ command?: string; error?: { code?: string; message: string; detail?: string } }>;
  readonly asked: EventOf<'review.asked'>;
  readonly requestId: string;
  readonly digest: string;
}

/** Sends a statement that the built-in policy holds, and waits until it is asked for. */
async function hold(text: string, values?: unknown[], client?: Client): Promise<HeldQuery> {
  const session = client ?? (await gateway.connect());
  const notices: Said[] = [];
  session.on('notice', (notice) => notices.push(notice));
  const result = session.query(text, values as never).then(
    ({ command }) => ({ command }),
    (error: Error & { code?: string; detail?: string }) => ({ error }),
  );
  const asked = await gateway.event('review.asked', (event) =>
    event.binding.statements.some((one) => Buffer.from(one.text, 'base64').toString() === text),
  );
  await eventually(() => expect(notices.length).toBeGreaterThan(0));
  return {
    client: session,
    notices,
    result,
    asked,
    requestId: asked.requestId as string,
    digest: approvalDigest(asked.binding).toString('hex'),
  };
}

const columns = async (): Promise<string[]> => {
  const direct = await gateway.direct();
  const { rows } = await direct.query<{ attname: string }>(
    "SELECT attname FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum > 0 AND NOT attisdropped",
  );
  await direct.end();
  return rows.map((row) => row.attname);
};

describe('a statement that needs approval', () => {
  it('waits, tells its client where, and runs in the same session once it is granted', async () => {
    const client = await gateway.connect();
    const { rows: before } = await client.query('SELECT pg_backend_pid() AS pid');
    const held = await hold('ALTER TABLE customers ADD COLUMN tier text', undefined, client);
    expect(held.notices[0]?.message).toMatch(new RegExp(`held.*${held.requestId}.*1 of group dba`));
    expect(await columns()).not.toContain('tier');

    await gateway.decide({ requestId: held.requestId, digest: held.digest });
    expect(await held.result).toEqual({ command: 'ALTER' });
    expect(await columns()).toContain('tier');
    const { rows: after } = await client.query('SELECT pg_backend_pid() AS pid');
    expect(after).toEqual(before);

    const { intent, outcome } = await gateway.outcomeOf('ALTER TABLE customers ADD COLUMN tier text');
    expect(intent).toMatchObject({ requestId: held.requestId, verdict: { effect: 'review' } });
    expect(outcome).toMatchObject({ outcome: 'completed', tag: 'ALTER TABLE', requestId: held.requestId });
    await gateway.event('review.released', (event) => event.digest === held.digest);
    await gateway.event(
      'review.concluded',
      (event) => event.requestId === held.requestId && event.outcome === 'completed',
    );
  });

  it('of a million bytes is asked for in parts before the question, and runs as it was approved', async () => {
    const text = `ALTER TABLE customers ADD COLUMN long text /* ${'z'.repeat(1_048_576)} */`;
    const client = await gateway.connect();
    const result = client.query(text);
    const asked = await gateway.event('review.asked', (event) => event.statement.bytes === text.length);
    const parts = gateway
      .of('review.part-recorded')
      .filter(({ requestId }) => requestId === asked.requestId)
      .sort((a, b) => a.index - b.index);
    const { statementsInParts: inParts } = asked;
    const statements = joinStatements(
      parts.map((part) => part.text),
      inParts as NonNullable<typeof inParts>,
    );
    expect(statements?.map((one) => Buffer.from(one.text, 'base64').toString())).toEqual([text]);
    const digest = approvalDigest({ ...asked.binding, statements: statements ?? [] }).toString('hex');
    await gateway.decide({ requestId: asked.requestId as string, digest });
    expect((await result).command).toBe('ALTER');
    expect(await columns()).toContain('long');
  });

  it('tells its client how far the review is and what reviewers say, and believes only the signature', async () => {
    const held = await hold('ALTER TABLE customers ADD COLUMN waited text');
    const { requestId, digest } = held;
    await gateway.progress({ requestId, signed: 2, needed: 2 }, newKey().key);
    await gateway.progress({ requestId, signed: 2, needed: 2, gatewayId: newId() });
    await gateway.progress({ requestId: newId(), signed: 2, needed: 2 });
    await gateway.progress({ requestId, signed: 1, needed: 2, escalated: 1 });
    await gateway.progress({
      requestId,
      signed: 1,
      needed: 2,
      issuedAt: new Date(Date.now() + 1_000).toISOString(),
      comment: { by: 'bob', text: 'why \u001b[2Jnow?\u0000' },
    });
    const asked = `bob writes about held request ${requestId}: why [2Jnow?`;
    await eventually(() => expect(held.notices.map(({ message }) => message)).toContain(asked));
    const question = held.notices.find(({ message }) => message === asked);
    expect(question?.detail).toMatch(/^bob says: why \[2Jnow\?\nThe statement goes on waiting\./);
    expect(question?.hint).toContain(`countersign requests comment ${requestId} '...'`);
    const messages = held.notices.map(({ message }) => message ?? '');
    expect(messages.filter((message) => message.includes('(1 of 2 signatures, escalated)'))).toHaveLength(1);
    expect(messages.filter((message) => message.includes('2 of 2'))).toEqual([]);
    await gateway.event(
      'decision.rejected',
      (event) => event.requestId === requestId && event.reason === 'forged',
    );
    expect(await columns()).not.toContain('waited');
    await gateway.decide({ requestId, digest, verdict: 'refused' });
    expect((await held.result).error?.code).toBe('42501');
  });

  it('binds the extended protocol too: text, parameters and formats', async () => {
    const held = await hold('UPDATE customers SET name = $1 WHERE true', ['somebody']);
    expect(held.asked.binding).toMatchObject({
      protocol: 'extended',
      statements: [{ parameters: [Buffer.from('somebody').toString('base64')], parameterFormats: [0] }],
    });
    await gateway.decide({ requestId: held.requestId, digest: held.digest });
    expect(await held.result).toEqual({ command: 'UPDATE' });
  });

  it('is refused with the reviewer and the reason, and the session lives on', async () => {
    const held = await hold('ALTER TABLE customers ADD COLUMN never text');
    await gateway.decide({
      requestId: held.requestId,
      digest: held.digest,
      verdict: 'refused',
      reason: 'not today',
    });
    const { error } = await held.result;
    expect(error).toMatchObject({ code: '42501', detail: expect.stringMatching(/bob.*not today/) });
    expect((await held.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(await columns()).not.toContain('never');
    await gateway.event(
      'review.concluded',
      (event) => event.requestId === held.requestId && event.outcome === 'refused',
    );
  });

  it('stays held on a decision that is forged, unsigned, for other bytes, for another gateway or out of time', async () => {
    const held = await hold('ALTER TABLE customers ADD COLUMN forged text');
    const { requestId, digest } = held;
    const past = new Date(Date.now() - 600_000).toISOString();
    const future = new Date(Date.now() + 600_000).toISOString();
    await gateway.decide({ requestId, digest }, newKey().key);
    await gateway.decide({ requestId, digest }, null);
    await gateway.decide({ requestId, digest: '0'.repeat(64) });
    await gateway.decide({ requestId, digest, gatewayId: newId() });
    await gateway.decide({ requestId, digest, issuedAt: past, expiresAt: past });
    await gateway.decide({ requestId, digest, issuedAt: future, expiresAt: future });
    await gateway.append(Buffer.from('{}'));
    const tampered = await gateway.decide({ requestId: newId(), digest });
    await gateway.append(
      Buffer.from(tampered.toString().replace(/"requestId":"[^"]+"/, `"requestId":"${requestId}"`)),
    );
    await eventually(() => {
      const reasons = gateway
        .of('decision.rejected')
        .filter((event) => event.requestId === requestId)
        .map((event) => event.reason);
      expect(reasons.sort()).toEqual([
        'another-gateway',
        'clock-skew',
        'digest-differs',
        'expired',
        'forged',
        'forged',
        'forged',
      ]);
    });
    expect(gateway.of('review.released').some((event) => event.requestId === requestId)).toBe(false);
    await gateway.decide({ requestId, digest, verdict: 'refused', reason: 'done' });
    expect((await held.result).error?.code).toBe('42501');
    expect(await columns()).not.toContain('forged');
  });

  it('runs once for one decision: its replay is rejected', async () => {
    const text = 'UPDATE customers SET name = name';
    const first = await hold(text);
    const bytes = await gateway.decide({ requestId: first.requestId, digest: first.digest });
    expect(await first.result).toEqual({ command: 'UPDATE' });
    await gateway.append(bytes);
    await gateway.event(
      'decision.rejected',
      (event) => event.requestId === first.requestId && event.reason === 'replayed',
    );
  });

  it('is refused as drifted when what it names changed during the hold', async () => {
    const held = await hold('UPDATE customers SET email = NULL');
    const direct = await gateway.direct();
    await direct.query('ALTER TABLE customers ADD COLUMN drift int');
    await gateway.decide({ requestId: held.requestId, digest: held.digest });
    expect((await held.result).error).toMatchObject({
      code: '42501',
      message: expect.stringContaining('drifted'),
    });
    await gateway.event(
      'decision.rejected',
      (event) => event.requestId === held.requestId && event.reason === 'drifted',
    );
    const { rows } = await direct.query('SELECT count(email)::int AS n FROM customers');
    expect(rows).toEqual([{ n: 100 }]);
  });

  it('notices a new trigger function body behind the table it names', async () => {
    const direct = await gateway.direct();
    await direct.query(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER note BEFORE UPDATE ON numbers FOR EACH ROW EXECUTE FUNCTION note()`);
    const held = await hold('UPDATE numbers SET n = 1');
    expect(held.asked.binding.objects.map((object) => object.name)).toEqual(
      expect.arrayContaining(['public.numbers', 'public.note()']),
    );
    await direct.query(
      `CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'`,
    );
    await gateway.decide({ requestId: held.requestId, digest: held.digest });
    expect((await held.result).error?.message).toContain('drifted');
  });

  it('is given up when the client goes, and nothing runs', async () => {
    const held = await hold('ALTER TABLE customers ADD COLUMN gone text');
    (held.client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await gateway.event(
      'review.cancelled',
      (event) => event.requestId === held.requestId && event.reason === 'client-gone',
    );
    await gateway.decide({ requestId: held.requestId, digest: held.digest });
    await gateway.event(
      'decision.rejected',
      (event) => event.requestId === held.requestId && event.reason === 'late',
    );
    const { outcome } = await gateway.outcomeOf('ALTER TABLE customers ADD COLUMN gone text');
    expect(outcome.outcome).toBe('cancelled');
    expect(await columns()).not.toContain('gone');
  });
});
