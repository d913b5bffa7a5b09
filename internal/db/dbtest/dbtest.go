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
// Concurrency: tests may run in parallel; each has its own database.
package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// Server is a MariaDB that was started for tests. It dies with this process.
type Server struct {
	Socket string
	args   []string
	dir    string
	cmd    *exec.Cmd
	asks   chan func() // run where the server was started
}

// StartServer starts a small MariaDB in a temporary folder and returns when it
// answers. Its arguments are those of ServerArgs, and then args.
func StartServer(args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "caduceus-mariadb-")
	if err != nil {
		return nil, err
	}
	s := &Server{Socket: filepath.Join(dir, "s.sock"), dir: dir, args: args}
	s.asks = make(chan func())
	go func() {
		// The server gets a signal when the thread that started it ends, so
		// this goroutine keeps its thread for as long as the process lives.
		runtime.LockOSThread()
		for f := range s.asks {
			f()
		}
	}()
	ready := make(chan error, 1)
	s.asks <- func() {
		err := s.install()
		if err == nil {
			err = s.start()
		}
		ready <- err
	}
	if err := <-ready; err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := waitFor(s.Socket, 60*time.Second); err != nil {
		return nil, errors.Join(fmt.Errorf("MariaDB does not answer: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Server) install() error {
	data := filepath.Join(s.dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--user="+serverUser(), "--tmpdir="+s.dir)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	return nil
}

func (s *Server) start() error {
	s.cmd = exec.Command("sh", append([]string{"-c", keeper, "sh", s.dir, "mariadbd"}, slices.Concat(ServerArgs(s.dir), s.args)...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return s.cmd.Start()
}

// Kill ends the server with SIGKILL and keeps its data, until Restart.
func (s *Server) Kill() error { return s.end(syscall.SIGUSR1) }

// Shutdown ends the server in order and keeps its data, until Restart.
func (s *Server) Shutdown() error { return s.end(syscall.SIGUSR2) }

func (s *Server) end(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// Restart starts a server that was ended, and returns when it answers.
func (s *Server) Restart() error {
	ready := make(chan error, 1)
	s.asks <- func() { ready <- s.start() }
	if err := <-ready; err != nil {
		return err
	}
	return waitFor(s.Socket, 60*time.Second)
}

// Pause makes the server hang, and Continue lets it go on.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Continue ends a Pause.
func (s *Server) Continue() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

// Execute runs a statement as root.
func (s *Server) Execute(query string) error { return execAdmin(s.Socket, query) }

// keeper runs the server and, when it is asked to end or its parent has ended,
// kills it and removes its folder: nobody needs the data any more.
const keeper = `dir=$1; shift
"$@" & server=$!
trap 'kill -9 $server; wait $server; rm -rf "$dir"; exit 0' TERM
trap 'kill -9 $server; wait $server; exit 0' USR1
trap 'kill $server; wait $server; exit 0' USR2
trap '' INT
wait $server
rm -rf "$dir"`

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		return os.RemoveAll(s.dir)
	}
	if err != nil {
		return err
	}
	return s.cmd.Wait()
}

// ServerArgs are the arguments of a small, fast, unsafe test server in dir, with
// its data in dir/data and its socket at dir/s.sock.
func ServerArgs(dir string) []string {
	return []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--socket=" + filepath.Join(dir, "s.sock"),
		"--pid-file=" + filepath.Join(dir, "pid"), "--skip-networking", "--user=" + serverUser(), "--tmpdir=" + dir,
		"--innodb-flush-log-at-trx-commit=0", "--innodb-file-per-table=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--skip-log-bin", "--max-connections=400",
		"--performance-schema=0", "--innodb-snapshot-isolation=" + SnapshotIsolation()}
}

func serverUser() string {
	if os.Getuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}

func waitFor(socket string, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := execAdmin(socket, "SELECT 1")
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func admin(t testing.TB, socket, query string) {
	t.Helper()
	if err := execAdmin(socket, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func execAdmin(socket, query string) error {
	mc := mysql.NewConfig()
	mc.User, mc.Net, mc.Addr = "root", "unix", socket
	mc.Logger = &mysql.NopLogger{}
	pool, err := sql.Open("mysql", mc.FormatDSN())
	if err != nil {
		return err
	}
	_, err = pool.Exec(query)
	if cerr := pool.Close(); err == nil {
		err = cerr
	}
	return err
}

func random() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the program instead
	return hex.EncodeToString(b)
}
