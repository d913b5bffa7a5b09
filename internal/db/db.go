// Package db opens the database and hides what differs between its two
// engines: embedded SQLite (one process) and MariaDB (any number).
//
// SQL is hand-written beside the method that runs it and works on both engines. What
// differs between them goes through this package: Upsert, InsertIgnore, Insert (for
// the new id), Lock and Lease. Instants are Unix seconds, sizes are bytes, and "now"
// always comes from Go.
//
// A context's deadline reaches the database: SQLite interrupts the statement, even
// between two rows, and MariaDB gets the time that is left together with it. TimedOut
// tells such an end from other errors.
//
// Concurrency: a DB is safe for concurrent use. A Tx belongs to the function it
// was given to. SQLite has one writer connection and many readers, so a
// transaction never waits for a reader. A transaction inside another one joins it
// (Tx.Tx); starting a second one on the DB beside it would wait for itself on SQLite,
// so a context from Tx.Guard refuses that.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Engine is one of the two databases.
type Engine string

// The engines.
const (
	SQLite  Engine = "sqlite"
	MariaDB Engine = "mariadb"
)

// Queryer reads: a DB outside a transaction, or a Tx.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) Scanner
}

// Conn is what a store stands on: a DB, or a Tx that the store was bound to so
// that several stores act in one transaction.
type Conn interface {
	Queryer
	// Engine tells which database this is.
	Engine() Engine
	// Tx runs fn in a transaction: a new one on a DB, the running one on a Tx.
	Tx(ctx context.Context, fn func(tx *Tx) error) error
}

var (
	_ Conn = (*DB)(nil)
	_ Conn = (*Tx)(nil)
)

// DB is an open database.
type DB struct {
	engine Engine
	config Config
	read   *sql.DB
	write  *sql.DB
	log    *slog.Logger
}

// Open connects, retrying an unreachable MariaDB with back-off until ctx ends;
// every failed try is logged. It does not change the schema: see Migrate.
func Open(ctx context.Context, c Config, log *slog.Logger) (*DB, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Engine == MariaDB {
		return openMariaDB(ctx, c, log)
	}
	return openSQLite(ctx, c, log)
}

// Engine tells which database this is.
func (d *DB) Engine() Engine { return d.engine }

// Close waits for running queries and closes all connections.
func (d *DB) Close() error {
	if d.read == d.write {
		return d.read.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	return core.Wrap(d.read.PingContext(ctx), core.Unavailable, "the database does not answer at the moment; try again in a minute")
}

// QueryContext reads rows outside any transaction.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := d.read.QueryContext(ctx, begin(ctx, d.engine, query, args), args...)
	return rows, explain(err)
}

// QueryRowContext reads one row outside any transaction.
func (d *DB) QueryRowContext(ctx context.Context, query string, args ...any) Scanner {
	return explained{d.read.QueryRowContext(ctx, begin(ctx, d.engine, query, args), args...)}
}

// Tx runs fn in a transaction and commits it when fn returns nil. Deadlocks, lock
// time-outs, busy errors and rows that another transaction has changed meanwhile are
// retried up to a limit, so fn may run several times and must have no effect outside
// tx but those registered with OnCommit.
//
// Transactions are READ COMMITTED on MariaDB. What was read may change before it is
// acted upon, and rows may be added, unless Lock or Turn keeps others out, or the
// statement that writes repeats the condition.
func (d *DB) Tx(ctx context.Context, fn func(tx *Tx) error) error {
	if ctx.Value(guardKey{}) != nil {
		return errors.New("a second transaction was begun inside one: bind the store to it with In")
	}
	began := time.Now()
	for try := 1; ; try++ {
		err := d.once(ctx, fn)
		if err == nil || !retryable(err) || try == tries || time.Since(began) > tryFor {
			return explain(err)
		}
		if !core.Sleep(ctx, pause(try)) {
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (d *DB) once(ctx context.Context, fn func(tx *Tx) error) error {
	sqltx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{tx: sqltx, engine: d.engine}
	finished := false
	defer func() {
		if !finished { // fn panicked: the room's supervisor reports it
			_ = sqltx.Rollback()
		}
	}()
	if err := fn(tx); err != nil {
		finished = true
		if rerr := sqltx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
			d.log.Warn("rollback failed", "err", rerr)
		}
		return err
	}
	finished = true
	if tx.failed != nil { // a part failed and fn went on: all or nothing
		return errors.Join(tx.failed, sqltx.Rollback())
	}
	if err := sqltx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, f := range tx.onCommit {
		f()
	}
	return nil
}
