import { commentDepth } from './comment-depth.js';

describe('commentDepth', () => {
  it.each([
    ['SELECT 1', 0],
    ['/* a */ SELECT /* b */ 1', 1],
    ['/* a /* b */ c */ /* d', 2],
    ['SELECT \'/* /* /*\', "/*", $$ /* $$, $a$ /* $$ /* $a$', 0],
    ["SELECT E'\\'/*' -- /* /*", 0],
    ["/* ' */ /* /* */ */", 2],
    ['-- /*\n/* */', 1],
  ])('%s nests %d deep', (text, depth) => {
    expect(commentDepth(text, 10)).toBe(depth);
  });

  it('stops above the limit', () => {
    expect(commentDepth('/*'.repeat(1_000_000), 64)).toBe(65);
  });

  it('does not look at the rest of a comment again for each of its characters', () => {
    const started = performance.now();
    expect(commentDepth(`/*${`-'"`.repeat(700_000)}*/`, 64)).toBe(1);
    // Quadratic, this would take hours.
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
