import fc from 'fast-check';
import { sha256Hex } from '#libs/kernel/hash.js';
import { bytesToUuid } from '#libs/kernel/uuid.js';
import { approvalDigest, encodeBinding } from './approval-digest.js';
import { bindingSchema, BOUND_SETTINGS, type Binding } from './binding.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const golden: Binding = {
  tenant: 'default',
  gatewayId: '0198c5a0-0000-7000-8000-000000000001',
  target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
  requester: {
    name: 'etl-agent',
    kind: 'agent',
    issuer: 'https://idp.example',
    subject: 'agent-7',
    groups: ['engineering'],
    onBehalfOf: 'alice',
  },
  sessionId: '0198c5a0-0000-7000-8000-000000000002',
  protocol: 'extended',
  statements: [
    {
      text: base64('EXECUTE p($1)'),
      standsFor: [base64('DELETE FROM t WHERE id = $1')],
      parameterTypes: [23],
      parameterFormats: [1],
      parameters: [base64('\u0000\u0000\u0000\u0007'), null],
      resultFormats: [0],
      maxRows: 5,
    },
  ],
  objects: [
    { class: 'function', oid: 4711, name: 'public.f', definitionSha256: '22'.repeat(32) },
    { class: 'relation', oid: 16_384, name: 'public.t', definitionSha256: '11'.repeat(32) },
  ],
  settings: {
    session_user: 'app',
    current_user: 'app',
    search_path: 'public',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
    DateStyle: 'ISO, MDY',
    IntervalStyle: 'postgres',
    TimeZone: 'UTC',
    row_security: 'on',
    session_replication_role: 'origin',
    transaction_isolation: 'read committed',
    transaction_read_only: 'off',
  },
  insideTransaction: true,
  unpinned: ['CALL'],
};

const text16 = (text: string): string =>
  Buffer.byteLength(text).toString(16).padStart(4, '0') + Buffer.from(text).toString('hex');
const text32 = (text: string): string => `0000${text16(text)}`;

/** The same bytes written out by hand, field by field, as docs/formats/approval-digest.md lists them. */
const GOLDEN = [
  text16('countersign.approval-digest.v1'),
  text16('default'),
  '0198c5a0000070008000000000000001',
  text16('shop') + text16('postgres') + text16('production') + text16('shop'),
  text16('etl-agent') + '03' + text16('https://idp.example') + text16('agent-7'),
  '01' + text16('alice'),
  '01' + '0198c5a0000070008000000000000002',
  '02',
  '00000001',
  text32('EXECUTE p($1)'),
  '00000001' + text32('DELETE FROM t WHERE id = $1'),
  '00000001' + '00000017',
  '00000001' + '0001',
  '00000002' + '01' + '00000004' + '00000007' + '00',
  '00000001' + '0000',
  '00000005',
  '00000002',
  '01' + '00004000' + text32('public.t') + '11'.repeat(32),
  '02' + '00001267' + text32('public.f') + '22'.repeat(32),
  '01' + text32('app'),
  '01' + text32('app'),
  '01' + text32('public'),
  '01' + text32('UTF8'),
  '01' + text32('on'),
  '01' + text32('ISO, MDY'),
  '01' + text32('postgres'),
  '01' + text32('UTC'),
  '01' + text32('on'),
  '01' + text32('origin'),
  '01' + text32('read committed'),
  '01' + text32('off'),
  '01',
  '00000001' + text32('CALL'),
].join('');

