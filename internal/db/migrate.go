package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/migrations"
)

// SchemaStatus tells where the schema stands.
type SchemaStatus struct {
	Current int64 // the last migration that was applied; 0 for an empty database
	Newest  int64 // the last one this program knows
}

// Schema reports the versions. It only reads, so any database user may ask.
func (d *DB) Schema(ctx context.Context) (SchemaStatus, error) {
	p, err := d.provider()
	if err != nil {
		return SchemaStatus{}, err
	}
	var st SchemaStatus
	for _, s := range p.ListSources() {
		st.Newest = max(st.Newest, s.Version)
	}
	st.Current, err = d.schemaVersion(ctx)
	if err != nil {
		return SchemaStatus{}, fmt.Errorf("read the schema version: %w", err)
	}
	return st, nil
}

// schemaVersion reads goose's table, which an empty database does not have yet.
// Goose's own query would make the table.
func (d *DB) schemaVersion(ctx context.Context) (int64, error) {
	tables := "SELECT COUNT(*) FROM sqlite_master WHERE name = ?"
	if d.engine == MariaDB {
		tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	}
	n, _, err := One(ctx, d, Value[int64], tables, goose.DefaultTablename)
	if err != nil || n == 0 {
		return 0, err
	}
	v, _, err := One(ctx, d, Value[int64], "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename)
	return v, err
}

// Migrate brings the schema up to date, under a lock where several processes
// start at once, and returns the versions applied. A schema newer than the
// program is refused: an older program would damage it.
func (d *DB) Migrate(ctx context.Context) ([]int64, error) {
	unlock, err := d.migrationLock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	st, err := d.Schema(ctx)
	if err != nil {
		return nil, err
	}
	if st.Current > st.Newest {
		return nil, core.Errorf(core.Invalid, "the database has schema %d and this program knows only %d; start the newer program", st.Current, st.Newest)
	}
	if st.Current == st.Newest {
		return nil, nil
	}
	p, err := d.provider()
	if err != nil {
		return nil, err
	}
	results, err := p.Up(ctx)
	var done []int64
	for _, r := range results {
		done = append(done, r.Source.Version)
	}
	if err != nil {
		return done, fmt.Errorf("migrate the schema: %w", err)
	}
	return done, nil
}

// RequireSchema fails unless the schema is the one this program knows. Rooms that run
// as a database user of their own can't migrate and call this instead.
func (d *DB) RequireSchema(ctx context.Context) error {
	st, err := d.Schema(ctx)
	if err != nil {
		return err
	}
	if st.Current != st.Newest {
		return core.Errorf(core.Invalid, "the database has schema %d and this program needs %d; run: caduceus migrate", st.Current, st.Newest)
	}
	return nil
}

func (d *DB) provider() (*goose.Provider, error) {
	dialect, files := goose.DialectSQLite3, migrations.SQLite()
	if d.engine == MariaDB {
		dialect, files = goose.DialectMySQL, migrations.MySQL()
	}
	p, err := goose.NewProvider(dialect, d.write, files, goose.WithVerbose(false))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, nil
}

// migrationLock makes processes that start together migrate one after another.
func (d *DB) migrationLock(ctx context.Context) (unlock func(), err error) {
	if d.engine == SQLite {
		return func() {}, nil
	}
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock the schema: %w", err)
	}
	var got int
	const name = "caduceus_migrate"
	if err := conn.QueryRowContext(ctx, "SELECT COALESCE(GET_LOCK(?, 25), 0)", name).Scan(&got); err != nil || got != 1 {
		return nil, errors.Join(core.Errorf(core.Unavailable, "another process is migrating the database; try again"), err, conn.Close())
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", name); err != nil {
			d.log.Warn("release the migration lock", "err", err)
		}
		if err := conn.Close(); err != nil {
			d.log.Warn("close the migration connection", "err", err)
		}
	}, nil
}
