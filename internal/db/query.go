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

// PrimaryKey is the primary key as an index for Using.
const PrimaryKey = "PRIMARY"

// Using makes a query read a table by one index, or fail. It stands behind the table's
// name or alias. Where an order of many rows must come from an index, the databases
// would otherwise sometimes sort all of them: neither knows how soon LIMIT is reached.
func (e Engine) Using(index string) string {
	switch {
	case e == MariaDB:
		return " FORCE INDEX (" + index + ")"
	case index == PrimaryKey:
		return " NOT INDEXED"
	}
	return " INDEXED BY " + index
}

// JSONList is an aggregate that gathers rows as one JSON array, each as an array of the
// expressions. Without rows it is NULL or "[]".
func (e Engine) JSONList(expressions ...string) string {
	list := strings.Join(expressions, ", ")
	if e == MariaDB {
		return "JSON_ARRAYAGG(JSON_ARRAY(" + list + "))"
	}
	return "json_group_array(json_array(" + list + "))"
}

// EscapeLike makes s literal in a LIKE pattern with ESCAPE '!'.
func EscapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// Behind is a condition that rows come behind one in an index on two columns, in an order
// downward (op "<") or upward (">"), as each engine finds the place at once.
func (e Engine) Behind(op, first, second string, a, b any) (condition string, args []any) {
	if e == SQLite {
		return "(" + first + ", " + second + ") " + op + " (?, ?)", []any{a, b}
	}
	return "(" + first + " " + op + " ? OR (" + first + " = ? AND " + second + " " + op + " ?))", []any{a, a, b}
}
