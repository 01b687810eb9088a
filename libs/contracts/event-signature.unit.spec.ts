import { createPrivateKey, createPublicKey, verify, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { encodeEvent, type Envelope } from './envelope.js';
import {
  EVENT_SIGNATURE_DOMAIN,
  keyIdOf,
  signEvent,
  verifyEvent,
  type TrustedKeys,
} from './event-signature.js';
import { parseSigningKey, parseTrustedKeys } from './key-files.js';

/** An Ed25519 key whose seed is 32 times the same byte (PKCS#8 of RFC 8410). */
const keyOf = (byte: number): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, byte)]),
    format: 'der',
    type: 'pkcs8',
  });

const privateKey = keyOf(9);
const publicKey = createPublicKey(privateKey);
const key = { keyId: keyIdOf(publicKey), privateKey };
const trusted: TrustedKeys = new Map([[key.keyId, publicKey]]);

const event: Envelope = {
  id: '0198c5a0-0000-7000-8000-000000000001',
  type: 'session.closed',
  schemaVersion: 1,
  time: '2026-11-21T10:00:00.000Z',
  tenant: 'default',
  producer: '0198c5a0-0000-7000-8000-000000000002',
  producerSeq: 7,
};

const BODY =
  '{"id":"0198c5a0-0000-7000-8000-000000000001","type":"session.closed","schemaVersion":1,"time":"2026-11-21T10:00:00.000Z","tenant":"default","producer":"0198c5a0-0000-7000-8000-000000000002","producerSeq":7}';

describe('a signed event', () => {
  it('has golden bytes: its own, then the signature as the last member', () => {
    const signed = signEvent(event, key).toString();
    expect(key.keyId).toBe('dbc298251c51321b');
    expect(signed).toBe(
      `${BODY.slice(0, -1)},"signature":{"keyId":"dbc298251c51321b","value":"AoeyfUbFVo3RDp6WvAvif5SXND/vZacHEpaSWQir6+JVw2pqdSNWS9hMLy74rAccdXMAR3RRXY3EhaW+vi7/Cw=="}}`,
    );
    expect(encodeEvent(event).toString()).toBe(BODY);
    const value = Buffer.from(
      'AoeyfUbFVo3RDp6WvAvif5SXND/vZacHEpaSWQir6+JVw2pqdSNWS9hMLy74rAccdXMAR3RRXY3EhaW+vi7/Cw==',
      'base64',
    );
    const message = Buffer.from(`countersign.event-signature.v1\n${BODY}`);
    expect(EVENT_SIGNATURE_DOMAIN.toString()).toBe('countersign.event-signature.v1\n');
    expect(verify(null, message, publicKey, value)).toBe(true);
  });

  it('is JSON that still says what the event says', () => {
    const { signature, ...body } = JSON.parse(signEvent(event, key).toString()) as Record<string, unknown>;
    expect(body).toEqual(event);
    expect(signature).toMatchObject({ keyId: key.keyId });
  });

  it('gives back exactly the signed bytes', () => {
    expect(verifyEvent(signEvent(event, key), trusted)).toEqual({
      ok: true,
      keyId: key.keyId,
      body: Buffer.from(BODY),
    });
  });

  it('does not verify when any one bit is another', () => {
    const signed = signEvent(event, key);
    for (let bit = 0; bit < signed.length * 8; bit += 1) {
      const copy = Buffer.from(signed);
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      expect([bit, verifyEvent(copy, trusted).ok]).toEqual([bit, false]);
    }
  });

  it('says why it is not believed', () => {
    const signed = signEvent(event, key);
    const other = keyOf(8);
    expect(verifyEvent(encodeEvent(event), trusted)).toEqual({ ok: false, problem: 'unsigned' });
    expect(verifyEvent(Buffer.alloc(0), trusted)).toEqual({ ok: false, problem: 'unsigned' });
    expect(verifyEvent(signed, new Map())).toEqual({ ok: false, problem: 'unknown-key' });
    expect(verifyEvent(signEvent(event, { ...key, privateKey: other }), trusted)).toEqual({
      ok: false,
      problem: 'bad-signature',
    });
    const grown = Buffer.concat([signed.subarray(0, -1), Buffer.from(',"more":1}')]);
    expect(verifyEvent(grown, trusted)).toEqual({ ok: false, problem: 'unsigned' });
  });

  it('covers whatever the event says, and nothing that only looks like a signature inside it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const signed = signEvent({ ...event, tenant: `${text}","signature":{"keyId":"` } as Envelope, key);
        const checked = verifyEvent(signed, trusted);
        expect(checked.ok).toBe(true);
        if (checked.ok)
          expect(JSON.parse(checked.body.toString())).toEqual(
            JSON.parse(encodeEvent({ ...event, tenant: `${text}","signature":{"keyId":"` }).toString()),
          );
      }),
    );
  });
});

describe('key files', () => {
  const privatePem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const publicPem = (of: KeyObject): string => of.export({ format: 'pem', type: 'spki' }).toString();

  it('hold one private key, or any number of public ones with comments between', () => {
    expect(parseSigningKey(privatePem).keyId).toBe(key.keyId);
    const other = createPublicKey(keyOf(3));
    const keys = parseTrustedKeys(`# ours\n${publicPem(publicKey)}\n# another\n${publicPem(other)}`);
    expect([...keys.keys()]).toEqual([key.keyId, keyIdOf(other)]);
  });

  it('are refused without a key', () => {
    expect(() => parseTrustedKeys('')).toThrow('at least one PEM block');
    expect(() => parseTrustedKeys(privatePem)).toThrow('at least one PEM block');
    expect(() => parseSigningKey(publicPem(publicKey))).toThrow();
  });
});
