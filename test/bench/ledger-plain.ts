import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type postgres from 'postgres';
import { writeUuid } from '#libs/kernel/uuid.js';
import type { BulkPool } from '#libs/postgres/bulk-pool.js';
import type { SealedEntry } from '../../apps/audit/src/ingest/seal-batch.js';

const BATCH = 1_000;

const ENTRY_COLUMNS = [
  'chain',
  'seq',
  'source',
  'source_offset',
  'recorded_at',
  'event_time',
  'producer_seq',
  'event_id',
  'producer',
  'request_id',
  'session_id',
  'type',
  'identity',
  'leaf',
  'entry',
];

/** Tables with the ledger's columns, constraints and indexes, without its triggers and functions. */
export async function createPlainTables(admin: BulkPool, schema: string): Promise<void> {
  await admin.query(`CREATE SCHEMA ${schema}`);
  for (const table of ['entries', 'payloads'])
    await admin.query(`CREATE TABLE ${schema}.${table} (LIKE ledger.${table} INCLUDING ALL)`);
}

const entryValues = (row: SealedEntry, recordedAt: bigint): unknown[] => [
  1,
  row.seq,
  1,
  row.offset,
  recordedAt,
  row.columns.eventTime,
  row.producerSeq,
  row.eventId,
  row.producer,
  row.columns.requestId,
  row.columns.sessionId,
  row.type,
  row.columns.identity,
  row.leaf,
  row.entry,
];

/** What an ordinary service does: multi-row INSERTs of 1,000 rows, both tables in one transaction. */
export async function plainInsert(
  admin: BulkPool,
  schema: string,
  rows: readonly SealedEntry[],
  recordedAt: bigint,
): Promise<void> {
  for (let at = 0; at < rows.length; at += BATCH) {
    const part = rows.slice(at, at + BATCH);
    await admin.transaction(async (query) => {
      await query(
        `INSERT INTO ${schema}.entries (${ENTRY_COLUMNS.join(',')}) VALUES ${places(part.length, ENTRY_COLUMNS.length)}`,
        part.flatMap((row) => entryValues(row, recordedAt)),
        `entries ${part.length}`,
      );
      await query(
        `INSERT INTO ${schema}.payloads (chain, seq, salt, payload) VALUES ${places(part.length, 4)}`,
        part.flatMap((row) => [1, row.seq, row.salt, row.payload]),
        `payloads ${part.length}`,
      );
    });
  }
}

const places = (rows: number, columns: number): string =>
  Array.from(
    { length: rows },
    (_, row) =>
      `(${Array.from({ length: columns }, (__, column) => `$${row * columns + column + 1}`).join(',')})`,
  ).join(',');

/** COPY of the same rows, 1,000 a transaction. */
export async function plainCopy(
  sql: postgres.Sql,
  schema: string,
  rows: readonly SealedEntry[],
  recordedAt: bigint,
): Promise<void> {
  for (let at = 0; at < rows.length; at += BATCH) {
    const part = rows.slice(at, at + BATCH);
    await sql.begin(async (transaction) => {
      await copyInto(
        await transaction`COPY ${sql.unsafe(`${schema}.entries (${ENTRY_COLUMNS.join(',')})`)} FROM STDIN (FORMAT binary)`.writable(),
        part.map((row) => entryValues(row, recordedAt)),
        ENTRY_TYPES,
      );
      await copyInto(
        await transaction`COPY ${sql.unsafe(`${schema}.payloads (chain, seq, salt, payload)`)} FROM STDIN (FORMAT binary)`.writable(),
        part.map((row) => [1, row.seq, row.salt, row.payload]),
        PAYLOAD_TYPES,
      );
    });
  }
}

async function copyInto(
  target: NodeJS.WritableStream,
  rows: readonly unknown[][],
  types: readonly CopyType[],
): Promise<void> {
  const source = new PassThrough();
  source.end(Buffer.concat([COPY_HEADER, ...rows.flatMap((row) => copyRow(row, types)), COPY_TRAILER]));
  await pipeline(source, target);
}

type CopyType = 'int4' | 'int8' | 'uuid' | 'text' | 'bytea';

const ENTRY_TYPES: readonly CopyType[] = [
  'int4',
  ...Array.from({ length: 1 }, () => 'int8' as const),
  'int4',
  ...Array.from({ length: 4 }, () => 'int8' as const),
  ...Array.from({ length: 4 }, () => 'uuid' as const),
  'text',
  'text',
  'bytea',
  'bytea',
];
const PAYLOAD_TYPES: readonly CopyType[] = ['int4', 'int8', 'bytea', 'bytea'];

// PostgreSQL's binary COPY format: signature, flags, no extension; int16 fields, each with an int32 length.
const COPY_HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const COPY_TRAILER = Buffer.from([0xff, 0xff]);

function copyRow(row: readonly unknown[], types: readonly CopyType[]): Buffer[] {
  const count = Buffer.alloc(2);
  count.writeInt16BE(row.length);
  return [count, ...row.flatMap((value, index) => copyField(value, types[index] as CopyType))];
}

function copyField(value: unknown, type: CopyType): Buffer[] {
  const length = Buffer.alloc(4);
  if (value === null) {
    length.writeInt32BE(-1);
    return [length];
  }
  const bytes = copyBytes(value, type);
  length.writeInt32BE(bytes.length);
  return [length, bytes];
}

function copyBytes(value: unknown, type: CopyType): Buffer {
  if (type === 'bytea') return value as Buffer;
  if (type === 'text') return Buffer.from(value as string);
  const bytes = Buffer.alloc({ int4: 4, int8: 8, uuid: 16 }[type]);
  if (type === 'uuid') writeUuid(value as string, bytes, 0);
  else if (type === 'int4') bytes.writeInt32BE(Number(value));
  else bytes.writeBigInt64BE(BigInt(value as bigint));
  return bytes;
}
