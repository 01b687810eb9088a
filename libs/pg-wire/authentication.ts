import { FrameReader } from './frame-reader.js';
import { cString, int32, writeFrame } from './frame-writer.js';
import { Backend, Frontend } from './message-types.js';

export type AuthenticationRequest =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'md5'; readonly salt: Buffer }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'sasl-continue'; readonly data: Buffer }
  | { readonly kind: 'sasl-final'; readonly data: Buffer }
  | { readonly kind: 'unsupported'; readonly code: number };

export function readAuthentication(frame: Buffer): AuthenticationRequest {
  const reader = new FrameReader(frame);
  const code = reader.uint32();
  switch (code) {
    case 0:
      return { kind: 'ok' };
    case 3:
      return { kind: 'cleartext' };
    case 5:
      return { kind: 'md5', salt: reader.bytes(4) };
    case 10: {
      const mechanisms: string[] = [];
      for (let name = reader.string(); name !== ''; name = reader.string()) mechanisms.push(name);
      return { kind: 'sasl', mechanisms };
    }
    case 11:
      return { kind: 'sasl-continue', data: reader.bytes(reader.remaining) };
    case 12:
      return { kind: 'sasl-final', data: reader.bytes(reader.remaining) };
    default:
      return { kind: 'unsupported', code };
  }
}

export const writeAuthenticationOk = (): Buffer => writeFrame(Backend.Authentication, int32(0));
export const writeAuthenticationCleartextPassword = (): Buffer =>
  writeFrame(Backend.Authentication, int32(3));

export const readPassword = (frame: Buffer): string => {
  const reader = new FrameReader(frame);
  const password = reader.string();
  reader.end();
  return password;
};

export const writePassword = (password: string): Buffer => writeFrame(Frontend.Password, cString(password));

export const writeSaslInitialResponse = (mechanism: string, data: Buffer): Buffer =>
  writeFrame(Frontend.Password, cString(mechanism), int32(data.length), data);

export const writeSaslResponse = (data: Buffer): Buffer => writeFrame(Frontend.Password, data);
