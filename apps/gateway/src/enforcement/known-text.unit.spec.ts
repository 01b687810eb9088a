import { statementSchema } from '#libs/contracts/events/statement-events.js';
import { analyzeText } from '#libs/sql/analyze-text.js';
import { loadGrammar, type Grammar } from '#libs/sql/grammar.js';
import { replaceCredentials } from '#libs/sql/replace-credentials.js';
import { KnownTexts, type RecordedStatement } from './known-text.js';
import { redactStatement } from './redact.js';

let grammar: Grammar;
beforeAll(async () => {
  grammar = await loadGrammar();
});

const texts = new KnownTexts((text, credentials) => ({
  text: replaceCredentials(text, credentials, Buffer.from('salt')),
  replaced: credentials.length,
}));

function recorded(text: string): RecordedStatement {
  const { result } = analyzeText(grammar, text, 100);
  if (!result.ok) throw new Error(result.message);
  return statementSchema.parse(texts.of(text, Buffer.from(text), result).recorded);
}

const hidden = (text: string): RecordedStatement => redactStatement(recorded(text), { redact: ['literals'] });

describe('what is recorded of a statement', () => {
  it('tells its functions, whether it is bounded, its fingerprint, its normal form and its tags', () => {
    const text = "DELETE FROM t WHERE a = lower('X') /*agent='etl'*/";
    expect(recorded(text)).toMatchObject({
      text,
      functions: ['lower'],
      bounded: true,
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      normalized: 'DELETE FROM t WHERE a = lower($1)',
      tags: { agent: 'etl' },
    });
    expect(recorded('SELECT 1; DELETE FROM t')).toMatchObject({ bounded: false, functions: [] });
  });

  it('has room for two hundred functions', () => {
    const calls = Array.from({ length: 300 }, (_, index) => `f${index}()`);
    expect(recorded(`SELECT ${calls.join()}`).functions).toHaveLength(200);
  });

  it.each([
    "ALTER USER a PASSWORD 'geheim'",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=geheim' PUBLICATION p",
    "CREATE USER MAPPING FOR a SERVER s OPTIONS (password 'geheim')",
    "SELECT dblink_connect('host=h password=geheim')",
    "DO $$ BEGIN EXECUTE 'ALTER USER a PASSWORD ''geheim'''; END $$",
    "INSERT INTO users (name, password) VALUES ('a', 'geheim')",
  ])('holds no credential: %s', (text) => {
    expect(JSON.stringify(recorded(text))).not.toContain('geheim');
  });

  it('holds no tag that is a credential', () => {
    const { normalized, tags } = recorded(
      "SELECT 1 /*dsn='postgres%3A%2F%2Fa%3Ageheim%40h%2Fd',token='geheim'*/",
    );
    expect({ normalized, tags }).toEqual({ normalized: 'SELECT $1', tags: undefined });
  });
});

describe('what is recorded where policy hides literals', () => {
  it.each([
    ["SELECT 'geheim', 4711", 'SELECT $1, $2'],
    ["COMMENT ON TABLE t IS 'geheim' -- geheim", 'COMMENT ON TABLE t IS $1'],
    ["SELECT 1 /*route='geheim',id='4711'*/", 'SELECT $1'],
    ['SET app.customer = geheim', 'SET app.customer = $1'],
    ["CREATE TABLE t (a text DEFAULT 'geheim')", 'CREATE TABLE t (a text DEFAULT $1)'],
  ])('%s: the normal form, and neither comment nor tags', (text, normalized) => {
    const statement = hidden(text);
    expect(statement).toMatchObject({ text: normalized, redacted: ['literals'] });
    expect(JSON.stringify(statement)).not.toMatch(/geheim|4711/);
  });

  it('a text too long for a normal form leaves its digest', () => {
    const statement = hidden(`SELECT ${"'geheim', ".repeat(2_000)} 1`);
    expect(statement).not.toHaveProperty('text');
    expect(statement.redacted).toEqual(['literals']);
  });
});
