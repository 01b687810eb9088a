import fc from 'fast-check';
import type { MessageAnalysis } from '../analysis.js';
import { analyzeText } from '../analyze-text.js';
import { loadGrammar, type Grammar } from '../grammar.js';
import { lexemesOf } from './lexemes.js';

let grammar: Grammar;
beforeAll(async () => {
  grammar = await loadGrammar();
});

function known(text: string): MessageAnalysis {
  const { result } = analyzeText(grammar, text, 100);
  if (!result.ok) throw new Error(`${text}: ${result.message}`);
  return result.analysis;
}

describe('the normal form of a text', () => {
  it.each([
    ["select 1, 'a' from t where b in (1, 2.5e-3)", 'select $1, $2 from t where b in ($3, $4)'],
    ["SELECT  a\n FROM t -- password = 'x'\n WHERE b = -1;", 'SELECT a FROM t WHERE b = -$1;'],
    ["select $2::int, 'x'", 'select $2::int, $3'],
    [
      "select 'it''s', E'it\\'s \\\\', U&'\\0041', b'01', x'ff', N'n', $$d$$, $q$ $$ $q$",
      'select $1, $2, $3, $4, $5, $6, $7, $8',
    ],
    ["select 'a' \n 'b', e'a'\n 'b\\'c'", 'select $1, $2'],
    ['select "a b", é."x$y" from é, a$b where c1 = 0x1F', 'select "a b", é."x$y" from é, a$b where c1 = $1'],
    ["select 'é', '1' /* /* ' */ \" */ from t", 'select $1, $2 from t'],
    ["alter user a password 'geheim'", 'alter user a password $1'],
    ['set app.password = geheim', 'set app.password = $1'],
    ['alter role a set app.token to geheim, "x"', 'alter role a set app.token to $1, $2'],
    ['set transaction isolation level read committed', 'set transaction isolation level read committed'],
    ["comment on table t is 'geheim'", 'comment on table t is $1'],
    [
      "create table t (a text default 'geheim' check (a <> 'x'))",
      'create table t (a text default $1 check (a <> $2))',
    ],
    ["execute p('geheim', 1)", 'execute p($1, $2)'],
    ["prepare p as select 'geheim'", 'prepare p as select $1'],
    ["copy t from program 'curl'", 'copy t from program $1'],
    [
      "create view v as select extract(year from d), interval '5' day",
      'create view v as select extract(year from d), interval $1 day',
    ],
    ["do $x$ begin perform 'geheim'; end $x$", 'do $1'],
    ['select a.b[1:2], 1.5+.5', 'select a.b[$1:$2], $3+$4'],
    ['begin; select 1', 'begin; select $1'],
  ])('%s', (text, normalized) => {
    expect(known(text)).toMatchObject({ normalized, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) });
  });

  it('holds no string, whatever one contains', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("'", 'E', '$', '"', '/', '-'), fc.string({ unit: 'grapheme' })), {
          minLength: 1,
          maxLength: 6,
        }),
        (parts) => {
          const clean = parts.map(([how, raw]) => [how, `needle${raw.replaceAll('\0', '')}`] as const);
          const written = clean.map(([how, value]) => {
            if (how === 'E') return `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
            if (how === '$') return `$tag_x$${value.replaceAll('$', '')}$tag_x$`;
            const plain = `'${value.replaceAll("'", "''")}'`;
            if (how === '"') return `${plain} as "a""'$$"`;
            if (how === '/') return `${plain} /* ' $$ /* " */ */`;
            if (how === '-') return `${plain} -- ' $$ /* "\n`;
            return plain;
          });
          const { normalized } = known(`select ${written.join(', ')}`);
          expect(normalized).toBeDefined();
          expect(normalized).not.toContain('needle');
        },
      ),
    );
  });

  it('is absent above 8,192 characters, and the text is still analysed', () => {
    const found = known(`select ${'a, '.repeat(4_000)}b from t`);
    expect(found.normalized).toBeUndefined();
    expect(found.fingerprint).toBeDefined();
    expect(found.statements).toHaveLength(1);
    const longer = known(`select '${'x'.repeat(40_000)}'`);
    expect(longer).not.toHaveProperty('fingerprint');
    expect(longer.statements).toHaveLength(1);
  });
});

describe('the fingerprint', () => {
  it.each([
    ["select a from t where b = 1 and c = 'x'", "SELECT a  FROM t WHERE b = 22 /* d */ AND c = 'it''s'"],
    ["alter user a password 'geheim'", "alter user a password 'other'"],
    ["comment on table t is 'a'", "comment on table t is 'b'"],
    [
      "create subscription s connection 'password=a' publication p",
      "create subscription s connection 'b' publication p",
    ],
    ['set x = a', "set x = 'b'"],
  ])('is the same for %s and %s', (one, other) => {
    expect(known(one).fingerprint).toBe(known(other).fingerprint);
  });

  it.each([
    ['select a from t', 'select b from t'],
    ['select a from t', 'select a from u'],
    ['delete from t where a = 1', 'delete from t'],
  ])('differs for %s and %s', (one, other) => {
    expect(known(one).fingerprint).not.toBe(known(other).fingerprint);
  });
});

describe('the tags of a text', () => {
  it.each([
    ["select 1 /*agent='etl',model='m%201'*/", { agent: 'etl', model: 'm 1' }],
    ["/* agent='etl' */ select 1;", { agent: 'etl' }],
    ["select 1 /*a='1'*/ ; /*b='2'*/ -- c='3'", { a: '1', b: '2' }],
    [
      "select 1 /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/",
      { traceparent: '00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01' },
    ],
    ["select 1 /*a='it\\'s',b='x'*/", { a: "it's", b: 'x' }],
    ["select 1 /*bad,agent='x',c=1,d='%zz',e='%00',=''*/", { agent: 'x' }],
    ["select 1 /*a='1',a='2'*/", { a: '1' }],
    ["/*agent='x'*/", { agent: 'x' }],
  ])('%s', (text, tags) => {
    expect(known(text).tags).toEqual(tags);
  });

  it.each([
    "select /*agent='x'*/ 1",
    "select '/*agent=''x''*/'",
    "select 1 -- agent='x'",
    "select 1 /*password='x'*/",
    "select 1 /*dsn='postgres%3A%2F%2Fu%3Ap%40h%2Fd'*/",
    `select 1 /*${'k'.repeat(65)}='x'*/`,
    `select 1 /*k='${'x'.repeat(257)}'*/`,
    "select 1 /*__proto__='x'*/",
    'select 1 /* nothing */',
  ])('%s has none', (text) => {
    expect(known(text).tags).toBeUndefined();
  });

  it('are at most twenty', () => {
    const pairs = Array.from({ length: 30 }, (_, index) => `k${index}='v'`);
    expect(Object.keys(known(`select 1 /*${pairs.join()}*/`).tags ?? {})).toHaveLength(20);
  });
});

it('the pieces of any text cover it without gaps, or there are none', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...`'"$\\/*-eE&uU. 1a_\n;é`) }), (text) => {
      const pieces = lexemesOf(text);
      if (pieces !== undefined)
        expect(pieces.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text);
    }),
  );
});
