import { readStartupParameters } from './startup-parameters.js';
import { targetApplicationName } from './application-name.js';

const read = (extra: Record<string, string>) =>
  readStartupParameters(new Map(Object.entries({ user: 'alice', database: 'shop', ...extra })));

describe('readStartupParameters', () => {
  it('forwards what is safe, under the name and value the client gave', () => {
    expect(read({ DateStyle: 'ISO, DMY', statement_timeout: '5s' }).forwarded).toEqual([
      ['DateStyle', 'ISO, DMY'],
      ['statement_timeout', '5s'],
    ]);
  });

  it.each([
    ['replication', 'database'],
    ['role', 'postgres'],
    ['session_replication_role', 'replica'],
    ['local_preload_libraries', 'x'],
    ['options', '-c role=postgres'],
    ['options', '--session-authorization=x'],
    ['options', '-B 10'],
    ['options', '-c search_path=a -cRoLe=x'],
    ['options', '-c'],
    ['options', '-c\\ role=x'],
  ])('refuses %s=%s by name', (name, value) => {
    expect(() => read({ [name]: value })).toThrow(/not allowed|do not pass/);
  });

  it.each(['-c search_path=a,b', '-csearch_path=a\\ b --statement-timeout=5s', ''])(
    'takes options "%s"',
    (options) => {
      expect(() => read({ options })).not.toThrow();
    },
  );

  it('takes the user as database where none is given, as the server does', () => {
    expect(readStartupParameters(new Map([['user', 'alice']])).database).toBe('alice');
  });
});

describe('targetApplicationName', () => {
  const session = '01890000-0000-7000-8000-000000000000';
  it('keeps a short name whole', () => {
    expect(targetApplicationName('psql', session)).toBe(`psql cs:${session}`);
  });

  it('cuts a long name at a character so that all fits 63 bytes', () => {
    const name = targetApplicationName('é'.repeat(40), session);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(name.endsWith(` cs:${session}`)).toBe(true);
    expect(name).not.toContain('\ufffd');
  });
});
