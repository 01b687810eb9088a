import { entryIdOf } from './entry-id.js';
import { checkProducerSeq } from './producer-sequence.js';
import { sequenceEntry } from './sequence-entry.js';

const PRODUCER = '0198c5a0-0000-7000-8000-000000000003';
const SHOWN_BY = {
  chain: 'statements/2',
  seq: 17n,
  eventId: '0198c5a0-0000-7000-8000-000000000002',
  source: { cluster: 'cluster-a', topicId: 'statements', partition: 2, offset: 41n },
};

const madeOf = (found: bigint, expected: bigint) => {
  const { finding } = checkProducerSeq(PRODUCER, found, expected);
  if (finding === undefined) throw new Error('nothing was out of sequence');
  return sequenceEntry(finding, SHOWN_BY);
};

describe('the entry behind an event that was out of sequence', () => {
  it('has these bytes for a gap, for ever', () => {
    const { eventId, type, payload } = madeOf(9n, 5n);
    expect(type).toBe('gap.sealed');
    expect(eventId).toBe('416a1bac-2ab5-8e6c-88f3-dab91faf9b53');
    expect(payload.toString()).toBe(
      '{"sequence":{"producer":"0198c5a0-0000-7000-8000-000000000003","topic":"statements","partition":2,"expected":5,"found":9,"shownBy":{"eventId":"0198c5a0-0000-7000-8000-000000000002","seq":17}}}',
    );
  });

  it('has these bytes for a regression, for ever', () => {
    const { type, payload } = madeOf(3n, 5n);
    expect(type).toBe('regression.sealed');
    expect(payload.toString()).toBe(
      '{"sequence":{"producer":"0198c5a0-0000-7000-8000-000000000003","topic":"statements","partition":2,"expected":5,"found":3,"shownBy":{"eventId":"0198c5a0-0000-7000-8000-000000000002","seq":17}}}',
    );
  });

  it('has another id than a poisoned or doubled record of the same place would have', () => {
    expect(madeOf(9n, 5n).eventId).not.toBe(entryIdOf(SHOWN_BY.source));
  });
});
