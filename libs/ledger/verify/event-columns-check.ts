import { COLUMN, type EntryRows } from './entry-row.js';
import { EventScan, FIELDS } from './event-scan.js';

const at = (name: (typeof FIELDS)[number]): number => FIELDS.indexOf(name);
const [ID, TYPE, SCHEMA_VERSION, TIME, TENANT] = [
  at('id'),
  at('type'),
  at('schemaVersion'),
  at('time'),
  at('tenant'),
];
const [PRODUCER, PRODUCER_SEQ, REQUEST_ID, SESSION_ID, IDENTITY] = [
  at('producer'),
  at('producerSeq'),
  at('requestId'),
  at('sessionId'),
  at('identity'),
];

/** Where the entry has what the payload must say as well; offsets into the same bytes. */
export interface EntryPlaces {
  readonly eventId: number;
  readonly type: number;
  readonly typeEnd: number;
  readonly schemaVersion: number;
  readonly tenant: number;
  readonly tenantEnd: number;
  readonly producer: number;
  readonly producerSeq: number;
}

/** An identity says the same thousands of times; these many are remembered at most. */
const REMEMBERED = 1_000;

/** Whether entry and columns say what the event's payload says. Only yes or no, like SoundEntry. */
export class EventColumnsCheck {
  private readonly scan = new EventScan();
  /** The name in an identity, both as latin1 text of their UTF-8 bytes. */
  private readonly names = new Map<string, string>();
  private lastIdentity: Buffer = Buffer.alloc(0);
  private lastName: Buffer = Buffer.alloc(0);
  private day = -1;
  private dayMs = 0;

  agree(rows: EntryRows, entry: EntryPlaces): boolean {
    const { bytes, offsets, lengths } = rows;
    const begin = offsets[COLUMN.payload] as number;
    const { scan } = this;
    if (!scan.scan(bytes, begin, begin + (lengths[COLUMN.payload] as number))) return false;
    return (
      this.isUuid(bytes, ID, entry.eventId) &&
      this.isUuid(bytes, PRODUCER, entry.producer) &&
      this.isText(bytes, TYPE, entry.type, entry.typeEnd) &&
      this.isText(bytes, TENANT, entry.tenant, entry.tenantEnd) &&
      this.number(bytes, SCHEMA_VERSION) === entry.schemaVersion &&
      this.number(bytes, PRODUCER_SEQ) === entry.producerSeq &&
      this.uuidColumn(rows, REQUEST_ID, COLUMN.requestId) &&
      this.uuidColumn(rows, SESSION_ID, COLUMN.sessionId) &&
      lengths[COLUMN.eventTime] === 8 &&
      this.microseconds(bytes) === u64(bytes, offsets[COLUMN.eventTime] as number) &&
      this.identity(rows)
    );
  }

  private uuidColumn({ bytes, offsets, lengths }: EntryRows, field: number, column: number): boolean {
    if (lengths[column] === -1) return this.scan.starts[field] === -1;
    return this.isUuid(bytes, field, offsets[column] as number);
  }

  private isUuid(bytes: Buffer, field: number, binary: number): boolean {
    const { starts, ends } = this.scan;
    const text = starts[field] as number;
    if (text === -1 || (ends[field] as number) - text !== 36) return false;
    for (let index = 0, from = text; index < 16; index += 1, from += 2) {
      if (index === 4 || index === 6 || index === 8 || index === 10) {
        if (bytes[from] !== 0x2d) return false;
        from += 1;
      }
      const byte = bytes[binary + index] as number;
      if (bytes[from] !== HEX[byte >> 4] || bytes[from + 1] !== HEX[byte & 15]) return false;
    }
    return true;
  }

  private isText(bytes: Buffer, field: number, begin: number, end: number): boolean {
    const { starts, ends } = this.scan;
    const text = starts[field] as number;
    if (text === -1 || (ends[field] as number) - text !== end - begin) return false;
    for (let index = 0; index < end - begin; index += 1)
      if (bytes[text + index] !== bytes[begin + index]) return false;
    return true;
  }

