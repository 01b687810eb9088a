import { analyzeText } from './analyze-text.js';
import { loadGrammar, type Grammar } from './grammar.js';
import { replaceCredentials } from './replace-credentials.js';

let grammar: Grammar;
beforeAll(async () => {
  grammar = await loadGrammar();
});

const SALT = Buffer.from('salt');

function shown(text: string): string {
  const { result } = analyzeText(grammar, text, 10);
  if (!result.ok) throw new Error(`${text}: ${result.message}`);
  return replaceCredentials(text, result.analysis.credentials, SALT).replace(
    /<credential:[0-9a-f]{16}>/g,
    '#',
  );
}

describe('credentials in statements are found and replaced', () => {
  it.each([
    ["CREATE ROLE é PASSWORD 'hush' VALID UNTIL 'x'", "CREATE ROLE é PASSWORD '#' VALID UNTIL 'x'"],
    ["ALTER USER a ENCRYPTED PASSWORD E'hu\\'sh'", "ALTER USER a ENCRYPTED PASSWORD '#'"],
    ["ALTER USER a PASSWORD 'hu'\n  'sh'", "ALTER USER a PASSWORD '#'"],
    ['ALTER USER a PASSWORD $x$hush$x$', "ALTER USER a PASSWORD '#'"],
    ["ALTER USER a /* of 'b' */ PASSWORD /* ! */ 'hush'", "ALTER USER a /* of 'b' */ PASSWORD /* ! */ '#'"],
    [
      "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'a', password 'hush')",
      "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'a', password '#')",
    ],
    ['ALTER SERVER s OPTIONS (SET "password" \'hush\')', 'ALTER SERVER s OPTIONS (SET "password" \'#\')'],
    [
      "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hush' PUBLICATION p",
      "CREATE SUBSCRIPTION s CONNECTION '#' PUBLICATION p",
    ],
    ["ALTER SUBSCRIPTION s CONNECTION 'service=x'", "ALTER SUBSCRIPTION s CONNECTION '#'"],
    ["SELECT dblink_connect('n', 'service=x')", "SELECT dblink_connect('#', '#')"],
    ["SELECT 'postgresql://u:hush@h/d'", "SELECT '#'"],
    ["SELECT 'redis://:hush@h', 'https://example.org/a:b'", "SELECT '#', 'https://example.org/a:b'"],
    ["SELECT 'host=h PASSWORD = hush'", "SELECT '#'"],
    ["SELECT E'pass\\x77ord=hush'", "SELECT '#'"],
    ["UPDATE u SET password = 'hush', a = 'b'", "UPDATE u SET password = '#', a = 'b'"],
    ["INSERT INTO u (a, api_key) VALUES ('b', 'hush')", "INSERT INTO u (a, api_key) VALUES ('b', '#')"],
    [
      "SELECT 1 FROM u WHERE u.password_hash = 'x' AND token = 'hush'",
      "SELECT 1 FROM u WHERE u.password_hash = 'x' AND token = '#'",
    ],
    ["SELECT crypt('hush', salt) FROM u", "SELECT crypt('#', salt) FROM u"],
    ["SET app.jwt_secret = 'hush'", "SET app.jwt_secret = '#'"],
    ["ALTER SYSTEM SET primary_conninfo = 'host=h password=hush'", "ALTER SYSTEM SET primary_conninfo = '#'"],
    [
      "DO $$ BEGIN EXECUTE 'x'; ALTER USER a PASSWORD 'hush'; END $$",
      "DO $$ BEGIN EXECUTE 'x'; ALTER USER a PASSWORD '#'; END $$",
    ],
    [
      "SELECT 'a'; ALTER USER a PASSWORD 'hush'; SELECT 'b'",
      "SELECT 'a'; ALTER USER a PASSWORD '#'; SELECT 'b'",
    ],
    ["SELECT 'the password is long', 'passwords'", "SELECT 'the password is long', 'passwords'"],
  ])('%s', (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it('takes every literal of a statement whose secret option it cannot place', () => {
    const text = `ALTER SERVER s OPTIONS (SET U&"p\\0061ssword" 'hush', SET host 'h')`;
    expect(shown(text)).not.toContain('hush');
  });

  it('commits to the literal under the salt', () => {
    const text = "ALTER USER a PASSWORD 'hush'";
    const ranges = [{ start: 22, end: 28 }];
    // printf "salt'hush'" | sha256sum
    expect(replaceCredentials(text, ranges, SALT)).toBe(
      "ALTER USER a PASSWORD '<credential:86f3911ccc505f5b>'",
    );
    expect(replaceCredentials(text, ranges, Buffer.from('other'))).not.toBe(
      replaceCredentials(text, ranges, SALT),
    );
  });
});
