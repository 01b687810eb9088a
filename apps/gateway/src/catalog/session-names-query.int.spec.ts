import pg from 'pg';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { readTemporary, SESSION_NAMES_QUERY } from './session-names-query.js';

describe('the temporary relations of a session', () => {
  let postgres: TemporaryPostgres;
  let client: pg.Client;
  beforeAll(async () => {
    postgres = await temporaryPostgres();
    client = new pg.Client(postgres.adminUrl());
    await client.connect();
    await client.query(`
      CREATE TABLE lasting (id int); CREATE TYPE mark AS ENUM ('a');
      CREATE FUNCTION seen(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
      CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE DOMAIN odd AS int CHECK (seen(VALUE));
      CREATE FUNCTION same(int, int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
      CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
      CREATE TEMP TABLE plain (id serial PRIMARY KEY, at date DEFAULT now(), m mark, ms mark[], CHECK (id > 0));
      CREATE TEMP TABLE child () INHERITS (lasting);
      CREATE TEMP VIEW shown AS SELECT * FROM lasting;
      CREATE TEMP TABLE triggered (id int);
      CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION fired();
      CREATE TEMP TABLE ruled (id int); CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT 1;
      CREATE TEMP TABLE guarded (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
      CREATE TEMP TABLE defaulted (id boolean DEFAULT seen(1));
      CREATE TEMP TABLE checked (id int CHECK (id === 1));
      CREATE TEMP TABLE indexed (id int); ALTER FUNCTION seen(int) IMMUTABLE; CREATE INDEX ON indexed (seen(id));
      CREATE TEMP TABLE domained (id odd); CREATE TEMP TABLE domains (id odd[]);`);
  }, 60_000);
  afterAll(async () => {
    await client.end();
    await postgres.dispose();
  });

  it('are told apart by what they have beyond columns', async () => {
    const { rows } = await client.query<string[]>({ text: SESSION_NAMES_QUERY, rowMode: 'array' });
    const found = readTemporary(rows[0]?.[2] ?? '');
    expect(Object.fromEntries(found.map(({ name, beyond }) => [name, beyond]))).toEqual({
      plain: undefined,
      plain_id_seq: undefined,
      child: undefined,
      shown: 'a definition',
      triggered: 'triggers',
      ruled: 'rules',
      guarded: 'policies',
      defaulted: 'code of its own',
      checked: 'code of its own',
      indexed: 'code of its own',
      domained: 'code of its own',
      domains: 'code of its own',
    });
    const { rows: lasting } = await client.query<{ oid: string }>(
      "SELECT 'lasting'::regclass::oid::text AS oid",
    );
    expect(found.find(({ name }) => name === 'child')?.parents).toEqual([Number(lasting[0]?.oid)]);
    expect(found.find(({ name }) => name === 'plain')?.columns).toEqual(['id', 'at', 'm', 'ms']);
  });
});
