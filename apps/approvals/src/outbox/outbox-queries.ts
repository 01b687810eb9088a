import { z } from 'zod';
import { TOPICS, type Topic } from '#libs/contracts/topics.js';
import type { RecordToAppend } from '#libs/event-log/port.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';

export interface Unsent extends RecordToAppend {
  readonly producerSeq: number;
}

/**
 * What the event log has not acknowledged yet: up to `limit` records of each partition, in the order of
 * their sequences, decisions first because a held connection waits for them.
 */
export async function readUnsent(connection: CommonQueryMethods, limit: number): Promise<Unsent[]> {
  const rows = await connection.any(
    sql.type(
      z.object({
        topic: z.enum(Object.keys(TOPICS) as [Topic, ...Topic[]]),
        partition: z.number(),
        producer_seq: z.bigint(),
        key: z.string(),
        bytes: z.instanceof(Buffer),
      }),
    )`
    SELECT unsent.topic, unsent.partition, unsent.producer_seq, unsent.key, unsent.bytes
    FROM approvals.progress AS progress
    CROSS JOIN LATERAL (
      SELECT * FROM approvals.events AS event
      WHERE event.topic = progress.topic AND event.partition = progress.partition
        AND event.producer_seq >= progress.next_seq
      ORDER BY event.producer_seq LIMIT ${limit}) AS unsent
    ORDER BY unsent.topic = 'decisions' DESC, unsent.topic, unsent.partition, unsent.producer_seq`,
  );
  return rows.map((row) => ({
    topic: row.topic,
    partition: row.partition,
    producerSeq: Number(row.producer_seq),
    key: row.key,
    value: row.bytes,
  }));
}

/** Notes what the event log has acknowledged. Never goes back, so a late writer does no harm. */
export async function markSent(connection: CommonQueryMethods, sent: readonly Unsent[]): Promise<void> {
  const next = new Map<string, [string, number, number]>();
  for (const { topic, partition, producerSeq } of sent)
    next.set(`${topic}/${partition}`, [topic, partition, producerSeq + 1]);
  await connection.query(sql.unsafe`
    UPDATE approvals.progress AS progress SET next_seq = sent.next_seq
    FROM ${sql.unnest([...next.values()], ['text', 'int4', 'int8'])} AS sent (topic, partition, next_seq)
    WHERE progress.topic = sent.topic AND progress.partition = sent.partition
      AND progress.next_seq < sent.next_seq`);
}

/** How many events the event log has not acknowledged. */
export const countUnsent = async (connection: CommonQueryMethods): Promise<number> =>
  connection.oneFirst(sql.type(z.object({ backlog: z.number() }))`
    SELECT coalesce(sum(head.next_seq - progress.next_seq), 0)::int AS backlog
    FROM approvals.heads AS head JOIN approvals.progress AS progress USING (topic, partition)`);
