import fc from 'fast-check';
import { envelopeSchema } from '#libs/contracts/envelope.js';
import { isEnvelope } from './is-envelope.js';

const ID = '0198c5a0-0000-7000-8000-0000000000aa';
const whole = {
  id: ID,
  type: 'session.closed',
  schemaVersion: 1,
  time: '2026-11-21T10:00:00.000Z',
  tenant: 'default',
  producer: ID,
  producerSeq: 0,
  requestId: ID,
  sessionId: ID,
  causationId: ID,
  identity: {
    name: 'alice',
    kind: 'human',
    issuer: 'https://idp.example',
    subject: 'alice',
    groups: ['dba'],
    onBehalfOf: 'bob',
  },
  more: [1],
};

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    '',
    0,
    1,
    -1,
    1.5,
    2 ** 53,
    Number.NaN,
    true,
    [],
    {},
    ID,
    ID.toUpperCase(),
    `${ID}\n`,
    'a.b',
    'a.b\n',
    'A.b',
    '2026-11-21T10:00:00.000Z',
    '2026-99-99T99:99:99.999Z',
    '2026-11-21T10:00:00.000Z\n',
    'human',
    'robot',
    ['x'],
    ['x', ''],
    [1],
    Array.from({ length: 200 }, () => 'g'),
    Array.from({ length: 201 }, () => 'g'),
    ...[64, 65, 128, 129, 256, 257, 512, 513].flatMap((length) => [
      'x'.repeat(length),
      '💡'.repeat(length / 2),
    ]),
  ),
  fc.string(),
  fc.anything(),
);

describe('the quick check of an envelope', () => {
  const fields = Object.keys(whole);
  const identityFields = Object.keys(whole.identity);

  it('takes what services write', () => {
    expect(isEnvelope(whole)).toBe(true);
    for (const field of ['requestId', 'sessionId', 'causationId', 'identity'])
      expect(isEnvelope({ ...whole, [field]: undefined })).toBe(true);
    const { onBehalfOf: _, ...identity } = whole.identity;
    expect(isEnvelope({ ...whole, identity })).toBe(true);
  });

  it('takes nothing that the schema refuses', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...fields),
        fc.option(fc.constantFrom(...identityFields), { nil: undefined }),
        odd,
        fc.boolean(),
        (field, identityField, value, absent) => {
          const changed: Record<string, unknown> = structuredClone({ ...whole });
          const target =
            identityField === undefined ? changed : (changed['identity'] as Record<string, unknown>);
          if (absent) delete target[identityField ?? field];
          else target[identityField ?? field] = value;
          if (isEnvelope(changed)) expect(envelopeSchema.safeParse(changed).success).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it.each([[null], [undefined], ['text'], [[]], [[whole]], [7]])('%j is none', (value) => {
    expect(isEnvelope(value)).toBe(false);
    expect(envelopeSchema.safeParse(value).success).toBe(false);
  });
});
