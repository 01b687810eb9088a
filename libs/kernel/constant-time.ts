import { timingSafeEqual } from 'node:crypto';
import { sha256 } from './hash.js';

/** Whether two secrets are equal, in a time that depends on neither. */
export const secretsEqual = (a: Uint8Array, b: Uint8Array): boolean => timingSafeEqual(sha256(a), sha256(b));
