import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { bytesToUuid, isUuid, newId, uuidToBytes, writeUuid } from './uuid.js';

describe('an id', () => {
  it('is a UUIDv7 of now, above every id before it, also across refills of random numbers', () => {
    const before = Date.now();
    const ids = Array.from({ length: 5_000 }, newId);
    expect(ids.every(isUuid)).toBe(true);
    expect(ids.every((id) => id[14] === '7' && '89ab'.includes(id.charAt(19)))).toBe(true);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    const milliseconds = uuidToBytes(ids[0] as string).readUIntBE(0, 6);
    expect(milliseconds).toBeGreaterThanOrEqual(before);
    expect(milliseconds).toBeLessThanOrEqual(Date.now());
  });

  it('has random numbers of its own: the last 32 bits do not repeat', () => {
    const tails = Array.from({ length: 5_000 }, () => newId().slice(-8));
    // Five thousand of four thousand million: more than a handful alike would be no chance.
    expect(new Set(tails).size).toBeGreaterThan(4_990);
  });
});

describe('the text of 16 bytes', () => {
  it('gives them back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = bytesToUuid(bytes);
        expect(isUuid(text)).toBe(true);
        expect([...uuidToBytes(text)]).toEqual([...bytes]);
        const target = Buffer.alloc(18);
        writeUuid(text, target, 1);
        expect([...target.subarray(1, 17)]).toEqual([...bytes]);
      }),
    );
  });

  it('is refused for any other number of bytes', () => {
    expect(() => bytesToUuid(randomBytes(15))).toThrow(RangeError);
  });
});
