import fc from 'fast-check';
import { cutStatements, joinStatements, MAX_PARTS, STATEMENT_IN_PARTS } from './binding-parts.js';

const statement = (bytes: number) => ({
  ...STATEMENT_IN_PARTS,
  text: Buffer.alloc(bytes, 'x').toString('base64'),
});

describe('parts of a binding', () => {
  it('are made only of what is too long for one event, and of no more than can be kept', () => {
    expect(cutStatements([statement(200_000)])).toBeUndefined();
    expect(cutStatements([statement(1_048_576)])?.parts).toHaveLength(4);
    expect(cutStatements([statement(MAX_PARTS * 300_000)])).toBeUndefined();
  });

  it('give back what was cut, whatever its length, and nothing where one is missing, changed or moved', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 700_000 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (lengths, seed) => {
          const statements = lengths.map(statement);
          const cut = cutStatements(statements);
          if (cut === undefined) return;
          const { parts, inParts } = cut;
          expect(joinStatements(parts, inParts)).toEqual(statements);
          expect(parts.every((part) => part.length <= 400_000 && part.length > 0)).toBe(true);
          const at = seed % parts.length;
          expect(joinStatements(parts.toSpliced(at, 1), inParts)).toBeUndefined();
          expect(joinStatements(parts.with(at, `${parts[at]} `), inParts)).toBeUndefined();
          expect(joinStatements([...parts.slice(1), parts[0] as string], inParts)).toBeUndefined();
        },
      ),
      { numRuns: 20 },
    );
  });
});
