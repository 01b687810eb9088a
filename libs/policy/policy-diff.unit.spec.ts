import fc from 'fast-check';
import { changedLines } from './changed-lines.js';
import { diffPolicies } from './policy-diff.js';

const text = (version: number, rules: readonly string[]): string =>
  ['version: ' + version, 'default: allow', 'rules:', ...rules.map((rule) => `  - { ${rule} }`), ''].join(
    '\n',
  );

describe('what a policy changes', () => {
  it('is told by rule, by setting and by line', () => {
    const before = text(1, ["id: a, when: 'true', effect: allow", "id: b, when: 'true', effect: deny"]);
    const after = text(2, ["id: a, when: 'false', effect: allow", "id: c, when: 'true', effect: deny"]);
    expect(diffPolicies(before, after)).toEqual({
      added: ['c'],
      removed: ['b'],
      changed: ['a'],
      settings: ['version'],
      lines: [
        '-version: 1',
        '+version: 2',
        "-  - { id: a, when: 'true', effect: allow }",
        "-  - { id: b, when: 'true', effect: deny }",
        "+  - { id: a, when: 'false', effect: allow }",
        "+  - { id: c, when: 'true', effect: deny }",
      ].join('\n'),
    });
  });

  it('is nothing by rule where only the writing differs', () => {
    const before = text(1, ["id: a, when: 'true', effect: allow"]);
    expect(diffPolicies(before, before.replace("'true'", '"true"'))).toMatchObject({
      added: [],
      removed: [],
      changed: [],
      settings: [],
    });
  });
});

describe('changed lines', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });

  it('turn the old text into the new one, and are none for equal texts', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const changes = changedLines(before, after);
        const gone = changes.filter((line) => line.startsWith('-')).length;
        const come = changes.filter((line) => line.startsWith('+')).length;
        expect(before.length - gone).toBe(after.length - come);
        expect(changedLines(before, before)).toEqual([]);
      }),
    );
  });
});
