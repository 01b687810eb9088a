import fc from 'fast-check';
import { sha256Hex } from '#libs/kernel/hash.js';
import { bytesToUuid } from '#libs/kernel/uuid.js';
import { decodeEntry, encodeEntry, type Entry } from './entry.js';
import { encodeGenesis, genesisHash } from './genesis.js';
import { leafHash, payloadCommitment } from './hashing.js';

const CHAIN = '0198c5a0-0000-7000-8000-000000000001';
const descriptor = encodeGenesis({ chainId: CHAIN, origin: 'localhost/countersign/statements/0' });
const payload = Buffer.from('{"id":"0198c5a0-0000-7000-8000-000000000002"}');
const salt = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

const golden: Entry = {
  chainId: CHAIN,
  seq: 0n,
  prev: genesisHash(descriptor),
  recordedAt: 1_767_225_600_000_000n,
  eventId: '0198c5a0-0000-7000-8000-000000000002',
  source: { cluster: 'cluster-a', topicId: 'statements', partition: 2, offset: 41n, leaderEpoch: 7 },
  producer: '0198c5a0-0000-7000-8000-000000000003',
  producerSeq: 9n,
  tenant: 'default',
  type: 'session.opened',
  schemaVersion: 1,
  payloadLength: payload.length,
  payloadCommit: payloadCommitment(salt, payload),
};

/** The same bytes written out by hand, field by field, as docs/formats/ledger-entry.md lists them. */
const GOLDEN_ENTRY = [
  '4353454e54525901',
  '0198c5a0000070008000000000000001',
  '0000000000000000',
  '@prev',
  '0006474846204000',
  '0198c5a0000070008000000000000002',
  '0009' + '636c75737465722d61',
  '000a' + '73746174656d656e7473',
  '00000002',
  '0000000000000029',
  '00000007',
  '0198c5a0000070008000000000000003',
  '0000000000000009',
  '0007' + '64656661756c74',
  '000e' + '73657373696f6e2e6f70656e6564',
  '00000001',
  '0000002d',
  '@commit',
];

describe('ledger entries', () => {
  it('begin with a genesis descriptor of golden bytes', () => {
    expect(descriptor.toString('hex')).toBe(
      '435347454e455301' +
        '0198c5a0000070008000000000000001' +
        '0022' +
        Buffer.from('localhost/countersign/statements/0').toString('hex') +
        '00',
    );
    const root = Buffer.alloc(32, 0xab);
    const heir = encodeGenesis({
      chainId: CHAIN,
      origin: 'a/0',
      predecessor: { origin: 'b/0', size: 258n, root },
    });
    expect(heir.toString('hex')).toBe(
      '435347454e455301' +
        '0198c5a0000070008000000000000001' +
        '0003612f30' +
        '01' +
        '0003622f30' +
        '0000000000000102' +
        'ab'.repeat(32),
    );
  });

  it('have golden bytes', () => {
    const expected = GOLDEN_ENTRY.join('')
      .replace('@prev', sha256Hex(descriptor))
      .replace('@commit', sha256Hex(Buffer.concat([Buffer.from([2]), salt, payload])));
    const bytes = encodeEntry(golden);
    expect(bytes.toString('hex')).toBe(expected);
    expect(sha256Hex(descriptor)).toBe('71794f74575105fda2081bdb2ec409815ceb8e6074199876a2fa8c0f02ed56e0');
    expect(golden.payloadCommit.toString('hex')).toBe(
      'ffccb6638c05bc8503c81edb9a828a92c8b43c2eeb147102607285c65a6bd396',
    );
    expect(leafHash(bytes).toString('hex')).toBe(
      '2341673edfa070e0ef1029e39671441f587db6c38f320acf21d8a6e4be8b27f4',
    );
    expect(leafHash(bytes).toString('hex')).toBe(sha256Hex(Buffer.concat([Buffer.from([0]), bytes])));
  });

  const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToUuid);
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
  const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  const anyEntry: fc.Arbitrary<Entry> = fc.record({
    chainId: uuid,
    seq: u64,
    prev: hash,
    recordedAt: u64,
    eventId: uuid,
    source: fc.record({
      cluster: text,
      topicId: text,
      partition: u32,
      offset: u64,
      leaderEpoch: fc.integer({ min: -1, max: 0x7fffffff }),
    }),
    producer: uuid,
    producerSeq: u64,
    tenant: text,
    type: text,
    schemaVersion: u32,
    payloadLength: u32,
    payloadCommit: hash,
  });

  it('are read back as they were written', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
      }),
    );
  });

  it('share their bytes with no other entry', () => {
    fc.assert(
      fc.property(anyEntry, anyEntry, (one, other) => {
        fc.pre(JSON.stringify(one, bigints) !== JSON.stringify(other, bigints));
        expect(encodeEntry(one).equals(encodeEntry(other))).toBe(false);
      }),
    );
  });

  it('are not read when shortened, lengthened or of another version', () => {
    const bytes = encodeEntry(golden);
    for (let length = 0; length < bytes.length; length += 1)
      expect(decodeEntry(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeEntry(Buffer.concat([bytes, Buffer.from([0])]))).toBeUndefined();
    const version2 = Buffer.from(bytes);
    version2[7] = 2;
    expect(decodeEntry(version2)).toBeUndefined();
    const notUtf8 = Buffer.from(bytes);
    notUtf8[90] = 0xff;
    expect(decodeEntry(notUtf8)).toBeUndefined();
  });

  it('that do not fit their widths are refused', () => {
    expect(() => encodeEntry({ ...golden, schemaVersion: 2 ** 32 })).toThrow('out of range');
    expect(() => encodeEntry({ ...golden, seq: -1n })).toThrow('out of range');
    expect(() => encodeEntry({ ...golden, type: 'x'.repeat(65_400) })).toThrow(RangeError);
    expect(() => encodeEntry({ ...golden, prev: Buffer.alloc(31) })).toThrow(RangeError);
    expect(() => payloadCommitment(Buffer.alloc(31), payload)).toThrow(RangeError);
  });

  it('commit to long payloads by the same rule as to short ones', () => {
    const long = Buffer.alloc(300_000, 5);
    expect(payloadCommitment(salt, long).toString('hex')).toBe(
      sha256Hex(Buffer.concat([Buffer.from([2]), salt, long])),
    );
  });
});

const bigints = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;
