package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Snapshot is the whole database as it was at one moment, for copies of it. It belongs to
// the function it was given to.
type Snapshot struct {
	// Schema is the last migration that was applied.
	Schema int64

	reader
}

// reader reads whole tables over one connection.
type reader struct {
	engine Engine
	conn   *sql.Conn
}

// Snapshot calls fn with everything that is committed when it is called. Others read and
// write meanwhile, but the schema can't be changed until fn returns. fn may take hours: no
// statement of a Snapshot has a time limit but ctx.
func (d *DB) Snapshot(ctx context.Context, fn func(s *Snapshot) error) (err error) {
	pool, err := d.copier()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	begin := []string{"BEGIN"} // the first read decides what is seen, and comes next
	if d.engine == MariaDB {
		begin = []string{"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT"}
	}
	for _, statement := range begin {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return explain(err)
		}
	}
	defer func() {
		if _, rerr := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err == nil {
			err = rerr // nothing was written: it only ends the view
		}
	}()
	s := &Snapshot{reader: reader{d.engine, conn}}
	tables, err := s.names(ctx)
	switch {
	case err != nil:
		return err
	case slices.Contains(tables, restoreMark):
		return errUnfinished
	case !slices.Contains(tables, goose.DefaultTablename):
		return core.Errorf(core.Invalid, "the database is empty; make a site with: caduceus init")
	}
	err = conn.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename).Scan(&s.Schema)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", explain(err))
	}
	return fn(s)
}

// copier opens a connection for reading everything, at the pace of whoever takes it.
func (d *DB) copier() (*sql.DB, error) {
	if d.engine == SQLite {
		return sqlitePool(liteDSN(d.config.Path) + "&_pragma=query_only(1)")
	}
	mc, err := mysqlConfig(d.config)
	if err != nil {
		return nil, err
	}
	maps.Copy(mc.Params, map[string]string{"max_statement_time": "0", "idle_transaction_timeout": "0", "net_write_timeout": "3600"})
	c, err := mysql.NewConnector(mc)
	if err != nil {
		return nil, fmt.Errorf("MariaDB settings: %w", err)
	}
	return sql.OpenDB(c), nil
}

// Table is a table of the schema.
type Table struct {
	Name    string
	Columns []string // by name, as the engines may have them in another order
	Next    int64    // the least id that the database gives a new row; 0 where it gives none
}

// names returns the tables of the database, those of the schema and others.
func (r reader) names(ctx context.Context) ([]string, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
	if r.engine == MariaDB {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
	}
	names, err := column[string](ctx, r.conn, query)
	slices.Sort(names)
	return names, err
}

// Tables returns the tables of the schema, by name. The one in which the schema's own
// version stands is none of them.
func (r reader) Tables(ctx context.Context) ([]Table, error) {
	names, err := r.names(ctx)
	if err != nil {
		return nil, err
	}
	var tables []Table
	for _, name := range names {
		if name == goose.DefaultTablename || name == restoreMark || name == hiddenVersion {
			continue
		}
		t := Table{Name: name}
		if t.Columns, err = r.columns(ctx, name); err != nil {
			return nil, err
		}
		if t.Next, err = r.next(ctx, name); err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func (r reader) columns(ctx context.Context, table string) ([]string, error) {
	query := "SELECT name FROM pragma_table_info(?)"
	if r.engine == MariaDB {
		query = "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?"
	}
	names, err := column[string](ctx, r.conn, query, table)
	slices.Sort(names)
	return names, err
}

// next is Table.Next of a table.
func (r reader) next(ctx context.Context, table string) (int64, error) {
	query := "SELECT COALESCE(MAX(seq) + 1, 0) FROM sqlite_sequence WHERE name = ?"
	if r.engine == MariaDB {
		query = "SELECT COALESCE(MAX(auto_increment), 0) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	}
	var n int64
	return n, explain(r.conn.QueryRowContext(ctx, query, table).Scan(&n))
}

// Size is about how many bytes the tables take.
func (s *Snapshot) Size(ctx context.Context) (core.Bytes, error) {
	query := "SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size())"
	if s.engine == MariaDB {
		query = "SELECT CAST(COALESCE(SUM(data_length), 0) AS SIGNED) FROM information_schema.tables WHERE table_schema = DATABASE()"
	}
	var n core.Bytes
	return n, explain(s.conn.QueryRowContext(ctx, query).Scan(&n))
}

// Read calls row for each row of a table, with the values of its columns: int64, float64,
// string, []byte or nil. They are valid only during the call. An error of row ends it.
func (r reader) Read(ctx context.Context, t Table, row func(values []any) error) (err error) {
	rows, err := r.conn.QueryContext(ctx, "SELECT "+quoteAll(t.Columns)+" FROM "+quote(t.Name))
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, explain(rows.Close())) }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	isText := make([]bool, len(types))
	for i, c := range types {
		name := c.DatabaseTypeName()
		isText[i] = strings.Contains(name, "CHAR") || strings.Contains(name, "TEXT")
	}
	raw, values, into := make([]any, len(types)), make([]any, len(types)), make([]any, len(types))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range raw {
			switch v := v.(type) {
			case nil, int64, float64, string:
				values[i] = v
			case []byte:
				values[i] = v
				if r.engine == MariaDB && isText[i] { // the driver does not tell them apart
					values[i] = string(v)
				}
			default:
				return fmt.Errorf("%s.%s holds a %T, which no copy can", t.Name, t.Columns[i], v)
			}
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return explain(rows.Err())
}

// column reads a query of one column to its end.
func column[T any](ctx context.Context, conn *sql.Conn, query string, args ...any) (out []T, err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, explain(err)
	}
	defer func() { err = errors.Join(err, explain(rows.Close())) }()
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, explain(rows.Err())
}
