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
}

// Engine tells which database the transaction runs on.
func (t *Tx) Engine() Engine { return t.engine }

// OnCommit registers f to run once, after the transaction was committed.
func (t *Tx) OnCommit(f func()) { t.onCommit = append(t.onCommit, f) }

// QueryContext reads rows.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, query, args...)
}

// QueryRowContext reads one row.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, query, args...)
}

// Exec writes, and returns how many rows matched.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Insert adds one row and returns the id that the database gave it.
func (t *Tx) Insert(ctx context.Context, table string, row Row) (int64, error) {
	cols, args := row.split()
	res, err := t.tx.ExecContext(ctx, insertSQL(table, cols, 1), args...)
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
	_, err := t.tx.ExecContext(ctx, insertSQL(table, cols, 1), args...)
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

// UpsertSpec says what happens to a row that is there already: the columns of
// Set are overwritten, those of Add are increased by the new value, and those of
// Keep stay as they are.
type UpsertSpec struct {
	Table string
	Key   []string // the columns of one unique key
	Set   []string
	Add   []string
	Keep  []string // only written when the row is new
}

// Upsert inserts or updates rows in statements of at most 200 rows. Each row
// holds the values of Key, Set, Add and Keep in this order. Sort rows by key
// where several transactions write the same table, to avoid deadlocks.
func (t *Tx) Upsert(ctx context.Context, spec UpsertSpec, rows ...[]any) error {
	cols := make([]string, 0, len(spec.Key)+len(spec.Set)+len(spec.Add)+len(spec.Keep))
	for _, part := range [][]string{spec.Key, spec.Set, spec.Add, spec.Keep} {
		cols = append(cols, part...)
	}
	const chunk = 200
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		args := make([]any, 0, n*len(cols))
		for _, row := range rows[:n] {
			if len(row) != len(cols) {
				return fmt.Errorf("upsert into %s: row has %d values, want %d", spec.Table, len(row), len(cols))
			}
			args = append(args, row...)
		}
		query := insertSQL(spec.Table, cols, n) + t.onConflict(spec)
		if _, err := t.tx.ExecContext(ctx, query, args...); err != nil {
			return fmt.Errorf("upsert into %s: %w", spec.Table, err)
		}
		rows = rows[n:]
	}
	return nil
}

func (t *Tx) onConflict(spec UpsertSpec) string {
	var b strings.Builder
	newValue := func(col string) string { return "VALUES(" + quote(col) + ")" }
	if t.engine == SQLite {
		b.WriteString(" ON CONFLICT (" + quoteAll(spec.Key) + ") DO UPDATE SET ")
		newValue = func(col string) string { return "excluded." + quote(col) }
	} else {
		b.WriteString(" ON DUPLICATE KEY UPDATE ")
	}
	sets := make([]string, 0, len(spec.Set)+len(spec.Add)+1)
	for _, c := range spec.Set {
		sets = append(sets, quote(c)+" = "+newValue(c))
	}
	for _, c := range spec.Add {
		sets = append(sets, quote(c)+" = "+quote(spec.Table)+"."+quote(c)+" + "+newValue(c))
	}
	if len(sets) == 0 {
		sets = append(sets, quote(spec.Key[0])+" = "+quote(spec.Table)+"."+quote(spec.Key[0]))
	}
	b.WriteString(strings.Join(sets, ", "))
	return b.String()
}

// Lock waits until this transaction alone may change the rows of table that
// match where. On SQLite the transaction is the only writer anyway.
func (t *Tx) Lock(ctx context.Context, table, where string, args ...any) (err error) {
	if t.engine == SQLite {
		return nil
	}
	rows, err := t.tx.QueryContext(ctx, "SELECT 1 FROM "+quote(table)+" WHERE "+where+" FOR UPDATE", args...)
	if err != nil {
		return fmt.Errorf("lock %s: %w", table, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() { // reading to the end takes every lock
	}
	return rows.Err()
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
