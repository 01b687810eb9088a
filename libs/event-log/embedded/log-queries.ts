import type { Topic } from '#libs/contracts/topics.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { LogRecord, TopicPartition } from '../port.js';
import type { Connection } from './connection.js';
import { recordsOf } from './log-rows.js';

// Error codes of deploy/migrations/event-log.
const PRODUCER_UNKNOWN = 'CSL01';
const BATCH_SKIPPED = 'CSL02';
const OFFSET_GONE = 'CSL03';
const OFFSET_AHEAD = 'CSL04';
const NEVER_BETTER = new Set([
  '42501', // insufficient_privilege
  '42883', // undefined_function: the schema is another one
  '3F000', // invalid_schema_name
  '22023', // invalid_parameter_value
]);

const codeOf = (error: unknown): string | undefined => (error as { code?: string } | null)?.code;

export const isProducerUnknown = (error: unknown): boolean => codeOf(error) === PRODUCER_UNKNOWN;

/** Whether trying again cannot help. A lost connection, a full disk or a lock timeout may pass. */
export const isHopelessQuery = (error: unknown): boolean => {
  const code = codeOf(error);
  return (
    code !== undefined && (NEVER_BETTER.has(code) || code === PRODUCER_UNKNOWN || code === BATCH_SKIPPED)
  );
};

/** The end of a reader: an error with a code that says why, or undefined when it may try again. */
export function fatalReadError(error: unknown, at: TopicPartition): CodedError | undefined {
  const code = codeOf(error);
  const message = `${at.topic}/${at.partition}: ${(error as Error).message}`;
  if (code === OFFSET_GONE) return new CodedError('OFFSET_GONE', message, { cause: error });
  if (code === OFFSET_AHEAD) return new CodedError('OFFSET_AHEAD', message, { cause: error });
  if (code !== undefined && NEVER_BETTER.has(code))
    return new CodedError('EVENT_LOG_REFUSED', message, { cause: error });
  return undefined;
}

export const readClusterId = async (connection: Connection): Promise<string> =>
  ((await connection.query<{ id: string }>('SELECT event_log.cluster_id() AS id', []))[0] as { id: string })
    .id;

export interface TopicRow {
  readonly topic: string;
  readonly topic_id: string;
  readonly partitions: number;
}

export const readTopics = (connection: Connection): Promise<TopicRow[]> =>
  connection.query<TopicRow>('SELECT topic, topic_id, partitions FROM event_log.list_topics()', []);

/** The first offset still there and the one the next record gets. */
export async function readBounds(
  connection: Connection,
  { topic, partition }: TopicPartition,
): Promise<{ first: bigint; next: bigint }> {
  const [row] = await connection.query<{ first_offset: string; next_offset: string }>(
    'SELECT first_offset, next_offset FROM event_log.bounds($1, $2)',
    [topic, partition],
  );
  if (row === undefined) throw new CodedError('NO_SUCH_PARTITION', `${topic} has no partition ${partition}`);
  return { first: BigInt(row.first_offset), next: BigInt(row.next_offset) };
}

export interface Bounds extends TopicPartition {
  readonly first: bigint;
  readonly next: bigint;
}

/** The same for every partition of the topics. */
export async function listBounds(connection: Connection, topics: readonly Topic[]): Promise<Bounds[]> {
  const rows = await connection.query<{
    topic: Topic;
    partition: number;
    first_offset: string;
    next_offset: string;
  }>(
    'SELECT topic, partition, first_offset, next_offset FROM event_log.list_bounds($1)',
    [topics],
    'event-log-bounds',
  );
  return rows.map(({ topic, partition, first_offset, next_offset }) => ({
    topic,
    partition,
    first: BigInt(first_offset),
    next: BigInt(next_offset),
  }));
}

/** Tells how far the group has read: everything below is stored. */
export const reportPositions = (
  connection: Connection,
  group: string,
  positions: readonly { readonly at: TopicPartition; readonly next: bigint }[],
): Promise<unknown> =>
  connection.query(
    'SELECT event_log.report_positions($1, $2, $3, $4)',
    [
      group,
      positions.map(({ at }) => at.topic),
      positions.map(({ at }) => at.partition),
      positions.map(({ next }) => next),
    ],
    'event-log-positions',
  );

/** One step of trimming: where the partition begins now, and how many records were deleted. */
export async function trimStep(
  connection: Connection,
  { topic, partition }: TopicPartition,
  below: bigint,
  keepMs: number,
  atMost: number,
): Promise<{ first: bigint; deleted: number }> {
  const [row] = await connection.query<{ first_offset: string; deleted: number }>(
    'SELECT first_offset, deleted FROM event_log.trim($1, $2, $3, $4, $5)',
    [topic, partition, below, keepMs, atMost],
  );
  if (row === undefined) throw new CodedError('NO_SUCH_PARTITION', `${topic} has no partition ${partition}`);
  return { first: BigInt(row.first_offset), deleted: row.deleted };
}

const READ_RECORDS = 2_000;
const READ_BYTES = 2 * 1024 * 1024;

/** Records that follow each other, and whether more of them were there than one reading takes. */
export interface ReadRecords {
  readonly records: readonly LogRecord[];
  readonly more: boolean;
}

/** Records from the offset on, in order: up to 2,000, or the first that together reach 2 MiB. */
export async function readRecords(
  connection: Connection,
  at: TopicPartition,
  from: bigint,
): Promise<ReadRecords> {
  // COPY takes no parameters; the topic is one of the contract's own names.
  const bytes = await connection.copy(
    `SELECT "offset", key, value, appended_ms
     FROM event_log.read('${at.topic}', ${at.partition}, ${from}, ${READ_RECORDS}, ${READ_BYTES})`,
  );
  const records = recordsOf(at, bytes);
  return { records, more: records.length === READ_RECORDS || bytes.length >= READ_BYTES };
}

/** A partition that a member holds. `due` is false when another member waits for it. */
export interface HeldPartition extends TopicPartition {
  readonly acquisition: string;
  readonly due: boolean;
  readonly generation: string;
}

export async function heartbeat(
  connection: Connection,
  member: { group: string; member: string; topics: readonly Topic[]; leaseMs: number },
  released: readonly TopicPartition[],
): Promise<HeldPartition[]> {
  const rows = await connection.query<HeldPartition & { due: boolean | null }>(
    'SELECT topic, partition, acquisition, due, generation FROM event_log.heartbeat($1, $2, $3, $4, $5, $6)',
    [
      member.group,
      member.member,
      member.topics,
      member.leaseMs,
      released.map(({ topic }) => topic),
      released.map(({ partition }) => partition),
    ],
    'event-log-heartbeat',
  );
  return rows.map((row) => ({ ...row, due: row.due === true }));
}
