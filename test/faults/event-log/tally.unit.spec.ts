import { tally } from './tally.js';

describe('the tally of a fault run', () => {
  const acknowledged = new Map([
    ['a', 3],
    ['b', 2],
  ]);

  it('is clean where every record stands once and in order', () => {
    expect(tally(acknowledged, ['a:0', 'b:0', 'a:1', 'b:1', 'a:2', 'a:3'])).toEqual({
      acknowledged: 5,
      found: 6,
      lost: 0,
      doubled: 0,
      outOfOrder: 0,
    });
  });

  it('counts what is lost, doubled and out of order', () => {
    expect(tally(acknowledged, ['a:1', 'a:0', 'a:0', 'b:1'])).toMatchObject({
      lost: 2,
      doubled: 1,
      outOfOrder: 1,
    });
  });
});
