// Prints what pgx sees. Connects as PGHOST and its like say.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func show(label string, value any, err error) {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		fmt.Println(label, "error", pg.Code, pg.Severity, pg.Message, pg.Detail, pg.Hint, pg.Position, pg.TableName, pg.ConstraintName, pg.Routine)
	} else if err != nil {
		fmt.Println(label, "failed", errors.Is(err, context.DeadlineExceeded))
	} else {
		fmt.Println(label, value)
	}
}

func rows(conn *pgx.Conn, sql string, args ...any) (any, error) {
	found, err := conn.Query(context.Background(), sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
}

func main() {
	ctx := context.Background()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		config, err := pgx.ParseConfig("")
		if err != nil {
			panic(err)
		}
		config.DefaultQueryExecMode = mode
		var notices []string
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n.Severity+" "+n.Message) }
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("mode", mode)
		for _, sql := range []string{"DROP TABLE IF EXISTS gox", "CREATE TABLE gox (id int PRIMARY KEY, t text)"} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				panic(err)
			}
		}
		tag, err := conn.Exec(ctx, "INSERT INTO gox VALUES ($1, $2)", 1, "é")
		show("insert", tag.String(), err)
		tag, err = conn.Exec(ctx, "INSERT INTO gox VALUES ($1, $2)", 1, "again")
		show("duplicate", tag.String(), err)
		for n := 0; n < 3; n++ {
			found, err := rows(conn, "SELECT id, t FROM gox WHERE id = $1", n)
			show("select", found, err)
		}
		_, err = rows(conn, "SELECT wrong FROM gox")
		show("wrong", nil, err)
		batch := &pgx.Batch{}
		batch.Queue("INSERT INTO gox VALUES (2, 'two')")
		batch.Queue("SELECT t FROM gox WHERE id = $1", 2)
		batch.Queue("SELECT 1/0")
		show("batch", "done", conn.SendBatch(ctx, batch).Close())
		found, err := rows(conn, "SELECT count(*) FROM gox")
		show("after batch", found, err)
		tx, _ := conn.Begin(ctx)
		nested, _ := tx.Begin(ctx)
		_, err = nested.Exec(ctx, "SELECT 1/0")
		show("nested", nil, err)
		show("rolled back", "nested", nested.Rollback(ctx))
		_, err = tx.Exec(ctx, "DECLARE c CURSOR FOR SELECT generate_series(1, 5)")
		show("declared", nil, err)
		found, err = rows(conn, "FETCH 3 FROM c")
		show("fetched", found, err)
		show("committed", string(conn.PgConn().TxStatus()), tx.Commit(ctx))
		copied, err := conn.CopyFrom(ctx, pgx.Identifier{"gox"}, []string{"id", "t"}, pgx.CopyFromRows([][]any{{10, "a"}, {11, nil}}))
		show("copied in", copied, err)
		var out bytes.Buffer
		tag, err = conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT * FROM gox ORDER BY id) TO STDOUT")
		show("copied out", out.String()+tag.String(), err)
		_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader("x\ty\n"), "COPY gox FROM STDIN")
		show("bad copy", nil, err)
		multi, err := conn.PgConn().Exec(ctx, "SELECT 1; SELECT 2; SELECT 1/0; SELECT 3").ReadAll()
		show("several", len(multi), err)
		_, err = conn.Exec(ctx, "LISTEN gox")
		show("listen", nil, err)
		_, err = conn.Exec(ctx, "NOTIFY gox, 'hello'")
		show("notify", nil, err)
		got, err := conn.WaitForNotification(ctx)
		show("notified", got.Payload, err)
		fmt.Println("own pid", got.PID == conn.PgConn().PID())
		soon, stop := context.WithTimeout(ctx, 500*time.Millisecond)
		_, err = conn.Exec(soon, "SELECT pg_sleep(30)")
		stop()
		show("deadline", nil, err)
		fmt.Println("closed", conn.IsClosed(), notices)
		conn.Close(ctx)
	}
	conn, err := pgconn.Connect(ctx, "")
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() {
		time.Sleep(500 * time.Millisecond)
		done <- conn.CancelRequest(ctx)
	}()
	_, err = conn.Exec(ctx, "SELECT pg_sleep(30)").ReadAll()
	show("cancelled", nil, err)
	show("request", "sent", <-done)
	time.Sleep(300 * time.Millisecond)
	result, err := conn.Exec(ctx, "SELECT 1").ReadAll()
	show("alive", len(result), err)
	conn.Close(ctx)
}
