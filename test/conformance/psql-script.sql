\set ECHO all
\set VERBOSITY verbose
\set SHOW_CONTEXT always
SET datestyle = 'ISO, DMY';
DROP TABLE IF EXISTS c;
CREATE TABLE c (id int PRIMARY KEY, t text NOT NULL CHECK (t <> ''), n numeric(6,2), b bytea, ts timestamptz, j jsonb);
SELECT 1 AS one, 'é' AS text, NULL AS nothing, 1.50::numeric(6,2) AS n \gdesc
INSERT INTO c VALUES (1, 'é', 1.5, '\x00ff', '2026-11-21 10:00+00', '{"a": [1, 2]}'), (2, 'zwei', NULL, NULL, NULL, NULL) RETURNING *;
INSERT INTO c VALUES (1, 'twice');
INSERT INTO c VALUES (3, '');
INSERT INTO c (id) VALUES (4);
SELECT wrong FROM c;
SELEC 1;
SELECT 1/0;
SELECT pg_catalog.no_such_function(1);
SELECT 1; SELECT 2 \; SELECT 3 \; SELECT 1/0 \; SELECT 4;
BEGIN;
SAVEPOINT a;
INSERT INTO c VALUES (1, 'twice');
SELECT 1;
ROLLBACK TO a;
SELECT count(*) FROM c;
DECLARE cur SCROLL CURSOR FOR SELECT generate_series(1, 10);
FETCH 3 FROM cur;
MOVE 2 FROM cur;
FETCH BACKWARD 1 FROM cur;
CLOSE cur;
COMMIT;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM c ORDER BY id;
FETCH ALL FROM held;
CLOSE held;
FETCH 1 FROM held;
PREPARE p (int) AS SELECT t FROM c WHERE id = $1;
EXECUTE p(1);
EXECUTE p(99);
DEALLOCATE p;
EXECUTE p(1);
DO $$ BEGIN RAISE NOTICE 'a notice' USING DETAIL = 'detail', HINT = 'hint'; RAISE WARNING 'a warning'; END $$;
DO $$ BEGIN RAISE EXCEPTION 'own error' USING ERRCODE = 'P0042', DETAIL = 'detail', HINT = 'hint', TABLE = 'c'; END $$;
\copy c (id, t) FROM STDIN
10	ten
11	e\tleven
\.
\copy c (id, t) TO STDOUT WITH (FORMAT csv, HEADER)
COPY (SELECT id, t FROM c ORDER BY id) TO STDOUT;
\copy c (id, t) FROM STDIN
x	not a number
\.
SELECT count(*) FROM c;
LISTEN news;
NOTIFY news, 'hello';
UNLISTEN news;
SET statement_timeout = '200ms';
SELECT pg_sleep(30);
RESET statement_timeout;
SET client_encoding = 'LATIN1';
SELECT t FROM c WHERE id = 2;
RESET client_encoding;
SET LOCAL work_mem = '1MB';
BEGIN; SET LOCAL timezone = 'Asia/Tokyo'; SELECT ts FROM c WHERE id = 1; COMMIT;
SHOW timezone;
SHOW server_version_num;
\lo_import :lofile
\lo_unlink :LASTOID
EXPLAIN (COSTS OFF) SELECT * FROM c WHERE id = 1;
\d c
TABLE c ORDER BY id;
DISCARD ALL;
DROP TABLE c;
