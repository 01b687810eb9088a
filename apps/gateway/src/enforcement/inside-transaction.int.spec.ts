import { TemporaryGateway } from '../postgres/testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({
    policy: `
version: 1
default: allow
masking: off
rules:
  - id: numbers-change
    when: statement.kind == 'UPDATE'
    effect: review
    reviewers: [{ group: dba, count: 1 }]
    insideTransaction: refuse`,
  });
});
afterAll(() => gateway.dispose());

describe('a rule that gives no approval inside a transaction', () => {
  it('refuses there without asking anybody, and fails the transaction as any error does', async () => {
    const client = await gateway.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO numbers VALUES (1)');
    await expect(client.query('UPDATE numbers SET n = 2')).rejects.toMatchObject({
      code: '42501',
      message: expect.stringContaining('numbers-change') as string,
      detail: expect.stringContaining('outside a transaction only') as string,
    });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    const { intent, outcome } = await gateway.outcomeOf('UPDATE numbers SET n = 2');
    expect(intent.verdict).toMatchObject({ effect: 'deny', rule: 'numbers-change' });
    expect(outcome).toMatchObject({ outcome: 'refused', sqlstate: '42501' });
    expect(gateway.of('review.asked')).toEqual([]);
  });

  it('holds the same statement outside', async () => {
    const client = await gateway.connect();
    const waiting = client.query('UPDATE numbers SET n = 4').catch((error: unknown) => error);
    const asked = await gateway.event('review.asked', () => true);
    expect(asked.insideTransaction).toBe(false);
    await client.end();
    await waiting;
  });
});
