import type { DriftWorld, Statement } from './drift-world.js';
import { inSession, sentOtherwise, update, type Variation } from './variation.js';

const base = (table: string): Statement => ({ text: `UPDATE ${table} SET v = v + 1 WHERE id < 10` });
const other = (name: string, change: (text: string, table: string) => string): Variation =>
  sentOtherwise(`text: ${name}`, base, (table) => ({ text: change(base(table).text, table) }));

/** Puts something at each place where a blank is: the smallest changes of the bytes there are. */
const atBlanks = (name: string, put: string): Variation[] =>
  [...base('t').text.matchAll(/ /g)].map((_, index) =>
    other(`${name} at blank ${index + 1}`, (text) => {
      const parts = text.split(' ');
      return `${parts.slice(0, index + 1).join(' ')}${put}${parts.slice(index + 1).join(' ')}`;
    }),
  );

const texts = (): Variation[] => [
  ...atBlanks('two blanks', '  '),
  ...atBlanks('a comment', ' /* harmless */ '),
  ...atBlanks('a line break', '\n'),
  ...atBlanks('a tab', '\t'),
  other('a cast', (text) => text.replace('+ 1', '+ 1::int')),
  other('parentheses', (text) => text.replace('id < 10', '(id < 10)')),
  other('another table joined', (text) => text.replace(' WHERE', ' FROM orders WHERE')),
  other('a subselect', (text, table) => text.replace('< 10', `IN (SELECT id FROM ${table})`)),
  other('a semicolon', (text) => `${text};`),
  other('lower case', (text, table) => text.toLowerCase().replace(table.toLowerCase(), table)),
  other('another number', (text) => text.replace('+ 1', '+ 2')),
  other('another bound', (text) => text.replace('< 10', '< 11')),
  other('no bound', (text) => text.replace(/ WHERE.*/, '')),
  other('another column set as well', (text) => text.replace('SET', 'SET id = id,')),
  other('another operator', (text) => text.replace('< 10', '<> 10')),
  other('a second statement', (text, table) => `${text}; DELETE FROM ${table}`),
  other('a statement before it', (text, table) => `DELETE FROM ${table} WHERE id = 3; ${text}`),
  other('DELETE instead', (_, table) => `DELETE FROM ${table} WHERE id < 10`),
  other('INSERT instead', (_, table) => `INSERT INTO ${table} VALUES (9, 9)`),
  other('the table with its schema', (text, table) => text.replace(table, `public.${table}`)),
  other('the table in quotes', (text, table) => text.replace(table, `"${table}"`)),
  other('ONLY', (text, table) => text.replace(table, `ONLY ${table}`)),
  other('an alias', (text, table) => text.replace(table, `${table} AS x`)),
  other('RETURNING', (text) => `${text} RETURNING v`),
  other('a CTE around it', (text) => `WITH x AS (${text} RETURNING 1) SELECT * FROM x`),
  other('EXPLAIN ANALYZE of it', (text) => `EXPLAIN ANALYZE ${text}`),
  other('prepared and executed', (text) => `PREPARE p AS ${text}; EXECUTE p`),
  other('inside DO', (text) => `DO $$ BEGIN ${text}; END $$`),
  other('a trailing comment', (text) => `${text} -- as approved`),
  other('a zero-width space', (text) => text.replace('WHERE', 'WHERE\u200b')),
  other('a no-break space', (text) => text.replace('WHERE ', 'WHERE\u00a0')),
];

const withValues = (table: string, values: readonly unknown[], binary?: boolean): Statement => ({
  text: `UPDATE ${table} SET v = v + $1::int WHERE id < $2::int`,
  values,
  ...(binary === undefined ? {} : { binary }),
});
const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const values = (): Variation[] =>
  (
    [
      ['another value', [2, 10]],
      ['the values exchanged', [10, 1]],
      ['NULL', [null, 10]],
      ['a text with a blank', [' 1', 10]],
      ['a text with a sign', ['+1', 10]],
      ['leading zeros', ['01', 10]],
      ['a negative value', [-1, 10]],
      ['another bound', [1, 11]],
      ['a bound of everything', [1, 2147483647]],
      ['binary format of the same value', [int4(1), 10]],
      ['binary format of the other one', [1, int4(10)]],
      ['binary format of both', [int4(1), int4(10)]],
    ] as const
  ).map(([name, sent]) =>
    sentOtherwise(
      `parameter: ${name}`,
      (t) => withValues(t, [1, 10]),
      (t) => withValues(t, sent),
    ),
  );

const formats = (): Variation[] => [
  sentOtherwise(
    'format: results in binary',
    (t) => withValues(t, [1, 10]),
    (t) => withValues(t, [1, 10], true),
  ),
  sentOtherwise(
    'format: results in text again',
    (t) => withValues(t, [1, 10], true),
    (t) => withValues(t, [1, 10]),
  ),
  sentOtherwise(
    'protocol: extended for simple',
    (t) => base(t),
    (t) => ({ ...base(t), extended: true }),
  ),
  sentOtherwise(
    'protocol: simple for extended',
    (t) => withValues(t, [1, 10]),
    (t) => ({
      text: `UPDATE ${t} SET v = v + 1::int WHERE id < 10::int`,
    }),
  ),
];

