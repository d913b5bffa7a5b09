package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"sync"

	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

func openSQLite(ctx context.Context, c Config, log *slog.Logger) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	if err := keepPrivate(c.Path); err != nil {
		return nil, fmt.Errorf("keep %s from others: %w", c.Path, err)
	}
	write, err := sqlitePool(writeDSN(c.Path))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Path, err)
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", c.Path, err), write.Close())
	}
	read, err := sqlitePool(liteDSN(c.Path) + "&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", c.Path, err), write.Close())
	}
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(8)
	return &DB{engine: SQLite, config: c, read: read, write: write, log: log}, nil
}

// keepPrivate lets nobody but the owner read the database and what SQLite keeps beside
// it: copies have the rights of what was copied, and SQLite gives its other files those
// of the database.
func keepPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, p := range []string{path, path + "-wal", path + "-shm"} {
		i, err := os.Stat(p)
		if err == nil && i.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(p, i.Mode().Perm()&0o700)
		}
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

func liteDSN(path string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=temp_store(MEMORY)"
}

func writeDSN(path string) string { return liteDSN(path) + "&_txlock=immediate" }

func sqlitePool(dsn string) (*sql.DB, error) {
	inner, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{inner}), nil
}

// connector opens connections whose queries end with their context. The driver
// interrupts a query only on the way to its first row; a query that finds one row at
// once and looks for the second for ever would not end.
type connector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	driven, ok := inner.(driverConn)
	handle := reflect.Indirect(reflect.ValueOf(inner))
	if ok && handle.Kind() == reflect.Struct {
		handle = handle.FieldByName("db")
	}
	if !ok || handle.Kind() != reflect.Uintptr {
		return nil, errors.Join(errors.New("the SQLite driver is not the one that this program was written for"), inner.Close())
	}
	return &conn{driven, uintptr(handle.Uint())}, nil
}

// driverConn is all that the connections of either driver can do and database/sql makes
// use of.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn is a connection of the driver and SQLite's own handle of it.
type conn struct {
	driverConn
	handle uintptr
}

// Unwrap returns the driver's connection.
func (c *conn) Unwrap() driver.Conn { return c.driverConn }

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	inner, err := c.driverConn.QueryContext(ctx, query, args)
	if err != nil || ctx.Done() == nil {
		return inner, err
	}
	r := &rows{Rows: inner, ctx: ctx, handle: c.handle}
	r.stop = context.AfterFunc(ctx, r.interrupt)
	return r, nil
}

// rows are interrupted when their context ends. database/sql keeps the connection open
// while Next runs.
type rows struct {
	driver.Rows
	ctx    context.Context //nolint:containedctx // it is the query's, whose rows these are
	handle uintptr
	stop   func() bool

	mu       sync.Mutex
	stepping bool
}

func (r *rows) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stepping {
		tls := libc.NewTLS()
		sqlite3.Xsqlite3_interrupt(tls, r.handle)
		tls.Close()
	}
}

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	if !r.step(true) {
		return r.ctx.Err()
	}
	err := r.Rows.Next(dest)
	if !r.step(false) && err != nil {
		return r.ctx.Err()
	}
	return err
}

// step notes that a step begins or is over, and reports whether the context still runs.
func (r *rows) step(begins bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	runs := r.ctx.Err() == nil // asked once: a step that is not taken must not be interrupted later
	r.stepping = begins && runs
	return runs
}

// Close implements driver.Rows.
func (r *rows) Close() error {
	r.stop()
	return r.Rows.Close()
}
