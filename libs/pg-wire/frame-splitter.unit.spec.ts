import fc from 'fast-check';
import { Disposition, FrameSplitter } from './frame-splitter.js';
import { writeFrame } from './frame-writer.js';
import { ProtocolViolation } from './protocol-violation.js';

interface Seen {
  type: number;
  bytes: Buffer;
  dropped: number;
}

/** Even types are collected, odd ones streamed; above 1,000 bytes frames are dropped. */
function split(chunks: readonly Buffer[]): Seen[] {
  const seen: Seen[] = [];
  const splitter = new FrameSplitter({
    disposition: (type, length) =>
      length > 1_000 ? Disposition.Drop : type % 2 === 0 ? Disposition.Whole : Disposition.Stream,
    frame: (type, bytes, start, end) =>
      seen.push({ type, bytes: Buffer.from(bytes.subarray(start, end)), dropped: 0 }),
    piece: (type, bytes, start, end, opens) => {
      const part = Buffer.from(bytes.subarray(start, end));
      if (opens) seen.push({ type, bytes: part, dropped: 0 });
      else {
        const last = seen.at(-1) as Seen;
        last.bytes = Buffer.concat([last.bytes, part]);
      }
    },
    dropped: (type, length) => seen.push({ type, bytes: Buffer.alloc(0), dropped: length }),
  });
  for (const chunk of chunks) splitter.push(chunk);
  return seen;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

describe('FrameSplitter', () => {
  it('finds the same messages however the bytes are cut', () => {
    const message = fc.tuple(fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 1_500 }));
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 400 })),
        (messages, sizes) => {
          const frames = messages.map(([type, body]) => writeFrame(type, body));
          const expected = messages.map(([type], index) => {
            const bytes = frames[index] as Buffer;
            return bytes.length > 1_000
              ? { type, bytes: Buffer.alloc(0), dropped: bytes.length }
              : { type, bytes, dropped: 0 };
          });
          expect(split(cut(Buffer.concat(frames), sizes))).toEqual(expected);
        },
      ),
    );
  });

  it('takes single bytes', () => {
    const frame = writeFrame(80, Buffer.from('body'));
    expect(split([...frame].map((byte) => Buffer.from([byte])))).toEqual([
      { type: 80, bytes: frame, dropped: 0 },
    ]);
  });

  it('refuses a length that does not count itself', () => {
    expect(() => split([Buffer.from([80, 0, 0, 0, 3])])).toThrow(ProtocolViolation);
  });

  it('allocates for what has come, not for what a header promises', () => {
    const before = process.memoryUsage().arrayBuffers;
    const splitter = new FrameSplitter({
      disposition: () => Disposition.Whole,
      frame: () => undefined,
      piece: () => undefined,
      dropped: () => undefined,
    });
    splitter.push(Buffer.from([80, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3]));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });
});
