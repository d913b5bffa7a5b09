// Package dbtest gives each test a fresh, migrated database on every engine, and a
// clock that stands still.
//
// MariaDB is the server at the socket that CADUCEUS_TEST_MARIADB names (make
// test starts one for all packages), or else one that the test process starts
// for itself and that dies with it. Without mariadbd a test fails: no store
// counts as tested on one engine alone. Only go test -short leaves MariaDB out,
// which CI=true in the environment refuses. See SnapshotVariable for how newer and
// older MariaDBs differ.
//
// The migrations run once for each process and for each server; what a test opens is a
// copy of what they made. The tests of package db are those of the migrations.
//
// Concurrency: tests may run in parallel; each has its own database.
package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Each runs test once on SQLite and once on MariaDB, each on an empty database
// with the current schema.
func Each(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("mariadb", func(t *testing.T) { test(t, MariaDB(t)) })
}

// SQLite opens an empty database in a temporary folder.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	return Open(t, SQLiteConfig(t))
}

// SQLiteConfig names a database file in a temporary folder.
func SQLiteConfig(t testing.TB) db.Config {
	t.Helper()
	c := db.DefaultConfig()
	c.Path = filepath.Join(t.TempDir(), "test.db")
	return c
}

// MariaDB opens an empty database on the test server.
func MariaDB(t testing.TB) *db.DB {
	t.Helper()
	return Open(t, MariaDBConfig(t))
}

// MariaDBConfig makes an empty database on the test server; the test's end
// drops it. It has no schema yet.
func MariaDBConfig(t testing.TB) db.Config {
	t.Helper()
	socket := Socket(t)
	name := "caduceus_test_" + random()
	admin(t, socket, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	t.Cleanup(func() { admin(t, socket, "DROP DATABASE "+name) })
	c := db.DefaultConfig()
	c.Engine, c.Address, c.Name, c.User = db.MariaDB, socket, name, "root"
	c.Session = map[string]string{"innodb_snapshot_isolation": SnapshotIsolation()}
	return c
}

// SnapshotVariable names the variable of the environment that says OFF to test as with
// MariaDB before 11.6.2, where innodb_snapshot_isolation was off. The tests have it on.
const SnapshotVariable = "CADUCEUS_TEST_SNAPSHOT_ISOLATION"

// SnapshotIsolation is ON or OFF.
func SnapshotIsolation() string {
	if os.Getenv(SnapshotVariable) == "OFF" {
		return "OFF"
	}
	return "ON"
}

// Open opens c with the current schema and closes it when the test ends.
func Open(t testing.TB, c db.Config) *db.DB {
	t.Helper()
	if err := fill(c); err != nil {
		t.Fatalf("copy the schema: %v", err)
	}
	d := Reopen(t, c)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return d
}

// Reopen opens c as it is, for example to see it as a second process does.
func Reopen(t testing.TB, c db.Config) *db.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	d, err := db.Open(ctx, c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatalf("open %s: %v", c.Engine, err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// SocketVariable names the socket of a running test server in the environment.
const SocketVariable = "CADUCEUS_TEST_MARIADB"

var server struct {
	once   sync.Once
	socket string
	err    error
}

// Socket returns the socket of a running MariaDB whose root has no password.
// With -short it skips the test.
func Socket(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		if os.Getenv("CI") == "true" {
			t.Fatal("-short leaves MariaDB out, and CI=true")
		}
		t.Skip("-short leaves MariaDB out")
	}
	if s := os.Getenv(SocketVariable); s != "" {
		return s
	}
	server.once.Do(func() {
		var s *Server
		if s, server.err = StartServer(); server.err == nil {
			server.socket = s.Socket
		}
	})
	if server.err != nil {
		t.Fatalf("MariaDB for tests: %v (apt-get install mariadb-server)", server.err)
	}
	return server.socket
}

func admin(t testing.TB, socket, query string) {
	t.Helper()
	if err := execAdmin(socket, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func execAdmin(socket, query string) error {
	return asAdmin(socket, "", func(conn *sql.Conn) error {
		_, err := conn.ExecContext(context.Background(), query)
		return err
	})
}

// asAdmin runs do as root on a connection of its own, in a database or in none.
func asAdmin(socket, database string, do func(*sql.Conn) error) (err error) {
	mc := mysql.NewConfig()
	mc.User, mc.Net, mc.Addr, mc.DBName = "root", "unix", socket, database
	mc.MultiStatements = true
	mc.Logger = &mysql.NopLogger{}
	pool, err := sql.Open("mysql", mc.FormatDSN())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(context.Background())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return do(conn)
}

func random() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the program instead
	return hex.EncodeToString(b)
}
