import { encodeEvent } from '#libs/contracts/envelope.js';
import { verifyEvent } from '#libs/contracts/event-signature.js';
import { TOPICS } from '#libs/contracts/topics.js';
import { newId } from '#libs/kernel/uuid.js';
import { isUniqueViolation } from '#libs/postgres/unique-violation.js';
import { newSigningKey } from '../testing/sample-gateway.js';
import { identityOf } from '../testing/sample-people.js';
import { testPlatform, type TestPlatform } from '../testing/test-platform.js';
import { appendEvents } from './append-events.js';
import type { EventDraft } from './event-draft.js';
import { loadStream } from './load-stream.js';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await testPlatform();
});
afterAll(() => platform.dispose());

const key = newSigningKey();
const context = { tenant: 'default', now: Date.parse('2026-11-21T12:00:00.000Z'), signingKey: key.signing };

const comment = (stream: string, version: number, text = 'a comment'): EventDraft => ({
  id: newId(),
  type: 'request.commented',
  key: stream,
  requestId: stream,
  fields: { author: identityOf('bob'), text },
  place: { stream, version },
});

const append = (...drafts: EventDraft[]) =>
  platform.pool.transaction((tx) => appendEvents(tx, drafts, context));

describe('appendEvents', () => {
  it('stores the bytes that are published, numbered without a gap, signed where they steer gateways', async () => {
    const stream = newId();
    const decision: EventDraft = {
      id: newId(),
      type: 'decision.issued',
      key: stream,
      requestId: stream,
      place: undefined,
      fields: {
        gatewayId: stream,
        verdict: 'refused',
        digest: 'ab'.repeat(32),
        issuedAt: '2026-11-21T12:00:00.000Z',
        expiresAt: '2026-11-21T12:05:00.000Z',
        decidedBy: ['bob'],
        reason: 'no',
      },
    };
    const events = await append(comment(stream, 1), decision, comment(stream, 2));
    expect(await loadStream(platform.pool, stream)).toEqual([events[0], events[2]]);
    const { rows } = await platform.admin.query<{ event_id: string; bytes: Buffer }>(
      'SELECT event_id, bytes FROM approvals.events WHERE key = $1 ORDER BY topic, producer_seq',
      [stream],
    );
    const bytesOf = (id: string): Buffer => rows.find((row) => row.event_id === id)?.bytes as Buffer;
    expect(bytesOf(events[0]?.id as string)).toEqual(encodeEvent(events[0] as never));
    expect(verifyEvent(bytesOf(decision.id), key.trusted)).toMatchObject({ ok: true });
  });

  it('lets one of two writers of the same version win, and the other find out', async () => {
    const stream = newId();
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, writer) => append(comment(stream, 1, `writer ${writer}`))),
    );
    const lost = results.filter((result) => result.status === 'rejected');
    expect(lost).toHaveLength(5);
    for (const { reason } of lost) expect(isUniqueViolation(reason)).toBe(true);
    expect(await loadStream(platform.pool, stream)).toHaveLength(1);
  });

  it('numbers each partition without a gap though writers overlap and some roll back', async () => {
    await Promise.all(
      Array.from({ length: 120 }, (_, index) =>
        platform.pool
          .transaction(async (tx) => {
            const streams = [newId(), newId()];
            await appendEvents(
              tx,
              streams.map((stream) => comment(stream, 1)),
              context,
            );
            if (index % 3 === 0) throw new Error('rolled back on purpose');
          })
          .catch((error: Error) => {
            if (error.message !== 'rolled back on purpose') throw error;
          }),
      ),
    );
    const { rows } = await platform.admin.query<{ topic: string; n: string; top: string; head: string }>(
      `SELECT topic, partition, count(*) AS n, max(producer_seq) + 1 AS top, next_seq AS head
       FROM approvals.events JOIN approvals.heads USING (topic, partition) GROUP BY topic, partition, next_seq`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(4);
    for (const { n, top, head } of rows) expect([n, head]).toEqual([top, top]);
  });

  it('refuses an event that contracts do not allow, and stores nothing of its batch', async () => {
    const stream = newId();
    const bad = { ...comment(stream, 2), fields: { author: identityOf('bob'), text: '' } };
    await expect(append(comment(stream, 1), bad)).rejects.toMatchObject({ code: 'EVENT_INVALID' });
    expect(await loadStream(platform.pool, stream)).toEqual([]);
  });

  it('has a head and a place in the outbox for every partition it may write to', async () => {
    for (const table of ['heads', 'progress']) {
      const { rows } = await platform.admin.query(
        `SELECT topic, count(*)::int AS partitions FROM approvals.${table} GROUP BY topic ORDER BY topic`,
      );
      expect(rows).toEqual(
        (['approvals', 'control', 'decisions'] as const).map((topic) => ({ topic, ...TOPICS[topic] })),
      );
    }
  });
});

describe('the history', () => {
  const changes = [
    `UPDATE approvals.events SET type = type`,
    `DELETE FROM approvals.events`,
    `TRUNCATE approvals.events CASCADE`,
    `UPDATE approvals.producer SET id = gen_random_uuid()`,
  ];
  it.each(changes)('is not changed by its owner, whatever the replication role: %s', async (change) => {
    await append(comment(newId(), 1));
    for (const role of ['origin', 'replica']) {
      await platform.admin.query(`SET session_replication_role = ${role}`);
      await expect(platform.admin.query(change)).rejects.toMatchObject({ code: '42501' });
    }
    await platform.admin.query('RESET session_replication_role');
  });

  it.each([...changes, `DELETE FROM approvals.requests`, `UPDATE approvals.commands SET key = key`])(
    'is not even the service’s to change: %s',
    async (change) => {
      await platform.admin.query('SET ROLE countersign_approvals');
      await expect(platform.admin.query(change)).rejects.toMatchObject({ code: '42501' });
      await platform.admin.query('RESET ROLE');
    },
  );
});
