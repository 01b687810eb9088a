-- A database that has of everything what pg_dump writes down. Sorted data, nothing random: two dumps are the same.
CREATE SCHEMA "Sales Ünits";
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s great');
CREATE TYPE address AS (street text, zip int);
CREATE TYPE span AS RANGE (subtype = numeric);
CREATE DOMAIN positive AS int DEFAULT 1 CHECK (VALUE > 0);
CREATE SEQUENCE ticket INCREMENT 5 START 100 CACHE 3;
SELECT nextval('ticket');

CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.note := coalesce(NEW.note, '') || ' touched; \ ''quoted''';
  RETURN NEW;
END $$;
CREATE PROCEDURE nothing() LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE AGGREGATE product (int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = ===);
CREATE COLLATION bytewise (provider = libc, locale = 'C');

CREATE TABLE people (
  id int GENERATED ALWAYS AS IDENTITY (START 10) PRIMARY KEY,
  name text NOT NULL,
  email text UNIQUE,
  feeling mood DEFAULT 'ok',
  lives address,
  age positive,
  doubled int GENERATED ALWAYS AS (twice(age)) STORED,
  note text COLLATE bytewise,
  CONSTRAINT named CHECK (name <> '')
);
INSERT INTO people (name, email, feeling, lives, age, note)
  SELECT 'person ' || n, CASE WHEN n % 3 > 0 THEN 'p' || n || '@example.test' END, 'it''s great'::mood, ROW ('Weg ' || n, n)::address, n, NULL
    FROM generate_series(1, 200) n;
CREATE TRIGGER touches BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE people DISABLE TRIGGER touches;
INSERT INTO people (name, note) VALUES (E'tab\t, line\n, back\\slash, \\N and \\.', E'\\.\n');
ALTER TABLE people ENABLE ALWAYS TRIGGER touches;

CREATE TABLE everything (
  id bigserial PRIMARY KEY, person int REFERENCES people ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  b bytea, t text, v varchar(20), c char(8), n numeric(20, 6), f float8, r real, o bool, d date, ts timestamp,
  tz timestamptz, i interval, u uuid, j json, jb jsonb, x macaddr, a int[], aa text[][], m mood[], s span, ip inet,
  p point, bits bit varying(12), l int8range, "Mixed ""case""" text DEFAULT E'a\nb'
);
INSERT INTO everything (person, b, t, v, c, n, f, r, o, d, ts, tz, i, u, j, jb, x, a, aa, m, s, ip, p, bits, l)
  SELECT 10 + n, decode(repeat(lpad(to_hex(n % 256), 2, '0'), n), 'hex'), repeat(chr(48 + n % 70) || 'é€😀', n), 'v' || n, 'c' || n,
         n / 7.0, n / 3.0::float8, 'NaN', n % 2 = 0, date '2026-01-01' + n, timestamp '2026-01-01 01:02:03.456' + n * interval '1 day',
         timestamptz '2026-01-01 00:00+00' + n * interval '1 hour', n * interval '1 day 2 minutes', md5(n::text)::uuid,
         '{"a": [1, null]}', '{"b": {"c": "\u00e9"}}', '08:00:2b:01:02:03', ARRAY[1, NULL, n], ARRAY[['a', 'b,"c"'], ['NULL', NULL]],
         ARRAY['sad', 'ok']::mood[], span(n, n + 1), '10.0.0.1/8', point(n, 1.5), B'101', int8range(n, NULL)
    FROM generate_series(1, 150) n;
INSERT INTO everything (t) VALUES (repeat('wide ', 60000)), ('');
INSERT INTO everything (b) VALUES (decode(repeat('00ff', 150000), 'hex'));

CREATE TABLE "Sales Ünits"."Order" (id int PRIMARY KEY, person int NOT NULL, amount numeric(10, 2), placed date)
  WITH (fillfactor = 70);
INSERT INTO "Sales Ünits"."Order" SELECT n, 10 + n % 50, n * 1.25, date '2026-03-01' + n FROM generate_series(1, 3000) n;
ALTER TABLE "Sales Ünits"."Order" ADD FOREIGN KEY (person) REFERENCES people ON UPDATE CASCADE;
CREATE INDEX by_amount ON "Sales Ünits"."Order" (amount DESC, placed) WHERE amount > 100;
CREATE INDEX by_word ON people USING gin (to_tsvector('simple', name));
CREATE STATISTICS both_columns (dependencies) ON person, amount FROM "Sales Ünits"."Order";

CREATE TABLE readings (at date NOT NULL, place text NOT NULL, value float8) PARTITION BY RANGE (at);
CREATE TABLE readings_2025 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE readings_2026 PARTITION OF readings FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (place);
CREATE TABLE readings_2026_here PARTITION OF readings_2026 FOR VALUES IN ('here');
CREATE TABLE readings_2026_other PARTITION OF readings_2026 DEFAULT;
CREATE INDEX ON readings (at);
INSERT INTO readings SELECT date '2025-06-01' + n, CASE WHEN n % 2 = 0 THEN 'here' ELSE 'there' END, n FROM generate_series(1, 400) n;
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
INSERT INTO child VALUES (1, 2);
CREATE UNLOGGED TABLE forgotten (a int);

CREATE VIEW grown AS SELECT id, name, twice(age) AS two FROM people WHERE age >= 18 WITH CASCADED CHECK OPTION;
CREATE VIEW barrier WITH (security_barrier) AS SELECT p.name, o.amount FROM people p JOIN "Sales Ünits"."Order" o ON o.person = p.id;
CREATE MATERIALIZED VIEW totals AS SELECT person, sum(amount) AS total FROM "Sales Ünits"."Order" GROUP BY person ORDER BY person;
CREATE UNIQUE INDEX ON totals (person);
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE RULE ignore AS ON DELETE TO forgotten DO INSTEAD NOTHING;
CREATE TABLE guarded (owner text, secret text);
INSERT INTO guarded VALUES ('somebody', 'a word');
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON guarded USING (owner = current_user) WITH CHECK (true);
GRANT SELECT ON people TO PUBLIC;
GRANT SELECT (id), UPDATE (note) ON people TO pg_monitor;
REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;

SELECT lo_from_bytea(4711, decode(repeat('00ff41', 30000), 'hex'));
SELECT lo_from_bytea(4712, '');
GRANT SELECT ON LARGE OBJECT 4711 TO pg_monitor;
COMMENT ON LARGE OBJECT 4711 IS 'a scan';
COMMENT ON TABLE people IS E'It''s "people";\nsecond line -- é';
COMMENT ON COLUMN people.age IS 'in years';
COMMENT ON FUNCTION twice(int) IS 'doubles';
COMMENT ON TYPE mood IS 'a feeling';
COMMENT ON CONSTRAINT named ON people IS 'has a name';
COMMENT ON SCHEMA "Sales Ünits" IS 'sold';
