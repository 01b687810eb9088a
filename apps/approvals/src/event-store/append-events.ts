import { z } from 'zod';
import { encodeEvent, type Envelope } from '#libs/contracts/envelope.js';
import { signEvent, type SigningKey } from '#libs/contracts/event-signature.js';
import { eventDefinitions, type AnyEvent } from '#libs/contracts/events/registry.js';
import { MAX_RECORD_BYTES, partitionOf, type Topic } from '#libs/contracts/topics.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { sql, type DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import type { EventDraft } from './event-draft.js';

export interface AppendContext {
  readonly tenant: string;
  /** Milliseconds since 1970: the time every event of the batch carries. */
  readonly now: number;
  /** Signs what leaves on `decisions` and `control`; the aggregate's own events are not signed. */
  readonly signingKey: SigningKey;
}

const definitions = new Map<string, (typeof eventDefinitions)[number]>(
  eventDefinitions.map((definition) => [definition.type, definition]),
);

const SIGNED_TOPICS: readonly Topic[] = ['decisions', 'control'];

/**
 * Appends events in order, within the caller's transaction: numbers them under the partitions' head
 * rows (held until the transaction ends, so this comes as late in it as can be), makes their bytes once,
 * and wakes whoever drains the outbox. Durable when the caller's COMMIT is. A stream's version that is
 * taken is a unique violation: the caller starts over from the stream. Throws EVENT_INVALID or
 * RECORD_TOO_LARGE for an event that contracts do not allow; nothing is stored then.
 */
export async function appendEvents(
  tx: DatabaseTransactionConnection,
  drafts: readonly EventDraft[],
  context: AppendContext,
): Promise<AnyEvent[]> {
  if (drafts.length === 0) return [];
  const placed = drafts.map((draft) => {
    const definition = definitions.get(draft.type);
    if (definition === undefined) throw new CodedError('EVENT_INVALID', `no such event: ${draft.type}`);
    const partition = partitionOf(definition.topic, draft.key);
    return { draft, definition, topic: definition.topic, partition };
  });
  const heads = await lockHeads(tx, placed);
  const events: AnyEvent[] = [];
  const rows = placed.map(({ draft, definition, topic, partition }) => {
    const head = heads.get(`${topic}/${partition}`);
    if (head === undefined)
      throw new CodedError('EVENT_STORE_INVALID', `there is no head row for ${topic}/${partition}`);
    const event = envelopeOf(draft, definition.schemaVersion, context, head.producer, head.nextSeq++);
    const checked = definition.schema.safeParse(event);
    if (!checked.success)
      throw new CodedError('EVENT_INVALID', `${draft.type}: ${z.prettifyError(checked.error)}`);
    const bytes = SIGNED_TOPICS.includes(topic) ? signEvent(event, context.signingKey) : encodeEvent(event);
    if (bytes.length + Buffer.byteLength(draft.key) > MAX_RECORD_BYTES)
      throw new CodedError('RECORD_TOO_LARGE', `${draft.type} has ${bytes.length} bytes`);
    events.push(checked.data as AnyEvent);
    return [
      topic,
      partition,
      event.producerSeq,
      draft.id,
      draft.type,
      draft.key,
      bytes,
      draft.place?.stream ?? null,
      draft.place?.version ?? null,
    ];
  });
  const advanced = [...heads.values()].map((head) => [head.topic, head.partition, head.nextSeq]);
  await tx.query(sql.unsafe`
    WITH stored AS (
      INSERT INTO approvals.events
        (topic, partition, producer_seq, event_id, type, key, bytes, stream, version)
      SELECT * FROM ${sql.unnest(rows, ['text', 'int4', 'int8', 'uuid', 'text', 'text', 'bytea', 'uuid', 'int4'])}
      RETURNING 1),
    advanced AS (
      UPDATE approvals.heads AS head SET next_seq = next.seq
      FROM ${sql.unnest(advanced, ['text', 'int4', 'int8'])} AS next (topic, partition, seq)
      WHERE head.topic = next.topic AND head.partition = next.partition
      RETURNING 1)
    SELECT pg_notify('countersign_approvals_outbox', '')
    FROM (SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM advanced)) AS done`);
  return events;
}

interface Head {
  readonly topic: string;
  readonly partition: number;
  readonly producer: string;
  nextSeq: number;
}

async function lockHeads(
  tx: DatabaseTransactionConnection,
  placed: readonly { topic: string; partition: number }[],
): Promise<Map<string, Head>> {
  const wanted = new Map(placed.map(({ topic, partition }) => [`${topic}/${partition}`, [topic, partition]]));
  const rows = await tx.any(sql.type(
    z.object({ topic: z.string(), partition: z.number(), producer: z.string(), next_seq: z.bigint() }),
  )`
    SELECT head.topic, head.partition, head.next_seq, (SELECT id::text FROM approvals.producer) AS producer
    FROM approvals.heads AS head
    WHERE (head.topic, head.partition) IN
      (SELECT * FROM ${sql.unnest([...wanted.values()] as [string, number][], ['text', 'int4'])})
    ORDER BY head.topic, head.partition
    FOR UPDATE OF head`);
  return new Map(
    rows.map((row) => [
      `${row.topic}/${row.partition}`,
      {
        topic: row.topic,
        partition: row.partition,
        producer: row.producer,
        nextSeq: Number(row.next_seq),
      },
    ]),
  );
}

const envelopeOf = (
  draft: EventDraft,
  schemaVersion: number,
  context: AppendContext,
  producer: string,
  producerSeq: number,
): Envelope => ({
  id: draft.id,
  type: draft.type,
  schemaVersion,
  time: new Date(context.now).toISOString(),
  tenant: context.tenant,
  producer,
  producerSeq,
  ...(draft.requestId === undefined ? {} : { requestId: draft.requestId }),
  ...(draft.sessionId === undefined ? {} : { sessionId: draft.sessionId }),
  ...(draft.causationId === undefined ? {} : { causationId: draft.causationId }),
  ...(draft.identity === undefined ? {} : { identity: draft.identity }),
  ...draft.fields,
});
