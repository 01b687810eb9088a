import { encodeEntry } from '#libs/tlog/entry.js';
import { payloadCommitment } from '#libs/tlog/hashing.js';
import { Findings } from '../verify/finding.js';
import type { PayloadReader, SealedPayload } from './payload-reader.js';
import { PublishedPayloads } from './published-payloads.js';

const UUID = '0198c5a0-0000-7000-8000-000000000001';
const FIRST = 256;

const payloadOf = (producerSeq: number): Buffer =>
  Buffer.from(
    JSON.stringify({
      id: UUID,
      type: 'session.closed',
      producer: UUID,
      producerSeq,
      tenant: 'default',
      schemaVersion: 1,
    }),
  );

const sealed = Array.from({ length: 10 }, (_, index) => ({
  salt: Buffer.alloc(32, index),
  payload: payloadOf(index),
}));
const entryOf = ({ salt, payload }: { salt: Buffer; payload: Buffer }, index: number): Buffer =>
  encodeEntry({
    chainId: UUID,
    seq: BigInt(FIRST + index),
    prev: Buffer.alloc(32),
    recordedAt: 0n,
    eventId: UUID,
    source: { cluster: 'c', topicId: 't', partition: 0, offset: BigInt(index), leaderEpoch: 0 },
    producer: UUID,
    producerSeq: BigInt(index),
    tenant: 'default',
    type: 'session.closed',
    schemaVersion: 1,
    payloadLength: payload.length,
    payloadCommit: payloadCommitment(salt, payload),
  });
const entries = sealed.map(entryOf);

/** Serves what is given, at most three a page. */
const pagesOf = (payloads: readonly SealedPayload[]): PayloadReader => ({
  read: (seq, limit) => {
    const at = Number(seq) - FIRST;
    return Promise.resolve(payloads.slice(at, at + Math.min(3, limit)));
  },
});

async function found(reader: PayloadReader | undefined): Promise<string[]> {
  const findings = new Findings();
  await new PublishedPayloads(reader, 'statements/0', findings).check(BigInt(FIRST), entries);
  return findings.list().map(({ kind, seq }) => `${kind} ${seq}`);
}

describe('the payloads of a published log', () => {
  it('hold when they are what the entries commit to, however they are cut into pages', async () => {
    expect(await found(pagesOf(sealed))).toEqual([]);
  });

  it('are each named when they are others, swapped, or gone', async () => {
    const [, one, , three, four] = sealed as [unknown, SealedPayload, unknown, SealedPayload, SealedPayload];
    const changed: SealedPayload[] = [...sealed];
    changed[1] = { ...one, payload: payloadOf(7) };
    changed[3] = four;
    changed[4] = three;
    changed[6] = { salt: null, payload: null };
    changed[8] = {
      salt: Buffer.alloc(31),
      payload: Buffer.concat([Buffer.alloc(1), payloadOf(8)]),
    };
    expect(await found(pagesOf(changed))).toEqual([
      'PAYLOAD_MISMATCH 257',
      'PAYLOAD_MISMATCH 259',
      'PAYLOAD_MISMATCH 260',
      'UNAUTHORISED_ERASURE 262',
      'PAYLOAD_MISMATCH 264',
    ]);
  });

  it('are named when the entry commits to them and says something else of them', async () => {
    const findings = new Findings();
    const others = sealed.map(({ salt }, index) => ({
      salt,
      payload: index === 4 ? payloadOf(5) : index === 6 ? Buffer.from('{') : payloadOf(index),
    }));
    await new PublishedPayloads(pagesOf(others), 'statements/0', findings).check(
      BigInt(FIRST),
      others.map(entryOf),
    );
    expect(findings.list().map(({ kind, seq }) => `${kind} ${seq}`)).toEqual([
      'ENTRY_MALFORMED 260',
      'ENTRY_MALFORMED 262',
    ]);
  });

  it('are asked for once and never again when they are refused', async () => {
    let asked = 0;
    const findings = new Findings();
    const payloads = new PublishedPayloads(
      { read: () => Promise.resolve((asked += 1) > 0 ? ('refused' as const) : []) },
      'statements/0',
      findings,
    );
    await payloads.check(BigInt(FIRST), entries);
    await payloads.check(BigInt(FIRST), entries);
    expect([asked, findings.list()]).toEqual([1, []]);
  });

  it('are not asked for without a reader', async () => {
    expect(await found(undefined)).toEqual([]);
  });
});
