import fc from 'fast-check';
import { EventScan, FIELDS } from './event-scan.js';

/** What the scan finds, as JSON would read it; undefined when it declines. */
function scanned(text: string): Record<string, unknown> | undefined {
  const bytes = Buffer.concat([Buffer.from('<<'), Buffer.from(text), Buffer.from('>>')]);
  const scan = new EventScan();
  if (!scan.scan(bytes, 2, bytes.length - 2)) return undefined;
  const found: Record<string, unknown> = {};
  for (const [index, name] of FIELDS.entries()) {
    const begin = scan.starts[index] as number;
    if (begin === -1) continue;
    const value = bytes.toString('utf8', begin, scan.ends[index]);
    found[name] = JSON.parse(bytes[begin - 1] === 0x22 ? `"${value}"` : value);
  }
  return found;
}

const expected = (event: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(FIELDS.filter((name) => name in event).map((name) => [name, event[name]]));

describe('the scan of an event', () => {
  it('finds what JSON.parse finds, wherever it stands and whatever is nested beside it', () => {
    const key = fc.oneof(fc.constantFrom(...FIELDS), fc.string({ maxLength: 14 }));
    const unit = fc.constantFrom('a', 'b', '"', '\\', '!', '#', '[', ']', '\n', 'é', '\u0000');
    const value = fc.oneof(fc.jsonValue({ depthSize: 'small' }), fc.string({ unit, maxLength: 80 }));
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 12 }), (event) => {
        const text = JSON.stringify(event);
        const found = scanned(text);
        // It may decline (a name with an escape, an empty object), but never answers differently.
        if (found !== undefined) expect(found).toEqual(expected(JSON.parse(text) as Record<string, unknown>));
        else
          expect(
            text === '{}' || Object.keys(event).some((name) => JSON.stringify(name) !== `"${name}"`),
          ).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes the last of two, as JSON.parse does, and declines what is no plain object', () => {
    expect(scanned('{"id":"a","x":{"id":"b"},"id":"c"}')).toEqual({ id: 'c' });
    for (const text of [
      '',
      '{',
      '{}',
      '[]',
      '{"id":"a"',
      '{"id":"a"}}',
      '{ "id":"a"}',
      '{"i\\u0064":"a"}',
      '{"id":"a",}',
      '{"id" :"a"}',
      '{"x":["}',
    ])
      expect([text, scanned(text)]).toEqual([text, undefined]);
  });
});
