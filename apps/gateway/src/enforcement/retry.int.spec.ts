import type { Client } from 'pg';
import { approvalDigest } from '#libs/contracts/approval-digest.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import { newId } from '#libs/kernel/uuid.js';
import { eventually } from '#libs/testing/eventually.js';
import { newKey, TemporaryGateway } from '../postgres/testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({
    holdLimits: {
      outsideTransactionMs: 60_000,
      insideTransactionMs: 30_000,
      noticeEveryMs: 1_000,
      retryAnswerMs: 4_000,
    },
  });
});
afterAll(() => gateway.dispose());

interface Failure {
  readonly code?: string;
  readonly message: string;
  readonly detail?: string;
}

interface Attempted {
  readonly asked: EventOf<'review.asked'>;
  readonly requestId: string;
  readonly digest: string;
  readonly result: Promise<{ command?: string; rowCount?: number | null; error?: Failure }>;
}

const retrying = (): Promise<Client> => gateway.connect({ options: '-c countersign.wait=retry' });

/** Sends a statement that needs approval and waits until approvals is asked whether it may run. */
async function attempt(client: Client, text: string, values?: unknown[]): Promise<Attempted> {
  const before = new Set(gateway.of('review.asked').map((event) => event.id));
  const result = client.query(text, values as never).then(
    ({ command, rowCount }) => ({ command, rowCount }),
    (error: Failure) => ({ error }),
  );
  const asked = await gateway.event('review.asked', (event) => !before.has(event.id));
  return {
    asked,
    requestId: asked.requestId as string,
    digest: approvalDigest(asked.binding).toString('hex'),
    result,
  };
}

const answerTo = ({ asked, digest }: Attempted, requestId: string) => ({
  requestId,
  intentId: asked.intentId,
  digest,
});

