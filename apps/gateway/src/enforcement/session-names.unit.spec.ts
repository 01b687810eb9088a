import { SessionNames, type NameChange } from './session-names.js';

const change = (name: string | null, value: string | undefined, series: number): NameChange<string> => ({
  name,
  value,
  series,
});

describe('SessionNames', () => {
  it('knows a name within the series that makes it, before the server has answered', () => {
    const names = new SessionNames<string>();
    names.propose(change('a', 'SELECT 1', 1));
    expect(names.find('a', 1)).toEqual({ is: 'known', value: 'SELECT 1' });
  });

  it('does not trust an unanswered change from another series', () => {
    const names = new SessionNames<string>();
    const first = change('a', 'DROP TABLE t', 1);
    names.propose(first);
    names.confirm(first);
    names.propose(change('a', 'SELECT 1', 2));
    expect(names.find('a', 3)).toEqual({ is: 'uncertain' });
  });

  it('keeps the old meaning when the server refuses the new one', () => {
    const names = new SessionNames<string>();
    const first = change('a', 'DROP TABLE t', 1);
    const second = change('a', 'SELECT 1', 2);
    names.propose(first);
    names.confirm(first);
    names.propose(second);
    names.withdraw(second);
    expect(names.find('a', 3)).toEqual({ is: 'known', value: 'DROP TABLE t' });
  });

  it('is uncertain of every name while DEALLOCATE ALL is unanswered, and then knows none', () => {
    const names = new SessionNames<string>();
    const made = change('a', 'x', 1);
    const all = change(null, undefined, 2);
    names.propose(made);
    names.confirm(made);
    names.propose(all);
    expect(names.find('a', 3)).toEqual({ is: 'uncertain' });
    names.confirm(all);
    expect(names.find('a', 3)).toEqual({ is: 'unknown' });
  });
});
