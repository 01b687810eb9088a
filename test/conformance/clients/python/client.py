"""Prints what psycopg 3 and asyncpg see. Connects as PGHOST and its like say."""

import asyncio
import logging
import os
import ssl
import threading

import asyncpg
import psycopg


# Whether a pipeline hears of its error before or after its end is a matter of speed.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


def attempt(label, work):
    try:
        print(label, work())
    except psycopg.Error as error:
        d = error.diag
        print(label, "error", d.sqlstate, d.severity, d.severity_nonlocalized, d.message_primary,
              d.message_detail, d.message_hint, d.statement_position, d.table_name, d.column_name,
              d.constraint_name, d.source_function)


def with_psycopg():
    with psycopg.connect("", autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS py")
        conn.execute("CREATE TABLE py (id int PRIMARY KEY, t text NOT NULL, f float8, b bytea, a int[])")
        notices = []
        conn.add_notice_handler(lambda n: notices.append((n.severity, n.message_primary)))
        print("server", conn.info.server_version // 10000, conn.info.encoding)
        for row in [(1, "é", 1.5, b"\x00\xff", [1, 2]), (2, "two", None, None, [])]:
            conn.execute("INSERT INTO py VALUES (%s, %s, %s, %s, %s)", row)
        print("text", conn.execute("SELECT * FROM py ORDER BY id").fetchall())
        print("binary", conn.cursor(binary=True).execute("SELECT * FROM py ORDER BY id").fetchall())
        cur = conn.execute("SELECT id, t FROM py WHERE id = %s", (1,), prepare=True)
        print("described", [(c.name, c.type_code, c.display_size, c.internal_size) for c in cur.description], cur.statusmessage)
        for n in range(7):
            conn.execute("SELECT t FROM py WHERE id = %s", (n,), prepare=True)
        attempt("duplicate", lambda: conn.execute("INSERT INTO py VALUES (1, 'x')"))
        attempt("syntax", lambda: conn.execute("SELEC 1"))
        attempt("null", lambda: conn.execute("INSERT INTO py (id) VALUES (9)"))
        with conn.transaction():
            conn.execute("INSERT INTO py VALUES (3, 'three')")
            try:
                with conn.transaction():
                    conn.execute("SELECT 1/0")
            except psycopg.Error as error:
                print("savepoint", error.sqlstate)
            print("inside", conn.info.transaction_status.name)
        try:
            with conn.transaction():
                conn.execute("SELECT 1/0")
        except psycopg.Error as error:
            print("transaction", error.sqlstate, conn.info.transaction_status.name)
        with conn.transaction():
            with conn.cursor(name="named", scrollable=True) as named:
                named.itersize = 2
                named.execute("SELECT generate_series(1, 7)")
                print("cursor", named.fetchmany(3), named.fetchone())
                named.scroll(-2)
                print("scrolled", named.fetchall())
        with conn.cursor().copy("COPY py (id, t) FROM STDIN") as copy:
            for n in range(10, 13):
                copy.write_row((n, f"row {n}\t\\"))
        with conn.cursor().copy("COPY (SELECT id, t FROM py ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text"])
            print("copied", list(copy.rows()))
        try:
            with conn.cursor().copy("COPY py (id, t) FROM STDIN") as copy:
                copy.write("no\tnumber\n")
        except psycopg.Error as error:
            print("bad copy", error.sqlstate, error.diag.context)
        with conn.pipeline() as pipeline:
            first = conn.execute("SELECT 1")
            second = conn.execute("SELECT %s::int", (2,))
            pipeline.sync()
            print("pipeline", first.fetchone(), second.fetchone())
        try:
            with conn.pipeline():
                conn.execute("INSERT INTO py VALUES (20, 'p')")
                conn.execute("SELECT 1/0")
                conn.execute("SELECT 1")
        except psycopg.Error as error:
            print("pipeline error", error.sqlstate)
        print("rolled back", conn.execute("SELECT count(*) FROM py WHERE id = 20").fetchone())
        conn.execute("DO $$ BEGIN RAISE NOTICE 'from within'; END $$")
        print("notices", notices)
        conn.execute("LISTEN news")
        conn.execute("NOTIFY news, 'hello'")
        for notify in conn.notifies(timeout=10, stop_after=1):
            print("notify", notify.channel, notify.payload, notify.pid == conn.info.backend_pid)
        threading.Timer(0.5, conn.cancel_safe).start()
        attempt("cancel", lambda: conn.execute("SELECT pg_sleep(30)"))
        print("alive", conn.execute("SELECT 1").fetchone())
        attempt("several", lambda: conn.execute("SELECT 1; SELECT 2").nextset())
        conn.execute("SET statement_timeout = 200")
        attempt("timeout", lambda: conn.execute("SELECT pg_sleep(30)"))


async def with_asyncpg():
    tls = False
    if os.environ["PGSSLMODE"] != "disable":
        tls = ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"])
    conn = await asyncpg.connect(ssl=tls)
    try:
        print("asyncpg", await conn.fetch("SELECT id, t, f, b, a FROM py WHERE id < $1 ORDER BY id", 3))
        statement = await conn.prepare("SELECT $1::int + 1 AS n, $2::text AS t")
        print([str(a.type.name) for a in statement.get_attributes()], await statement.fetchrow(1, "x"))
        async with conn.transaction():
            print("cursor", [r[0] async for r in conn.cursor("SELECT generate_series(1, 120)", prefetch=50)][-1])
        try:
            async with conn.transaction():
                await conn.execute("INSERT INTO py VALUES (30, 'thirty')")
                await conn.fetch("SELECT 1/0")
        except asyncpg.PostgresError as error:
            print("error", error.sqlstate, error.message)
        print(await conn.copy_records_to_table("py", records=[(31, "x"), (32, None)][:1], columns=["id", "t"]))
        await conn.executemany("INSERT INTO py (id, t) VALUES ($1, $2)", [(40, "a"), (41, "b")])
        try:
            await asyncio.wait_for(conn.execute("SELECT pg_sleep(30)"), timeout=0.5)
        except (asyncio.TimeoutError, TimeoutError):
            print("timed out")
        print(await conn.fetchval("SELECT count(*) FROM py"))
    finally:
        await conn.close()


with_psycopg()
asyncio.run(with_asyncpg())
