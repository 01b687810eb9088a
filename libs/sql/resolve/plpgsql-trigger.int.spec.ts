import pg from 'pg';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import type { SqlAnalyzer, StatementAnalysis } from '../analysis.js';
import { contextOf } from '../catalog/context-of.js';
import { loadCatalog } from '../catalog/load-catalog.js';
import { createSqlAnalyzer } from '../sql-analyzer.js';
import { relationsTouched, type Ask, type ServerRelation } from '../testing/server-relations.js';

/** `evil` writes into `harm`, unseen by anybody who only looks at what calls it. */
const SCHEMA = `
  CREATE SCHEMA tricks;
  CREATE TABLE t (id int, a text, b text, at timestamptz);
  CREATE TABLE audit_log (what text, who text);
  CREATE TABLE tricks.audit_log (what text, who text);
  CREATE TABLE second_log (what text);
  CREATE TABLE people (id int, name text); INSERT INTO people VALUES (1, 'x');
  CREATE TABLE harm (n int);
  CREATE FUNCTION tricks.evil() RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE 'INSERT INTO public.harm VALUES (1)'; RETURN 'x'; END$$;
  CREATE FUNCTION tricks.evil(anyelement) RETURNS text LANGUAGE sql AS 'SELECT tricks.evil()';
  CREATE FUNCTION tricks.evil_row() RETURNS t LANGUAGE plpgsql AS $$BEGIN PERFORM tricks.evil(); RETURN ROW(1, 'x', 'x', now())::public.t; END$$;
  CREATE FUNCTION with_default(x text DEFAULT tricks.evil()) RETURNS text LANGUAGE sql AS 'SELECT x';
  CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM audit_log';
  CREATE FUNCTION tricks.upper(text) RETURNS text LANGUAGE sql AS 'SELECT tricks.evil()';
  CREATE FUNCTION tricks.joined(text, int) RETURNS text LANGUAGE sql AS 'SELECT tricks.evil()';
  CREATE OPERATOR tricks.+ (LEFTARG = text, RIGHTARG = int, FUNCTION = tricks.joined);
  CREATE FUNCTION tricks.says(text) RETURNS boolean LANGUAGE sql AS 'SELECT tricks.evil() IS NOT NULL';
  CREATE DOMAIN odd AS text CHECK (tricks.says(VALUE));
  CREATE PROCEDURE does() LANGUAGE plpgsql AS $$BEGIN PERFORM tricks.evil(); END$$;
  CREATE FUNCTION traps() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM tricks.evil(); RETURN NEW; END$$;
  CREATE TABLE booby (what text); CREATE TRIGGER x BEFORE INSERT ON booby FOR EACH ROW EXECUTE FUNCTION traps();
  CREATE VIEW shown AS SELECT what FROM audit_log;
  CREATE TRIGGER x INSTEAD OF INSERT ON shown FOR EACH ROW EXECUTE FUNCTION traps();
  CREATE TABLE chained (what text);
  CREATE FUNCTION chains() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.second_log VALUES (NEW.what); RETURN NULL; END$$;
  CREATE TRIGGER x AFTER INSERT ON chained FOR EACH ROW EXECUTE FUNCTION chains();
  CREATE TYPE coin AS (n int); CREATE TABLE purses (c coin);
  CREATE FUNCTION tricks.as_text(coin) RETURNS text LANGUAGE sql AS 'SELECT tricks.evil()';
  CREATE CAST (coin AS text) WITH FUNCTION tricks.as_text(coin) AS IMPLICIT;
`;

