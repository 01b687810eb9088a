import { BytesWriter } from '#libs/kernel/bytes-writer.js';

describe('BytesWriter', () => {
  it('writes big-endian integers and length prefixes', () => {
    const bytes = new BytesWriter()
      .u8(1)
      .u16(2)
      .u32(3)
      .u64(4)
      .text16('ab')
      .bytes32(Buffer.from([9]))
      .bytes();
    expect(bytes.toString('hex')).toBe(
      '01' + '0002' + '00000003' + '0000000000000004' + '00026162' + '0000000109',
    );
  });

  it('tells an absent value from an empty one', () => {
    const absent = new BytesWriter();
    absent.optional<string>(undefined, (text) => absent.text32(text));
    const empty = new BytesWriter();
    empty.optional('', (text) => empty.text32(text));
    expect(absent.bytes()).not.toEqual(empty.bytes());
  });

  it('grows beyond its first buffer', () => {
    const large = Buffer.alloc(100_000, 7);
    expect(new BytesWriter().bytes32(large).bytes()).toHaveLength(100_004);
  });
});
