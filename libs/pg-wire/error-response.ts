import { FrameReader } from './frame-reader.js';
import { cString, writeFrame } from './frame-writer.js';
import { Backend } from './message-types.js';

/** What an ErrorResponse or NoticeResponse says (PostgreSQL documentation, section 54.8). */
export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING';
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** In characters of the text, from 1. */
  readonly position?: number;
}

const clean = (text: string): string => text.replaceAll('\0', '');

function write(type: number, fields: ErrorFields): Buffer {
  const parts: Buffer[] = [];
  const add = (letter: string, value: string | undefined): void => {
    if (value !== undefined) parts.push(cString(letter + clean(value)));
  };
  add('S', fields.severity);
  add('V', fields.severity);
  add('C', fields.code);
  add('M', fields.message);
  add('D', fields.detail);
  add('H', fields.hint);
  add('P', fields.position?.toString());
  return writeFrame(type, ...parts, Buffer.alloc(1));
}

export const writeErrorResponse = (fields: ErrorFields): Buffer => write(Backend.ErrorResponse, fields);
export const writeNoticeResponse = (fields: ErrorFields): Buffer => write(Backend.NoticeResponse, fields);

/** The fields of an ErrorResponse by their letters; unknown letters included. */
export function readErrorFields(frame: Buffer): ReadonlyMap<string, string> {
  const reader = new FrameReader(frame);
  const fields = new Map<string, string>();
  for (let letter = reader.byte(); letter !== 0; letter = reader.byte())
    fields.set(String.fromCharCode(letter), reader.string());
  return fields;
}