describe("a session with countersign.wait = 'retry'", () => {
  it('is told the request at once, and the same statement runs once after approval, from another session', async () => {
    const text = 'UPDATE customers SET name = upper(name)';
    const client = await retrying();
    const first = await attempt(client, text);
    expect(first.asked).toMatchObject({ wait: 'retry', insideTransaction: false });
    expect(first.asked.binding.sessionId).toBeUndefined();
    await gateway.answer({ ...answerTo(first, first.requestId), verdict: 'pending' });
    const { error } = await first.result;
    expect(error).toMatchObject({ code: '55000', detail: expect.stringContaining(first.requestId) });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);

    const other = await retrying();
    const second = await attempt(other, text);
    expect(second.digest).toBe(first.digest);
    expect(second.requestId).not.toBe(first.requestId);
    const decisionId = newId();
    await gateway.answer({ ...answerTo(second, first.requestId), verdict: 'consumed', decisionId });
    expect(await second.result).toEqual({ command: 'UPDATE', rowCount: 100 });
    await gateway.event(
      'review.released',
      (event) => event.intentId === second.asked.intentId && event.decisionId === decisionId,
    );
    await gateway.event(
      'review.concluded',
      (event) => event.requestId === first.requestId && event.outcome === 'completed',
    );
    const outcomes = gateway
      .of('statement.outcome-recorded')
      .filter((event) => [first.asked.intentId, second.asked.intentId].includes(event.intentId))
      .map((event) => [event.outcome, event.sqlstate]);
    expect(outcomes).toEqual([
      ['refused', '55000'],
      ['completed', undefined],
    ]);
    // Nobody is told that a request ended whose attempt merely was not the last.
    expect(gateway.of('review.cancelled')).toEqual([]);
    expect(gateway.of('review.concluded')).toHaveLength(1);
  });

  it('can be chosen with SET and left again with RESET, and goes back with a rolled back transaction', async () => {
    const client = await gateway.connect();
    await client.query("BEGIN; SET countersign.wait = 'retry'; ROLLBACK");
    const held = await attempt(client, 'UPDATE numbers SET n = 1');
    expect(held.asked.wait).toBeUndefined();
    await gateway.decide({ requestId: held.requestId, digest: held.digest, verdict: 'refused' });
    expect((await held.result).error?.code).toBe('42501');

    await client.query("SET countersign.wait = 'retry'");
    const tried = await attempt(client, 'UPDATE numbers SET n = 1');
    expect(tried.asked.wait).toBe('retry');
    await gateway.answer({
      ...answerTo(tried, tried.requestId),
      verdict: 'refused',
      decidedBy: ['bob'],
      reason: 'no',
    });
    expect((await tried.result).error).toMatchObject({
      code: '42501',
      message: expect.stringContaining(tried.requestId),
      detail: 'bob: no',
    });

    await client.query('RESET ALL');
    const again = await attempt(client, 'UPDATE numbers SET n = 1');
    expect(again.asked.wait).toBeUndefined();
    await gateway.decide({ requestId: again.requestId, digest: again.digest });
    expect((await again.result).command).toBe('UPDATE');
  });

  it('is told the request when nobody answers in time, and a grant that comes later runs nothing', async () => {
    const client = await retrying();
    const tried = await attempt(client, 'UPDATE customers SET email = NULL');
    expect((await tried.result).error).toMatchObject({
      code: '55000',
      detail: expect.stringContaining(tried.requestId),
    });
    await gateway.answer({ ...answerTo(tried, tried.requestId), verdict: 'consumed' });
    await gateway.event(
      'decision.rejected',
      (event) => event.requestId === tried.requestId && event.reason === 'late',
    );
    const direct = await gateway.direct();
    expect((await direct.query('SELECT count(email)::int AS n FROM customers')).rows).toEqual([{ n: 100 }]);
  });

  it('does not run on a receipt that is forged, for another attempt, for other bytes, or drifted', async () => {
    const client = await retrying();
    const text = 'UPDATE customers SET email = $1';
    const first = await attempt(client, text, ['a']);
    const receipt = { ...answerTo(first, first.requestId), verdict: 'consumed' as const };
    await gateway.answer(receipt, newKey().key);
    await gateway.answer({ ...receipt, digest: '0'.repeat(64) });
    await gateway.answer({ ...receipt, intentId: newId() });
    await gateway.answer({ ...receipt, gatewayId: newId() });
    await gateway.answer({ ...receipt, verdict: 'pending' });
    expect((await first.result).error?.code).toBe('55000');
    await eventually(() => {
      const reasons = gateway
        .of('decision.rejected')
        .filter((event) => event.requestId === first.requestId)
        .map((event) => event.reason);
      expect(reasons.sort()).toEqual(['another-gateway', 'digest-differs', 'forged', 'unknown-request']);
    });

    const other = await attempt(client, text, ['b']);
    expect(other.digest).not.toBe(first.digest);
    await gateway.answer({ ...answerTo(other, other.requestId), verdict: 'pending' });
    await other.result;

    const second = await attempt(client, text, ['a']);
    expect(second.digest).toBe(first.digest);
    const direct = await gateway.direct();
    await direct.query('ALTER TABLE customers ADD COLUMN retry_drift int');
    await gateway.answer({ ...answerTo(second, first.requestId), verdict: 'consumed' });
    expect((await second.result).error).toMatchObject({
      code: '42501',
      message: expect.stringMatching(/drifted/),
    });
  });

  it('binds the same with temporary tables of its own, unless they bring types of their own', async () => {
    const direct = await gateway.direct();
    await direct.query('GRANT TEMPORARY ON DATABASE shop TO app');
    const text = 'DELETE FROM numbers';
    const plain = await retrying();
    const first = await attempt(plain, text);
    await gateway.answer({ ...answerTo(first, first.requestId), verdict: 'pending' });
    await first.result;

    const used = await gateway.connect();
    const made = await attempt(used, 'CREATE TEMP TABLE scratch (a int)');
    await gateway.decide({ requestId: made.requestId, digest: made.digest });
    await made.result;
    await used.query("SET countersign.wait = 'retry'");
    const bound = await attempt(used, text);
    expect(bound.asked.binding.sessionId).toBe(bound.asked.sessionId);
    await gateway.answer({ ...answerTo(bound, bound.requestId), verdict: 'pending' });
    await bound.result;
    await used.query('DISCARD ALL');
    await used.query("SET countersign.wait = 'retry'");
    const second = await attempt(used, text);
    expect(second.digest).toBe(first.digest);
    await gateway.answer({ ...answerTo(second, first.requestId), verdict: 'refused' });
    await second.result;
  });

  it('seals a password to the same binding in two sessions of one person, and to another for another', async () => {
    const text = "ALTER ROLE app PASSWORD 'very secret'";
    const [one, two] = [await retrying(), await retrying()];
    const carol = await gateway.connect({ user: 'carol', options: '-c countersign.wait=retry' });
    const texts: (string | undefined)[] = [];
    for (const client of [one, two, carol]) {
      const tried = await attempt(client, text);
      texts.push(tried.asked.binding.statements[0]?.text);
      await gateway.answer({ ...answerTo(tried, tried.requestId), verdict: 'refused' });
      await tried.result;
    }
    expect(texts[0]).toBe(texts[1]);
    expect(texts[2]).not.toBe(texts[0]);
  });
});
