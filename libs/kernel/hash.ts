import { hash } from 'node:crypto';

/** SHA-256 of the bytes: 32 bytes (FIPS 180-4). */
export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** SHA-256 as 64 lower-case hexadecimal digits. */
export const sha256Hex = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');
