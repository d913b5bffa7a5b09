package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// UpsertSpec says what happens to a row that exists already: the columns of Set are
// overwritten, those of Add are increased by the new value, and those of Keep stay as
// they are.
type UpsertSpec struct {
	Table string
	Key   []string // the columns of one unique key
	Set   []string
	Add   []string
	Keep  []string // only written when the row is new
}

func (s *UpsertSpec) columns() []string { return slices.Concat(s.Key, s.Set, s.Add, s.Keep) }

// Upsert inserts or updates rows in statements of at most 200 rows. Each row
// holds the values of Key, Set, Add and Keep in this order. Sort rows by key
// where several transactions write the same table, to avoid deadlocks.
func (t *Tx) Upsert(ctx context.Context, spec UpsertSpec, rows ...[]any) error {
	cols := spec.columns()
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
		if _, err := t.exec(ctx, query, args...); err != nil {
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

// UpsertIntegers is Upsert of n rows of whole numbers: row sets the values of the
// i-th, those of Key, Set, Add and Keep in this order. The numbers are written into
// the statement as digits, which is safe and costs both sides a fraction of what
// arguments do. An error of row ends it.
func (t *Tx) UpsertIntegers(ctx context.Context, spec UpsertSpec, n int, row func(i int, values []int64) error) error {
	cols := spec.columns()
	head, tail := "INSERT INTO "+quote(spec.Table)+" ("+quoteAll(cols)+") VALUES ", t.onConflict(spec)
	const chunk = 500
	values := make([]int64, len(cols))
	var query []byte
	for from := 0; from < n; from += chunk {
		query = append(query[:0], head...)
		for i := from; i < min(from+chunk, n); i++ {
			clear(values)
			if err := row(i, values); err != nil {
				return err
			}
			if i > from {
				query = append(query, ',')
			}
			query = appendTuple(query, values)
		}
		query = append(query, tail...)
		if _, err := t.exec(ctx, string(query)); err != nil {
			return fmt.Errorf("upsert into %s: %w", spec.Table, err)
		}
	}
	return nil
}

func appendTuple(b []byte, values []int64) []byte {
	for i, v := range values {
		sep := byte(',')
		if i == 0 {
			sep = '('
		}
		b = strconv.AppendInt(append(b, sep), v, 10)
	}
	return append(b, ')')
}
