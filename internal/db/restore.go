package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// The tables that are there while a restore is under way. The first is made before
// anything else and dropped as the last thing; it holds the paths of files that the
// restore makes. Under the second name goose's table waits, so that the database has no
// schema for users who can't see the first.
const (
	restoreMark   = "restore_unfinished"
	hiddenVersion = "restore_version"
)

var errUnfinished = core.Errorf(core.Conflict, "a restore of this site was begun and did not end, so that a part of it is missing; do it again: caduceus restore FOLDER")

// Finished fails while a restore is under way, or where one was interrupted. Only who may
// see all tables can tell; to others such a database has no schema.
func (d *DB) Finished(ctx context.Context) error {
	n, _, err := One(ctx, d, Value[int64], tableQuery(d.engine), restoreMark)
	if err == nil && n > 0 {
		return errUnfinished
	}
	return err
}

// Restore fills an empty database. It belongs to one goroutine, and ends with Finish or
// Close.
type Restore struct {
	d    *DB
	pool *sql.DB
	reader
	tables []string // before Begin
}

// Restore opens the database for a restore, and changes nothing yet. Nobody else may use
// it meanwhile.
func (d *DB) Restore(ctx context.Context) (*Restore, error) {
	pool, err := d.migrator()
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(explain(err), pool.Close())
	}
	r := &Restore{d: d, pool: pool, reader: reader{d.engine, conn}}
	if d.engine == MariaDB {
		for _, statement := range []string{"SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')", "SET SESSION foreign_key_checks = 0"} {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return nil, errors.Join(explain(err), r.Close())
			}
		}
	}
	if r.tables, err = r.names(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close gives the connection back.
func (r *Restore) Close() error { return errors.Join(r.conn.Close(), r.pool.Close()) }

// Found returns the tables that are in the way. interrupted reports that they are those
// of a restore that did not end, and paths are what that was to make.
func (r *Restore) Found(ctx context.Context) (tables []string, interrupted bool, paths []string, err error) {
	if !slices.Contains(r.tables, restoreMark) {
		return r.tables, false, nil, nil
	}
	paths, err = column[string](ctx, r.conn, "SELECT path FROM "+restoreMark)
	return nil, true, paths, err
}

// Begin makes the tables as they are after the migration schema, all of them empty, and
// notes what files the restore is going to make. What an interrupted restore has left in
// the database is dropped. Until Finish the database counts as having no schema.
func (r *Restore) Begin(ctx context.Context, schema int64, paths []string) error {
	if err := r.exec(ctx, "CREATE TABLE IF NOT EXISTS "+restoreMark+" (path TEXT NOT NULL)"); err != nil {
		return err
	}
	for _, t := range r.tables {
		if t == restoreMark {
			continue
		}
		if err := r.exec(ctx, "DROP TABLE "+quote(t)); err != nil {
			return err
		}
	}
	err := r.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+restoreMark); err != nil {
			return err
		}
		for _, p := range paths {
			if _, err := tx.ExecContext(ctx, "INSERT INTO "+restoreMark+" (path) VALUES (?)", p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := r.d.migrate(ctx, schema); err != nil {
		return err
	}
	if err := r.hide(ctx); err != nil {
		return err
	}
	tables, err := r.Tables(ctx)
	for _, t := range tables { // what the migrations have put there is in the backup as well
		if err == nil {
			err = r.exec(ctx, "DELETE FROM "+quote(t.Name))
		}
	}
	return err
}

func (r *Restore) hide(ctx context.Context) error {
	return r.exec(ctx, "ALTER TABLE "+goose.DefaultTablename+" RENAME TO "+hiddenVersion)
}

func (r *Restore) show(ctx context.Context) error {
	return r.exec(ctx, "ALTER TABLE "+hiddenVersion+" RENAME TO "+goose.DefaultTablename)
}

// mostValues is the most values of one statement; SQLite takes 32766.
const mostValues = 10_000

// Insert adds rows to a table, in one transaction. Each has the values of the columns, in
// their order.
func (r *Restore) Insert(ctx context.Context, t Table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	atOnce := max(1, min(500, mostValues/len(t.Columns)))
	return r.inTx(ctx, func(tx *sql.Tx) error {
		for some := range slices.Chunk(rows, atOnce) {
			args := make([]any, 0, len(some)*len(t.Columns))
			for _, row := range some {
				args = append(args, row...)
			}
			if _, err := tx.ExecContext(ctx, insertSQL(t.Name, t.Columns, len(some)), args...); err != nil {
				return fmt.Errorf("insert into %s: %w", t.Name, err)
			}
		}
		return nil
	})
}

// Continue makes the database give new rows of a table the ids from t.Next on.
func (r *Restore) Continue(ctx context.Context, t Table) error {
	if t.Next == 0 {
		return nil
	}
	if r.engine == MariaDB {
		return r.exec(ctx, fmt.Sprintf("ALTER TABLE %s AUTO_INCREMENT = %d", quote(t.Name), t.Next))
	}
	var sql string // of a table that counts its ids: on the other engine more of them may
	if err := r.conn.QueryRowContext(ctx, "SELECT sql FROM sqlite_master WHERE name = ?", t.Name).Scan(&sql); err != nil || !strings.Contains(sql, "AUTOINCREMENT") {
		return explain(err)
	}
	if err := r.exec(ctx, "DELETE FROM sqlite_sequence WHERE name = ?", t.Name); err != nil {
		return err
	}
	return r.exec(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", t.Name, t.Next-1)
}

// Upgrade applies the migrations that are newer than those of Begin.
func (r *Restore) Upgrade(ctx context.Context) ([]int64, error) {
	if err := r.show(ctx); err != nil {
		return nil, err
	}
	applied, err := r.d.migrate(ctx, newestSchema)
	if err != nil {
		return applied, err
	}
	return applied, r.hide(ctx)
}

// Finish says that everything is in its place.
func (r *Restore) Finish(ctx context.Context) error {
	if err := r.show(ctx); err != nil {
		return err
	}
	return r.exec(ctx, "DROP TABLE "+restoreMark)
}

func (r *Restore) exec(ctx context.Context, query string, args ...any) error {
	_, err := r.conn.ExecContext(ctx, query, args...)
	return explain(err)
}

func (r *Restore) inTx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := r.conn.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(explain(err), tx.Rollback())
	}
	return explain(tx.Commit())
}