describe('a trigger in PL/pgSQL', () => {
  let postgres: TemporaryPostgres;
  let client: pg.Client;
  let analyzer: SqlAnalyzer;

  beforeAll(async () => {
    postgres = await temporaryPostgres();
    client = new pg.Client(postgres.adminUrl());
    await client.connect();
    await client.query(SCHEMA);
    analyzer = createSqlAnalyzer();
  }, 60_000);
  afterAll(async () => {
    await analyzer.close();
    await client.end();
    await postgres.dispose();
  });

  interface Outcome {
    readonly said: StatementAnalysis;
    /** Tables that the server read or wrote. */
    readonly touched: readonly string[];
  }

  /** Puts a trigger on `t`, asks what a statement does, lets the server do it, and takes all of it back. */
  async function outcome(body: string, options: Options = {}): Promise<Outcome> {
    const {
      settings = '',
      path = 'public',
      before = '',
      text = "INSERT INTO t VALUES (1, 'x', 'y')",
    } = options;
    await client.query('BEGIN');
    try {
      await client.query(`${before};
        CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql ${settings} AS $fired$${body}$fired$;
        CREATE TRIGGER x BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION fired();
        SET LOCAL search_path = pg_catalog`);
      const catalog = await loadCatalog(
        async (query) => (await client.query<string[]>({ text: query, rowMode: 'array' })).rows,
      );
      await client.query(`SET LOCAL search_path = ${path}`);
      const result = await analyzer.resolve(text, contextOf(catalog, path));
      if (!result.ok) throw new Error(result.message);
      await client.query('SAVEPOINT s');
      let touched: readonly ServerRelation[] = [];
      try {
        const ask: Ask = async (query) => (await client.query<Record<string, unknown>>(query)).rows;
        touched = await relationsTouched(ask, text);
      } catch (error) {
        if (options.fails !== true) throw error;
      }
      return {
        said: result.analysis.statements[0] as StatementAnalysis,
        touched: touched.map(({ name }) => name),
      };
    } finally {
      await client.query('ROLLBACK');
    }
  }

  interface Options {
    readonly settings?: string;
    readonly path?: string;
    readonly before?: string;
    readonly text?: string;
    /** The server refuses it at run time. */
    readonly fails?: boolean;
  }

  const told: [string, string, readonly string[], Options?][] = [
    ['sets a time', 'BEGIN NEW.at := now(); RETURN NEW; END', []],
    ['sets a column with =', "BEGIN NEW.a = lower(NEW.b) || 'x'; RETURN NEW; END", []],
    [
      'writes a log',
      'BEGIN INSERT INTO public.audit_log (what, who) VALUES (TG_OP, NEW.a); RETURN NEW; END',
      ['public.audit_log'],
    ],
    [
      'writes a log by its own search_path',
      'BEGIN INSERT INTO audit_log VALUES (TG_OP, current_user); RETURN NEW; END',
      ['public.audit_log'],
      {
        settings: 'SET search_path = public, pg_temp',
        path: 'tricks, public',
        before: 'SET LOCAL search_path = public',
      },
    ],
    [
      'branches',
      `BEGIN IF TG_OP = 'DELETE' THEN INSERT INTO public.second_log VALUES (OLD.a); RETURN OLD;
         ELSIF NEW.a IS NULL THEN RAISE EXCEPTION 'a of % is empty', NEW.id;
         ELSE INSERT INTO public.audit_log VALUES (NEW.a); END IF; RETURN NEW; END`,
      ['public.audit_log', 'public.second_log'],
    ],
    [
      'sets off another',
      "BEGIN INSERT INTO public.chained VALUES ('x'); RETURN NULL; END",
      ['public.chained', 'public.second_log'],
    ],
    [
      'reads a table',
      'BEGIN NEW.b := (SELECT name FROM public.people WHERE id = NEW.id); RETURN NEW; END',
      ['public.people'],
    ],
    [
      'changes one row',
      "BEGIN UPDATE public.people SET name = 'z' WHERE id = 1; DELETE FROM public.people WHERE id = 2; RETURN NEW; END",
      ['public.people'],
    ],
    ['does nothing', 'BEGIN RETURN NULL; END', []],
  ];
  it.each(told.map(([what, body, relations, options = {}]) => ({ what, body, relations, options })))(
    'that only $what is told whole',
    async ({ body, relations, options }) => {
      const { said, touched } = await outcome(body, options);
      expect(said.incomplete).toBeUndefined();
      const named = [...said.reads, ...said.writes];
      expect(named).toEqual(expect.arrayContaining([...relations]));
      expect(touched.filter((name) => !named.includes(name))).toEqual([]);
      expect(said.resolution?.personalData).toBeNull();
      expect(said.resolution?.uncounted).toContain('a trigger on t');
    },
  );

  it('is known by the commands that it runs', async () => {
    const { said } = await outcome('BEGIN DELETE FROM public.people WHERE id = 1; RETURN NEW; END');
    expect(said.kinds).toEqual(['INSERT', 'DELETE']);
  });

  const hidden: [string, string, Options?][] = [
    ['runs a text', "BEGIN EXECUTE 'INSERT INTO public.harm VALUES (1)'; RETURN NEW; END"],
    ['performs', 'BEGIN PERFORM tricks.evil(); RETURN NEW; END'],
    ['calls', 'BEGIN CALL public.does(); RETURN NEW; END'],
    ['assigns what a function gives', 'BEGIN NEW.a := tricks.evil(); RETURN NEW; END'],
    ['assigns what a polymorphic function gives', 'BEGIN NEW.a := tricks.evil(NEW.id); RETURN NEW; END'],
    ['assigns what a query gives', 'BEGIN NEW.a := x FROM tricks.evil() x; RETURN NEW; END'],
    ['asks a function', 'BEGIN IF tricks.evil() IS NULL THEN RETURN NULL; END IF; RETURN NEW; END'],
    [
      'asks a function in its second branch',
      "BEGIN IF NEW.id = 9 THEN RETURN NULL; ELSIF tricks.evil() = 'x' THEN RETURN NEW; END IF; RETURN NEW; END",
    ],
    ['says what a function gives', "BEGIN RAISE LOG '%', tricks.evil(); RETURN NEW; END"],
    ['says it in an option', "BEGIN RAISE LOG 'x' USING HINT = tricks.evil(); RETURN NEW; END"],
    ['leaves out an argument that runs code', 'BEGIN NEW.a := public.with_default(); RETURN NEW; END'],
    ['declares a variable', 'DECLARE x text := tricks.evil(); BEGIN RETURN NEW; END'],
    [
      'declares one by a name that is taken',
      'BEGIN DECLARE tg_op text := tricks.evil(); BEGIN RETURN NEW; END; END',
    ],
    ['takes a whole row', 'BEGIN NEW := tricks.evil_row(); RETURN NEW; END'],
    ['returns a row of its own', 'BEGIN RETURN tricks.evil_row(); END'],
    ['selects into a variable', 'DECLARE x text; BEGIN SELECT tricks.evil() INTO x; RETURN NEW; END'],
    ['selects into the row', 'BEGIN SELECT tricks.evil() INTO NEW.a; RETURN NEW; END'],
    ['loops', 'BEGIN FOR i IN 1..length(tricks.evil()) LOOP NULL; END LOOP; RETURN NEW; END'],
    ['asserts', 'BEGIN ASSERT tricks.evil() IS NOT NULL; RETURN NEW; END'],
    ['catches', 'BEGIN NEW.a := 1; RETURN NEW; EXCEPTION WHEN OTHERS THEN RETURN NEW; END'],
    [
      'catches and runs code',
      "BEGIN NEW.id := 'x'; RETURN NEW; EXCEPTION WHEN OTHERS THEN PERFORM tricks.evil(); RETURN NEW; END",
    ],
    ['casts to a domain', "BEGIN NEW.a := 'x'::public.odd; RETURN NEW; END"],
    ['fills a table with a trigger', "BEGIN INSERT INTO public.booby VALUES ('x'); RETURN NEW; END"],
    ['fills a view with a trigger', "BEGIN INSERT INTO public.shown VALUES ('x'); RETURN NEW; END"],
    [
      'returns what a function gives from a write',
      'BEGIN INSERT INTO public.second_log VALUES (tricks.evil()); RETURN NEW; END',
    ],
    [
      'calls what search_path leads to',
      'BEGIN NEW.a := upper(NEW.a); RETURN NEW; END',
      { path: 'tricks, pg_catalog, public' },
    ],
    [
      'uses an operator that search_path leads to',
      'BEGIN NEW.a := NEW.a + 1; RETURN NEW; END',
      { path: 'tricks, public' },
    ],
    [
      'casts without saying so',
      'BEGIN NEW.a := (SELECT c FROM public.purses); RETURN NEW; END',
      { before: 'INSERT INTO public.purses VALUES (ROW(1))' },
    ],
  ];
  it.each(hidden.map(([what, body, options = {}]) => ({ what, body, options })))(
    'that $what is not told whole, and does harm',
    async ({ what, body, options }) => {
      const { said, touched } = await outcome(body, options);
      expect(said.incomplete).toBeDefined();
      if (what !== 'catches') expect(touched).toContain('public.harm');
    },
  );

  const doubtful: [string, string, Options?][] = [
    ['names a table by search_path', 'BEGIN INSERT INTO audit_log VALUES (TG_OP); RETURN NEW; END'],
    ['reads a table by search_path', 'BEGIN NEW.a := (SELECT count(*) FROM audit_log); RETURN NEW; END'],
    ['calls what reads by search_path', 'BEGIN NEW.a := public.counts(); RETURN NEW; END'],
    [
      'has a search_path that depends on the user',
      'BEGIN INSERT INTO audit_log VALUES (TG_OP); RETURN NEW; END',
      { settings: 'SET search_path = "$user", public' },
    ],
    [
      'has settings of its own',
      'BEGIN RETURN NEW; END',
      { settings: 'SET standard_conforming_strings = off' },
    ],
    ['deletes everything', 'BEGIN DELETE FROM public.people; RETURN NEW; END'],
    ['sets something', 'BEGIN SET LOCAL search_path = tricks; RETURN NEW; END'],
    ['makes something', 'BEGIN CREATE TABLE public.made (n int); RETURN NEW; END'],
    ['sets by a function', "BEGIN NEW.a := set_config('search_path', 'tricks', true); RETURN NEW; END"],
    ['asks for the count', 'BEGIN GET DIAGNOSTICS NEW.id = ROW_COUNT; RETURN NEW; END'],
    ['opens a cursor', 'DECLARE c CURSOR FOR SELECT 1; BEGIN OPEN c; CLOSE c; RETURN NEW; END'],
    ['fills an element', 'BEGIN NEW.a[1] := 1; RETURN NEW; END', { fails: true }],
    ['is no code', 'BEGIN RETURN NEW; END; and more', { fails: true }],
  ];
  it.each(doubtful.map(([what, body, options = {}]) => ({ what, body, options })))(
    'that $what is not told whole',
    async ({ body, options }) => {
      const { said } = await outcome(body, { before: 'SET LOCAL check_function_bodies = off', ...options });
      expect(said.incomplete).toBeDefined();
    },
  );
});
