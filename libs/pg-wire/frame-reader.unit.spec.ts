import { FrameReader } from './frame-reader.js';
import { ProtocolViolation } from './protocol-violation.js';

describe('a string in a message', () => {
  it.each([0, 1, 62, 63, 64, 65, 1_000])(
    'of %i characters is read up to its end and no further',
    (length) => {
      const text = 'é'.repeat(length >> 1) + 'x'.repeat(length & 1);
      const reader = new FrameReader(Buffer.from(`${text}\0next\0`), 0);
      expect(reader.string()).toBe(text);
      expect(reader.string()).toBe('next');
      expect(() => reader.end()).not.toThrow();
    },
  );

  it.each([0, 10, 64, 100])('of %i characters without its end is a broken protocol', (length) => {
    const reader = new FrameReader(Buffer.alloc(length, 'x'), 0);
    expect(() => reader.string()).toThrow(ProtocolViolation);
  });
});
