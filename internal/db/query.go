package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// Scanner is a row that can be read.
type Scanner interface{ Scan(dest ...any) error }

// All reads every row of a query with scan. Queries whose result can grow must
// have a LIMIT.
func All[T any](ctx context.Context, q Queryer, scan func(Scanner) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, explain(rows.Close())) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, explain(rows.Err())
}

// One reads the first row of a query, and reports whether there was one.
func One[T any](ctx context.Context, q Queryer, scan func(Scanner) (T, error), query string, args ...any) (T, bool, error) {
	v, err := scan(q.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		var zero T
		return zero, false, nil
	}
	return v, err == nil, err
}

// Value scans a row of one column.
func Value[T any](s Scanner) (T, error) {
	var v T
	err := s.Scan(&v)
	return v, err
}

// Marks returns n question marks for an IN list: "?, ?, ?". n must be positive.
func Marks(n int) string {
	return strings.TrimSuffix(strings.Repeat("?, ", n), ", ")
}

// EscapeLike makes s literal in a LIKE pattern with ESCAPE '!'.
func EscapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}
