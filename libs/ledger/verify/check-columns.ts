import { eventColumns, isSealedByLedger, NO_COLUMNS, type EventColumns } from '../event-columns.js';
import type { Entry } from '#libs/tlog/entry.js';
import type { EntryRow } from './entry-row.js';

/** The columns beside an entry that do not say what its bytes say. */
export function entryColumnMismatches(row: EntryRow, entry: Entry): string[] {
  const wrong: string[] = [];
  if (row.event_id !== entry.eventId) wrong.push('event_id');
  if (row.type !== entry.type) wrong.push('type');
  if (row.recorded_at !== entry.recordedAt.toString()) wrong.push('recorded_at');
  if (row.producer !== entry.producer) wrong.push('producer');
  if (row.producer_seq !== entry.producerSeq.toString()) wrong.push('producer_seq');
  if (row.source_offset !== entry.source.offset.toString()) wrong.push('source_offset');
  return wrong;
}

interface EventFields {
  id?: unknown;
  type?: unknown;
  producer?: unknown;
  producerSeq?: unknown;
  tenant?: unknown;
  schemaVersion?: unknown;
  time: string;
  requestId?: string;
  sessionId?: string;
  identity?: { name: string };
}

/** The columns that do not say what the payload says; `entry` when the entry itself does not. */
export function payloadColumnMismatches(row: EntryRow, entry: Entry, payload: Buffer): string[] {
  let columns: EventColumns = NO_COLUMNS;
  if (!isSealedByLedger(entry.type)) {
    try {
      const event = JSON.parse(payload.toString('utf8')) as EventFields;
      if (!describes(entry, event)) return ['entry'];
      columns = eventColumns(event);
    } catch {
      return ['entry'];
    }
  }
  const wrong: string[] = [];
  if (row.request_id !== columns.requestId) wrong.push('request_id');
  if (row.session_id !== columns.sessionId) wrong.push('session_id');
  if (row.identity !== columns.identity) wrong.push('identity');
  if (row.event_time !== (columns.eventTime?.toString() ?? null)) wrong.push('event_time');
  return wrong;
}

/** Whether the entry says of its payload what the payload says; what the ledger made itself is not looked into. */
export function describesPayload(entry: Entry, payload: Buffer): boolean {
  if (isSealedByLedger(entry.type)) return true;
  try {
    return describes(entry, JSON.parse(payload.toString('utf8')) as EventFields);
  } catch {
    return false;
  }
}

const describes = (entry: Entry, event: EventFields): boolean =>
  event.id === entry.eventId &&
  event.type === entry.type &&
  event.producer === entry.producer &&
  event.producerSeq === Number(entry.producerSeq) &&
  event.tenant === entry.tenant &&
  event.schemaVersion === entry.schemaVersion;
