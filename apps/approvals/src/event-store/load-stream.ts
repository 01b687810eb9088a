import { z } from 'zod';
import { parseEvent, type AnyEvent } from '#libs/contracts/events/registry.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { RequestEventType } from '../request/domain/request-event.js';

/** An event of a request's stream, with its envelope. */
export type StoredEvent = Extract<AnyEvent, { type: RequestEventType }>;

/** The events of a request from its first, in order; empty when there is no such stream. */
export const loadStream = async (connection: CommonQueryMethods, stream: string): Promise<StoredEvent[]> =>
  (await loadEvents(connection, stream)) as StoredEvent[];

/** The events of any stream from its first, in order. */
export async function loadEvents(connection: CommonQueryMethods, stream: string): Promise<AnyEvent[]> {
  const rows = await connection.any(sql.type(z.object({ version: z.number(), bytes: z.instanceof(Buffer) }))`
    SELECT version, bytes FROM approvals.events WHERE stream = ${stream} ORDER BY version`);
  return rows.map(({ version, bytes }, index) => {
    const parsed = parseEvent(bytes);
    if (!parsed.ok || version !== index + 1) {
      throw new CodedError(
        'EVENT_STORE_INVALID',
        `the stream ${stream} cannot be read at version ${version}: ${parsed.ok ? 'a version is missing' : parsed.problem}`,
      );
    }
    return parsed.event;
  });
}