  /** Digits only; NaN for anything else. */
  private number(bytes: Buffer, field: number): number {
    const { starts, ends } = this.scan;
    const begin = starts[field] as number;
    const end = ends[field] as number;
    if (begin === -1 || end - begin > 15 || end === begin || bytes[begin - 1] === QUOTE) return Number.NaN;
    return digits(bytes, begin, end);
  }

  /** Of `YYYY-MM-DDTHH:MM:SS.mmmZ`; NaN for anything else. */
  private microseconds(bytes: Buffer): number {
    const { starts, ends } = this.scan;
    const from = starts[TIME] as number;
    if (from === -1 || (ends[TIME] as number) - from !== 24) return Number.NaN;
    const day =
      digits(bytes, from, from + 4) * 10_000 +
      digits(bytes, from + 5, from + 7) * 100 +
      digits(bytes, from + 8, from + 10);
    if (day !== this.day) {
      this.day = day;
      this.dayMs = Date.parse(bytes.toString('latin1', from, from + 10));
    }
    const hours = digits(bytes, from + 11, from + 13);
    const minutes = digits(bytes, from + 14, from + 16);
    const seconds = digits(bytes, from + 17, from + 19);
    const form =
      bytes[from + 4] === 0x2d &&
      bytes[from + 7] === 0x2d &&
      bytes[from + 10] === 0x54 &&
      bytes[from + 13] === 0x3a &&
      bytes[from + 16] === 0x3a &&
      bytes[from + 19] === 0x2e &&
      bytes[from + 23] === 0x5a;
    if (!form || hours > 23 || minutes > 59 || seconds > 59) return Number.NaN;
    const ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + digits(bytes, from + 20, from + 23);
    return (this.dayMs + ms) * 1000;
  }

  private identity({ bytes, offsets, lengths }: EntryRows): boolean {
    const { starts, ends } = this.scan;
    const begin = starts[IDENTITY] as number;
    const length = lengths[COLUMN.identity] as number;
    if (begin === -1 || length === -1) return begin === -1 && length === -1;
    const end = ends[IDENTITY] as number;
    const column = offsets[COLUMN.identity] as number;
    if (isAt(bytes, begin, end - begin, this.lastIdentity) && isAt(bytes, column, length, this.lastName))
      return true;
    const text = bytes.toString('latin1', begin, end);
    let name = this.names.get(text);
    if (name === undefined) {
      name = nameIn(text);
      if (name === undefined) return false;
      if (this.names.size >= REMEMBERED) this.names.clear();
      this.names.set(text, name);
    }
    if (bytes.toString('latin1', column, column + length) !== name) return false;
    this.lastIdentity = Buffer.from(text, 'latin1');
    this.lastName = Buffer.from(name, 'latin1');
    return true;
  }
}

function isAt(bytes: Buffer, at: number, length: number, expected: Buffer): boolean {
  if (length !== expected.length) return false;
  for (let index = 0; index < length; index += 1) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

function nameIn(identity: string): string | undefined {
  try {
    const { name } = JSON.parse(Buffer.from(identity, 'latin1').toString('utf8')) as { name?: unknown };
    return typeof name === 'string' ? Buffer.from(name, 'utf8').toString('latin1') : undefined;
  } catch {
    return undefined;
  }
}

const QUOTE = 0x22;
const HEX = Buffer.from('0123456789abcdef');

function digits(bytes: Buffer, begin: number, end: number): number {
  let value = 0;
  for (let index = begin; index < end; index += 1) {
    const digit = (bytes[index] as number) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** NaN above 2^53 and below 0. */
function u64(bytes: Buffer, offset: number): number {
  const high = bytes.readUInt32BE(offset);
  return high > 0x1f_ffff ? Number.NaN : high * 0x1_0000_0000 + bytes.readUInt32BE(offset + 4);
}
