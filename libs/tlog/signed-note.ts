import { sign, verify, type KeyObject } from 'node:crypto';
import { decodeBase64 } from './base64.js';
import { isKeyName, type NoteVerifier } from './vkey.js';

/** C2SP signed-note: the text, a blank line, then one line for each signature. U+2014 begins a line. */
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/u;

/** A note from elsewhere is bounded before it is read. */
const MAX_NOTE_BYTES = 65_536;
const MAX_SIGNATURES = 100;

export interface NoteSignature {
  readonly name: string;
  readonly keyId: Buffer;
  readonly bytes: Buffer;
}

export interface ParsedNote {
  /** The signed text, ending in its newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** undefined unless the bytes are a note in its one canonical form: UTF-8, LF only, base64 exact. */
export function parseNote(bytes: Uint8Array): ParsedNote | undefined {
  if (bytes.length > MAX_NOTE_BYTES) return undefined;
  const note = decodeUtf8(bytes);
  if (note === undefined || /[\u0000-\u0009\u000b-\u001f\u007f]/u.test(note)) return undefined;
  const split = note.lastIndexOf('\n\n');
  if (split <= 0 || !note.endsWith('\n')) return undefined;
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const match = SIGNATURE_LINE.exec(line);
    const value = match === null ? undefined : decodeBase64(match[2] as string);
    if (match === null || value === undefined || value.length < 5 || !isKeyName(match[1] as string))
      return undefined;
    signatures.push({ name: match[1] as string, keyId: value.subarray(0, 4), bytes: value.subarray(4) });
  }
  return { text: note.slice(0, split + 1), signatures };
}

export type NoteCheck =
  | { ok: true; text: string; signedBy: readonly NoteVerifier[] }
  | { ok: false; problem: 'malformed' | 'bad-signature' | 'no-trusted-signature' };

/**
 * Checks a note against the keys its reader trusts. Signatures by unknown keys are ignored; one by a
 * known name and id that does not hold rejects the whole note.
 */
export function verifyNote(bytes: Uint8Array, trusted: readonly NoteVerifier[]): NoteCheck {
  const note = parseNote(bytes);
  if (note === undefined) return { ok: false, problem: 'malformed' };
  const signedBy: NoteVerifier[] = [];
  for (const signature of note.signatures) {
    const key = trusted.find((known) => known.name === signature.name && known.keyId.equals(signature.keyId));
    if (key === undefined) continue;
    if (!signatureHolds(note.text, signature.bytes, key)) return { ok: false, problem: 'bad-signature' };
    signedBy.push(key);
  }
  if (signedBy.length === 0) return { ok: false, problem: 'no-trusted-signature' };
  return { ok: true, text: note.text, signedBy };
}

/** The note: the text (ending in a newline) with the signature of a log's key below it. */
export function signNote(text: string, signer: NoteVerifier, privateKey: KeyObject): Buffer {
  return noteWith(text, signer, sign(null, Buffer.from(text, 'utf8'), privateKey));
}

/** The note with a signature that was made elsewhere; whether it holds is for verifyNote to say. */
export function noteWith(text: string, signer: NoteVerifier, signature: Buffer): Buffer {
  const value = Buffer.concat([signer.keyId, signature]).toString('base64');
  return Buffer.from(`${text}\n\u2014 ${signer.name} ${value}\n`, 'utf8');
}

function signatureHolds(text: string, signature: Buffer, key: NoteVerifier): boolean {
  if (key.type === 'log')
    return signature.length === 64 && verify(null, Buffer.from(text, 'utf8'), key.publicKey, signature);
  // C2SP tlog-cosignature: the time in seconds, then the signature over it and the text.
  if (signature.length !== 72) return false;
  const message = `cosignature/v1\ntime ${signature.readBigUInt64BE(0)}\n${text}`;
  return verify(null, Buffer.from(message, 'utf8'), key.publicKey, signature.subarray(8));
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
