package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"

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
	p, err := d.provider(d.write)
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

// NewestSchema is the last migration that this program knows.
func NewestSchema() (int64, error) {
	names, err := fs.Glob(migrations.SQLite(), "*.sql")
	newest := int64(0)
	for _, name := range names {
		version, verr := goose.NumericComponent(name)
		newest, err = max(newest, version), errors.Join(err, verr)
	}
	return newest, err
}

// schemaVersion reads goose's table, which an empty database does not have yet.
// Goose's own query would make the table.
func (d *DB) schemaVersion(ctx context.Context) (int64, error) {
	n, _, err := One(ctx, d, Value[int64], tableQuery(d.engine), goose.DefaultTablename)
	if err != nil || n == 0 {
		return 0, err
	}
	v, _, err := One(ctx, d, Value[int64], "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename)
	return v, err
}

// tableQuery counts the tables of a name, of which there is one or none.
func tableQuery(e Engine) string {
	if e == MariaDB {
		return "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	}
	return "SELECT COUNT(*) FROM sqlite_master WHERE name = ?"
}

// Migrate brings the schema up to date, under a lock where several processes start at
// once, and returns the versions applied. A schema newer than the program is refused:
// an older program would damage it.
//
// It may be stopped or killed anywhere and begun again. SQLite undoes a migration that
// was not finished. MariaDB does not, so there each statement of a migration looks
// before it acts. When ctx ends, the running statement is let finish first.
func (d *DB) Migrate(ctx context.Context) ([]int64, error) {
	if err := d.Finished(ctx); err != nil {
		return nil, err
	}
	return d.migrate(ctx, newestSchema)
}

// newestSchema is beyond every version.
const newestSchema = math.MaxInt64

// migrate is Migrate up to a version.
func (d *DB) migrate(ctx context.Context, version int64) (done []int64, err error) {
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
	pool, err := d.migrator()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	p, err := d.provider(pool)
	if err != nil {
		return nil, err
	}
	results, err := p.UpTo(ctx, min(version, st.Newest))
	if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
		results = partial.Applied
	}
	for _, r := range results {
		done = append(done, r.Source.Version)
	}
	switch {
	case err == nil:
		return done, nil
	case ctx.Err() != nil:
		return done, core.Wrap(err, core.Unavailable, "the migration was stopped between two statements; run caduceus migrate to go on")
	default:
		return done, fmt.Errorf("migrate the schema: %w", err)
	}
}

// RequireSchema fails unless the schema is the one this program knows. Rooms that run
// as a database user of their own can't migrate and call this instead.
func (d *DB) RequireSchema(ctx context.Context) error {
	if err := d.Finished(ctx); err != nil {
		return err
	}
	st, err := d.Schema(ctx)
	if err != nil {
		return err
	}
	if st.Current != st.Newest {
		return core.Errorf(core.Invalid, "the database has schema %d and this program needs %d; run: caduceus migrate", st.Current, st.Newest)
	}
	return nil
}

func (d *DB) provider(pool *sql.DB) (*goose.Provider, error) {
	dialect, files, options := goose.DialectSQLite3, migrations.SQLite(), []goose.ProviderOption{goose.WithVerbose(false)}
	if d.engine == MariaDB {
		// There is no transaction around changes of the schema, so none is begun.
		dialect, files = goose.DialectMySQL, migrations.MySQL()
		options = append(options, goose.WithSessionLocker(sessionLock{d}), goose.WithIsolateDDL(true))
	}
	p, err := goose.NewProvider(dialect, pool, files, options...)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, nil
}
