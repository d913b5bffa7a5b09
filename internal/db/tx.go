package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Tx is a running transaction.
type Tx struct {
	tx       *sql.Tx
	engine   Engine
	onCommit []func()
	failed   error // the first part that failed
}

// Tx runs fn as a part of this transaction, so that a method which needs one can
// be called inside another. When fn fails, the whole transaction is rolled back,
// whatever its owner makes of the error.
func (t *Tx) Tx(_ context.Context, fn func(tx *Tx) error) error {
	err := fn(t)
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}

// guardKey marks a context that belongs to a running transaction.
type guardKey struct{}

// Guard returns a context with which no second transaction can be begun on the
// DB. Pass it to code that must act through stores bound to this one.
func (t *Tx) Guard(ctx context.Context) context.Context { return context.WithValue(ctx, guardKey{}, t) }

// Engine tells which database the transaction runs on.
func (t *Tx) Engine() Engine { return t.engine }

// OnCommit registers f to run once, after the transaction was committed.
func (t *Tx) OnCommit(f func()) { t.onCommit = append(t.onCommit, f) }

// QueryContext reads rows.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := t.tx.QueryContext(ctx, begin(ctx, t.engine, query, args), args...)
	return rows, explain(err)
}

// QueryRowContext reads one row.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) Scanner {
	return explained{t.tx.QueryRowContext(ctx, begin(ctx, t.engine, query, args), args...)}
}

// exec runs a statement that writes. All of them come through here.
func (t *Tx) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, begin(ctx, t.engine, query, args), args...)
}

// Exec writes, and returns how many rows matched.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := t.exec(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Insert adds one row and returns the id that the database gave it.
func (t *Tx) Insert(ctx context.Context, table string, row Row) (int64, error) {
	cols, args := row.split()
	res, err := t.exec(ctx, insertSQL(table, cols, 1), args...)
	if err != nil {
		return 0, fmt.Errorf("insert into %s: %w", table, err)
	}
	return res.LastInsertId()
}

// InsertIgnore adds one row unless one with the same unique key is there, and
// reports whether it did. Any other violation is an error. On both engines the
// duplicate undoes only this statement, not the transaction.
func (t *Tx) InsertIgnore(ctx context.Context, table string, row Row) (bool, error) {
	cols, args := row.split()
	_, err := t.exec(ctx, insertSQL(table, cols, 1), args...)
	if IsDuplicate(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("insert into %s: %w", table, err)
	}
	return true, nil
}

// Row is a row to insert: column names and values in turn.
type Row []any

func (r Row) split() (cols []string, args []any) {
	for i := 0; i+1 < len(r); i += 2 {
		cols = append(cols, r[i].(string))
		args = append(args, r[i+1])
	}
	return cols, args
}

// Turn waits until this transaction alone has the turn of that name, and keeps it
// until its end: for decisions that rest on more than rows to Lock, such as how many
// there are, or that one is not there. Take turns before anything else, and those of
// several names in the order in which others do.
func (t *Tx) Turn(ctx context.Context, name string) error {
	if t.engine == SQLite { // the transaction is the only writer anyway
		return nil
	}
	return t.Upsert(ctx, UpsertSpec{Table: "turn", Key: []string{"name"}}, []any{name})
}

// Lock waits until this transaction alone may change the rows of table that
// match where. It keeps nobody from adding rows: see Turn. On SQLite the transaction
// is the only writer anyway.
func (t *Tx) Lock(ctx context.Context, table, where string, args ...any) (err error) {
	if t.engine == SQLite {
		return nil
	}
	rows, err := t.QueryContext(ctx, "SELECT 1 FROM "+quote(table)+" WHERE "+where+" FOR UPDATE", args...)
	if err != nil {
		return fmt.Errorf("lock %s: %w", table, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() { // reading to the end takes every lock
	}
	return rows.Err()
}

// Current makes a query read what is committed now, and keep others from changing it
// until this transaction ends. MariaDB would otherwise read the rows as they were when
// the transaction first read anything; on SQLite the transaction is the only writer.
func (t *Tx) Current(query string) string {
	if t.engine == SQLite {
		return query
	}
	return query + " FOR UPDATE"
}

func insertSQL(table string, cols []string, n int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(cols)), ", ") + ")"
	all := strings.TrimSuffix(strings.Repeat(one+", ", n), ", ")
	return "INSERT INTO " + quote(table) + " (" + quoteAll(cols) + ") VALUES " + all
}

func quote(name string) string { return "`" + name + "`" }

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}
