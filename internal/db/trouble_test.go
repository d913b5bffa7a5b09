package db_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestTroubleOf(t *testing.T) {
	t.Parallel()
	maria := func(n uint16, text string) error { return &mysql.MySQLError{Number: n, Message: text} }
	for _, tt := range []struct {
		err  error
		want db.Trouble
	}{
		{nil, ""},
		{errors.New("no such column"), ""},
		{context.Canceled, ""}, // who asked has gone
		{context.DeadlineExceeded, db.Slow},
		{driver.ErrBadConn, db.Away},
		{mysql.ErrInvalidConn, db.Away},
		{io.ErrUnexpectedEOF, db.Away},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, db.Away},
		{&os.PathError{Op: "write", Err: syscall.ENOSPC}, db.Full},
		{&os.PathError{Op: "open", Err: syscall.EROFS}, db.ReadOnly},
		{maria(1040, "Too many connections"), db.Crowded},
		{maria(1203, "User x already has more than 'max_user_connections'"), db.Crowded},
		{maria(1226, "User has exceeded the 'max_connections_per_hour' resource"), db.Crowded},
		{maria(1290, "The MariaDB server is running with the --read-only option"), db.ReadOnly},
		{maria(1836, "Running in read-only mode"), db.ReadOnly},
		{maria(1021, "Disk full"), db.Full},
		{maria(1114, "The table 'x' is full"), db.Full},
		{maria(1028, "Sort aborted"), db.Full},
		{maria(1030, `Got error 28 "No space left on device" from storage engine InnoDB`), db.Full},
		{maria(1026, `Error writing file 'x' (Errcode: 28 "No space left on device")`), db.Full},
		{maria(1030, "Got error 122 from storage engine"), db.Broken},
		{maria(1105, "Unknown error"), ""},
		{maria(1205, "Lock wait timeout exceeded"), db.Slow},
		{maria(1213, "Deadlock found"), db.Slow},
		{maria(1969, "max_statement_time exceeded"), db.Slow},
		{maria(2006, "gone away"), db.Away},
		{maria(2013, "lost connection"), db.Away},
		{maria(1053, "Server shutdown in progress"), db.Away},
		{maria(1927, "Connection was killed"), db.Away},
		{maria(1062, "Duplicate entry"), ""},
		{maria(1142, "command denied"), ""},
	} {
		if got := db.TroubleOf(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
		if tt.err == nil {
			continue
		}
		if got := db.TroubleOf(fmt.Errorf("read: %w", tt.err)); got != tt.want {
			t.Errorf("%v, wrapped: %q", tt.err, got)
		}
	}
}

// unavailable checks that every way to the database gives an error that people may
// read, of the given trouble.
func unavailable(t *testing.T, d *db.DB, want db.Trouble, reads bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	calls := map[string]func() error{
		"a transaction": func() error {
			return d.Tx(ctx, func(tx *db.Tx) error {
				return tx.Upsert(ctx, countSpec, []any{1, 1, 1, 1})
			})
		},
	}
	if reads {
		calls["all rows"] = func() error {
			_, err := db.All(ctx, d, db.Value[int64], "SELECT id FROM tag LIMIT 3")
			return err
		}
		calls["one row"] = func() error {
			_, _, err := db.One(ctx, d, db.Value[int64], "SELECT id FROM tag LIMIT 1")
			return err
		}
		calls["a scan"] = func() error {
			var n int
			return d.QueryRowContext(ctx, "SELECT COUNT(*) FROM tag").Scan(&n)
		}
	}
	for what, call := range calls {
		err := call()
		if core.CodeOf(err) != core.Unavailable || !strings.Contains(core.SafeText(err), "try again in") {
			t.Errorf("%s: code %q, %q, %v", what, core.CodeOf(err), core.SafeText(err), err)
		}
		if got := db.TroubleOf(err); got != want {
			t.Errorf("%s: trouble %q, want %q: %v", what, got, want, err)
		}
	}
}

func TestMariaDBInTrouble(t *testing.T) {
	t.Parallel()
	s, err := dbtest.StartServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	for _, query := range []string{"CREATE DATABASE troubled", "CREATE USER site@localhost WITH MAX_USER_CONNECTIONS 1",
		"GRANT ALL ON troubled.* TO site@localhost"} {
		if err := s.Execute(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	c := db.DefaultConfig()
	c.Engine, c.Address, c.Name, c.User = db.MariaDB, s.Socket, "troubled", "root"
	open := func(user string) *db.DB {
		t.Helper()
		c.User = user
		d, err := db.Open(t.Context(), c, quiet())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := open("root")
	if _, err := first.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	d := open("site")
	t.Cleanup(func() { _ = d.Close() }) // its server is gone by then

	// One connection is all that this user may have, and the outer transaction has it.
	mustTx(t, d, func(*db.Tx) error {
		unavailable(t, d, db.Crowded, true)
		return nil
	})
	if err := s.Execute("SET GLOBAL read_only = 1"); err != nil {
		t.Fatal(err)
	}
	unavailable(t, d, db.ReadOnly, false)
	probe, clock := newProbe(d)
	found(t, probe.Look(t.Context()), db.ReadOnly)
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	unavailable(t, d, db.Away, true)
	clock.Add(probeLasts)
	found(t, probe.Look(t.Context()), db.Away)
}

func TestSQLiteInTrouble(t *testing.T) {
	t.Parallel()
	c := dbtest.SQLiteConfig(t)
	d := dbtest.Open(t, c)
	fill := func() error {
		return d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO torrent_meta (torrent_id, data) VALUES (1, zeroblob(1000000))")
			return err
		})
	}
	mustTx(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "PRAGMA max_page_count = 1") // no more than there are
		return err
	})
	if err := fill(); core.CodeOf(err) != core.Unavailable || db.TroubleOf(err) != db.Full {
		t.Errorf("without room: %v", err)
	}
	other := dbtest.SQLiteConfig(t)
	if err := os.WriteFile(other.Path, bytes.Repeat([]byte("no database "), 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := db.Open(t.Context(), other, quiet())
	if db.TroubleOf(err) != db.Broken {
		t.Errorf("a file that is no database: %v", err)
	}
}