describe('the approval digest', () => {
  it('has golden bytes', () => {
    expect(encodeBinding(golden).toString('hex')).toBe(GOLDEN);
    expect(approvalDigest(golden).toString('hex')).toBe(sha256Hex(Buffer.from(GOLDEN, 'hex')));
    expect(approvalDigest(golden).toString('hex')).toBe(
      '49cb6c75a671a4c93bf27bc198619c6571f34ca74a51af1d21b2b43ad09ed679',
    );
  });

  it('does not depend on the order of objects, nor on groups', () => {
    const turned = { ...golden, objects: [...golden.objects].reverse() };
    expect(approvalDigest(turned)).toEqual(approvalDigest(golden));
    const regrouped = { ...golden, requester: { ...golden.requester, groups: [] } };
    expect(approvalDigest(regrouped)).toEqual(approvalDigest(golden));
  });

  it('does depend on the order of statements, parameters and settings’ names', () => {
    const [one] = golden.statements as [Binding['statements'][number]];
    const two = { ...one, text: base64('other') };
    const order = (statements: Binding['statements']): string =>
      approvalDigest({ ...golden, statements }).toString('hex');
    expect(order([one, two])).not.toBe(order([two, one]));
    const { session_user, search_path } = golden.settings;
    const swapped = { ...golden.settings, session_user: search_path, search_path: session_user };
    expect(approvalDigest({ ...golden, settings: swapped })).not.toEqual(approvalDigest(golden));
  });

  it('changes with every single field of what is bound', () => {
    const unchanged = approvalDigest(golden).toString('hex');
    const seen = new Map<string, string>();
    for (const [name, changed] of changedOnce(golden)) {
      if (name.includes('groups')) continue;
      const digest = approvalDigest(changed as Binding).toString('hex');
      expect([name, digest]).not.toEqual([name, unchanged]);
      expect([name, seen.get(digest)]).toEqual([name, undefined]);
      seen.set(digest, name);
    }
    expect(seen.size).toBeGreaterThan(35);
  });

  it('tells an absent value from an empty one', () => {
    const { onBehalfOf: owner, ...alone } = golden.requester;
    expect(owner).toBe('alice');
    const { sessionId, ...anySession } = golden;
    expect(sessionId).toBeDefined();
    const digests = [
      golden,
      { ...golden, requester: alone },
      { ...golden, requester: { ...golden.requester, onBehalfOf: '' } },
      anySession,
      { ...golden, settings: { ...golden.settings, TimeZone: '' } },
      { ...golden, statements: golden.statements.map((each) => ({ ...each, parameters: ['', null] })) },
      { ...golden, statements: golden.statements.map((each) => ({ ...each, parameters: [null, null] })) },
    ].map((binding) => approvalDigest(binding).toString('hex'));
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('gives two bindings one encoding only where they bind the same', () => {
    fc.assert(
      fc.property(anyBinding, (binding) => {
        expect(bindingSchema.parse(binding)).toEqual(binding);
        const encodings = new Map([[encodeBinding(binding).toString('hex'), canonical(binding)]]);
        for (const [, changed] of changedOnce(binding)) {
          const encoding = encodeBinding(changed as Binding).toString('hex');
          const meaning = canonical(changed as Binding);
          expect(encodings.get(encoding) ?? meaning).toBe(meaning);
          encodings.set(encoding, meaning);
        }
        expect(encodings.size).toBe(new Set(encodings.values()).size);
      }),
      { numRuns: 50 },
    );
  });
});

/** Every variant of a value in which exactly one leaf, or the length of one list, is another. */
function* changedOnce(value: unknown, name = ''): Generator<[string, unknown]> {
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries())
      for (const [where, changed] of changedOnce(each, `${name}[${index}]`))
        yield [where, value.map((old: unknown, at) => (at === index ? changed : old))];
    if (value.length > 1) yield [`${name} shortened`, value.slice(1)];
    if (value.length > 0) yield [`${name} lengthened`, [...value, value.at(-1)]];
  } else if (typeof value === 'object' && value !== null) {
    for (const [field, each] of Object.entries(value))
      for (const [where, changed] of changedOnce(each, `${name}.${field}`))
        yield [where, { ...value, [field]: changed }];
  } else yield [name, otherThan(value, name)];
}

function otherThan(value: unknown, name: string): unknown {
  if (typeof value === 'boolean') return !value;
  if (value === null) return base64('not null');
  if (name.endsWith('.kind')) return value === 'postgres' ? 'mysql' : 'human';
  if (name.endsWith('.protocol')) return 'simple';
  if (name.endsWith('.class')) return 'type';
  if (typeof value === 'number') return value < 2 ? 1 - value : value + 1;
  const text = value as string;
  if (/^[0-9a-f-]{32,}$/.test(text)) return text.slice(0, -1) + (text.endsWith('3') ? '4' : '3');
  return name.includes('statements') ? base64(`${text} changed`) : `${text}2`;
}

const canonical = (binding: Binding): string =>
  JSON.stringify([
    { ...binding, requester: { ...binding.requester, groups: [] }, objects: [], settings: {} },
    BOUND_SETTINGS.map((setting) => binding.settings[setting]),
    binding.objects.map((object) => JSON.stringify(Object.entries(object).sort())).sort(),
  ]);

const name = fc.constantFrom('a', 'b', 'ab', 'ä', 'a\u0000');
const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToUuid);
const bytes = fc.uint8Array({ maxLength: 4 }).map((value) => Buffer.from(value).toString('base64'));
const format = fc.constantFrom(0 as const, 1 as const);
const few = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { maxLength: 2 });
const hash = fc.constantFrom('00'.repeat(32), 'ff'.repeat(32));
const anyBinding: fc.Arbitrary<Binding> = fc.record(
  {
    tenant: name,
    gatewayId: fc.constant('0198c5a0-0000-7000-8000-000000000001'),
    target: fc.record({ name, kind: fc.constant('postgres' as const), environment: name, database: name }),
    requester: fc.record(
      {
        name,
        kind: fc.constantFrom('human' as const, 'service' as const, 'agent' as const),
        issuer: name,
        subject: name,
        groups: few(name),
        onBehalfOf: name,
      },
      { requiredKeys: ['name', 'kind', 'issuer', 'subject', 'groups'] },
    ),
    sessionId: uuid,
    protocol: fc.constantFrom('simple' as const, 'extended' as const, 'function-call' as const),
    statements: fc.array(
      fc.record({
        text: bytes,
        standsFor: few(bytes),
        parameterTypes: few(fc.nat({ max: 3 })),
        parameterFormats: few(format),
        parameters: few(fc.option(bytes)),
        resultFormats: few(format),
        maxRows: fc.nat({ max: 3 }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    objects: few(
      fc.record({
        class: fc.constantFrom('relation' as const, 'function' as const, 'type' as const),
        oid: fc.nat({ max: 2 }),
        name,
        definitionSha256: hash,
      }),
    ),
    settings: fc.record(
      Object.fromEntries(BOUND_SETTINGS.map((setting) => [setting, fc.constantFrom('', 'a')])),
    ) as fc.Arbitrary<Binding['settings']>,
    insideTransaction: fc.boolean(),
    unpinned: few(name),
  },
  {
    requiredKeys: [
      'tenant',
      'gatewayId',
      'target',
      'requester',
      'protocol',
      'statements',
      'objects',
      'settings',
      'insideTransaction',
      'unpinned',
    ],
  },
);
