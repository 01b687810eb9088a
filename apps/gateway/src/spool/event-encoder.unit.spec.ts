import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { encodeEvent, type Envelope } from '#libs/contracts/envelope.js';
import { EventEncoder } from './event-encoder.js';
import type { DraftEvent } from './spool.js';

const { privateKey } = generateKeyPairSync('ed25519');
const encoder = new EventEncoder('01890000-0000-7000-8000-000000000001', 'default', {
  privateKey,
} as never);

const jsonObject = fc.dictionary(fc.string(), fc.jsonValue());

describe('the bytes of an event', () => {
  it('are those JSON.stringify gives, whatever its fields hold, the first time and every time', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            requestId: fc.option(fc.string(), { nil: undefined }),
            identity: fc.option(jsonObject, { nil: undefined }),
            target: jsonObject,
            statement: jsonObject,
            verdict: fc.option(jsonObject, { nil: undefined }),
            parameters: fc.array(fc.jsonValue()),
            durationMs: fc.double(),
            reason: fc.string({ unit: 'binary' }),
          },
          { requiredKeys: ['target'] },
        ),
        fc.nat(),
        (fields, sequence) => {
          const head = { id: 'x', type: 'statement.intent-recorded', schemaVersion: 1, time: 't' };
          const draft = {
            topic: 'statements',
            key: 'k',
            signed: false,
            event: { ...head, ...fields },
          } as unknown as DraftEvent;
          const whole = {
            ...head,
            tenant: 'default',
            producer: encoder.producer,
            producerSeq: sequence,
            ...fields,
          } as unknown as Envelope;
          const expected = encodeEvent(whole).toString();
          expect(encoder.encode(draft, sequence).toString()).toBe(expected);
          expect(encoder.encode(draft, sequence).toString()).toBe(expected);
        },
      ),
    );
  });
});
