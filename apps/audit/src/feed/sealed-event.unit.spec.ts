import { DUPLICATE_TYPE, GAP_TYPE, NO_PRODUCER, POISON_TYPE } from '#libs/ledger/event-columns.js';
import { sealedEvent, type SealedEventRow } from './sealed-event.js';

const row = (type: string, payload: string): SealedEventRow => ({
  chain: 'statements/0',
  seq: '7',
  type,
  event_id: '01a1fea5-13a2-74ae-b733-c2c17e6182f1',
  recorded_at: '1767225600000000',
  producer: NO_PRODUCER,
  producer_seq: '0',
  payload: Buffer.from(payload),
});

describe('an event that the ledger made itself', () => {
  it.each([
    [DUPLICATE_TYPE, '{"duplicateOf":{"seq":3},"id":"x","seq":1}', { duplicateOf: { seq: 3 } }],
    [GAP_TYPE, '{"sequence":{"expected":3,"found":5}}', { sequence: { expected: 3, found: 5 } }],
    [POISON_TYPE, 'no JSON', { payloadBase64: Buffer.from('no JSON').toString('base64') }],
  ])('%s has the fields of the envelope, which its content cannot replace', (type, payload, content) => {
    expect(sealedEvent(row(type, payload))).toEqual({
      ...content,
      id: '01a1fea5-13a2-74ae-b733-c2c17e6182f1',
      type,
      schemaVersion: 1,
      time: '2026-01-01T00:00:00.000Z',
      producer: NO_PRODUCER,
      producerSeq: 0,
      chain: 'statements/0',
      seq: 7,
    });
  });
});