/** Settings of the session that change what a statement means. */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['search_path', 'public, pg_catalog'],
  ['search_path', 'information_schema, public'],
  ['search_path', 'public, information_schema'],
  ['client_encoding', 'LATIN1'],
  ['client_encoding', 'SQL_ASCII'],
  ['standard_conforming_strings', 'off'],
  ['DateStyle', 'SQL, DMY'],
  ['DateStyle', 'German'],
  ['IntervalStyle', 'iso_8601'],
  ['IntervalStyle', 'sql_standard'],
  ['TimeZone', 'Asia/Tokyo'],
  ['TimeZone', 'America/St_Johns'],
  ['row_security', 'off'],
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_isolation', 'repeatable read'],
  ['default_transaction_read_only', 'on'],
];
const literal = (value: string): string =>
  value
    .split(', ')
    .map((part) => `'${part}'`)
    .join(', ');

const settings = (): Variation[] => [
  ...SETTINGS.map(([name, value]) =>
    inSession(`setting: ${name} = ${value}`, () => [`SET ${name} = ${literal(value)}`]),
  ),
  // The client names its encoding at the start of each session, over whatever the role says.
  ...SETTINGS.filter(([name]) => name !== 'client_encoding').map(([name, value]) =>
    newSession(`setting of the role: ${name} = ${value}`, name, value),
  ),
  newSession(
    'setting of the role: session_replication_role = replica',
    'session_replication_role',
    'replica',
  ),
  newSession('setting of the role: role = drift_other', 'role', 'drift_other', 'UPDATE'),
];

/** The same statement in a new session, whose settings the administrator has changed since. */
function newSession(name: string, setting: string, value: string, grant?: 'UPDATE'): Variation {
  return {
    name,
    run: async (world, table) => {
      const first = await world.connect('alice', 'retry');
      const approved = { text: update(table) };
      if (grant !== undefined) await world.admin.query(`GRANT ${grant} ON ${table} TO drift_other`);
      await world.approvedForRetry(first, approved);
      await first.end();
      await world.admin.query(`ALTER ROLE shop_app SET ${setting} = ${literal(value)}`);
      const second = await world
        .connect('alice', 'retry')
        .finally(() => world.admin.query(`ALTER ROLE shop_app RESET ${setting}`));
      try {
        return await world.send(second, approved);
      } finally {
        await second.end();
      }
    },
  };
}

const roles = (): Variation[] => [
  inSession('role: SET ROLE', () => ['SET ROLE drift_other']),
  inSession('role: SET ROLE and back is the same', () => [
    'SET ROLE drift_other',
    'RESET ROLE',
    'SET ROLE drift_other',
  ]),
  inSession('inside a transaction', () => ['BEGIN']),
  inSession('inside a read only transaction', () => ['BEGIN READ ONLY']),
  inSession('inside a serializable transaction', () => ['BEGIN ISOLATION LEVEL SERIALIZABLE']),
  inSession('the role set inside a transaction', () => ['BEGIN', 'SET LOCAL ROLE drift_other']),
  inSession('a setting inside a transaction', () => ['BEGIN', "SET LOCAL TimeZone = 'Asia/Tokyo'"]),
];

const schemaInFront: Variation = {
  name: 'a schema put in front',
  run: async (world, table) => {
    const client = await world.connect('alice', 'retry');
    try {
      await world.approvedForRetry(client, base(table));
      await world.admin.query(`CREATE SCHEMA ${table}_s AUTHORIZATION shop_app;
        CREATE TABLE ${table}_s.${table} (id int, v int); GRANT ALL ON ${table}_s.${table} TO shop_app`);
      await client.query(`SET search_path = ${table}_s, public`);
      return await world.send(client, base(table));
    } finally {
      await client.end();
    }
  },
};

const shadows = (): Variation[] =>
  [
    inSession('a temporary table of the same name', (t) => [`CREATE TEMP TABLE ${t} (id int, v int)`]),
    inSession('a temporary view of the same name', (t) => [
      `CREATE TEMP VIEW ${t} AS SELECT * FROM public.${t}`,
    ]),
    inSession('a temporary table in a transaction', (t) => [
      'BEGIN',
      `CREATE TEMP TABLE ${t} (id int, v int) ON COMMIT DROP`,
    ]),
    inSession('a temporary table by SELECT INTO', (t) => [`SELECT * INTO TEMP ${t} FROM public.${t}`]),
    inSession('a temporary function made first', (t) => [
      `CREATE FUNCTION pg_temp.${t}_f(v int) RETURNS int LANGUAGE sql AS 'SELECT 50'`,
      "SET search_path = pg_temp, '$user', public",
    ]),
    schemaInFront,
  ].map((variation) => ({ ...variation, name: `shadow: ${variation.name}` }));

const bySomebodyElse = (name: string): Variation => ({
  name: `sent by ${name}`,
  run: async (world: DriftWorld, table: string) => {
    const alice = await world.connect('alice', 'retry');
    const second = await world.connect(name, 'retry');
    try {
      await world.approvedForRetry(alice, base(table));
      return await world.send(second, base(table));
    } finally {
      await alice.end();
      await second.end();
    }
  },
});

export const clientVariations = (): Variation[] => [
  { ...sentOtherwise('the very same', base, base), control: true },
  {
    ...sentOtherwise(
      'the very same values',
      (t) => withValues(t, [1, 10]),
      (t) => withValues(t, [1, 10]),
    ),
    control: true,
  },
  {
    ...inSession('a search_path that finds the same', () => [
      'SET search_path = pg_catalog, public, pg_temp',
    ]),
    control: true,
  },
  ...texts(),
  ...values(),
  ...formats(),
  ...settings(),
  ...roles(),
  ...shadows(),
  ...['erin', 'dana', 'etl-agent', 'bob'].map(bySomebodyElse),
];
