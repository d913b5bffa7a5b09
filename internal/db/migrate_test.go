package db_test

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/migrations"
)

// eachConfig is dbtest.Each without a schema.
func eachConfig(t *testing.T, test func(t *testing.T, c db.Config)) {
	t.Run("sqlite", func(t *testing.T) { test(t, dbtest.SQLiteConfig(t)) })
	t.Run("mariadb", func(t *testing.T) { test(t, dbtest.MariaDBConfig(t)) })
}

func TestMigrateOnce(t *testing.T) {
	t.Parallel()
	eachConfig(t, func(t *testing.T, c db.Config) {
		d := dbtest.Reopen(t, c)
		if err := d.RequireSchema(t.Context()); core.CodeOf(err) != core.Invalid || !strings.Contains(core.SafeText(err), "caduceus migrate") {
			t.Errorf("an empty database: %v", err)
		}
		done, err := d.Migrate(t.Context())
		if err != nil || len(done) == 0 || done[0] != 1 {
			t.Fatalf("first time: %v, %v", done, err)
		}
		if done, err := d.Migrate(t.Context()); err != nil || len(done) != 0 {
			t.Errorf("second time: %v, %v", done, err)
		}
		if err := d.RequireSchema(t.Context()); err != nil {
			t.Errorf("a complete schema: %v", err)
		}
		st, err := d.Schema(t.Context())
		if err != nil || st.Current != st.Newest || st.Newest < 1 {
			t.Errorf("schema %+v, %v", st, err)
		}
	})
}

// TestMigrateAtTheSameTime starts five processes on an empty database. SQLite has
// only one process.
func TestMigrateAtTheSameTime(t *testing.T) {
	t.Parallel()
	c := dbtest.MariaDBConfig(t)
	var mu sync.Mutex
	applied := map[int64]int{}
	var wg sync.WaitGroup
	for range 5 {
		d := dbtest.Reopen(t, c)
		wg.Go(func() {
			done, err := d.Migrate(t.Context())
			if err != nil {
				t.Errorf("migrate: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, v := range done {
				applied[v]++
			}
		})
	}
	wg.Wait()
	for v, n := range applied {
		if n != 1 {
			t.Errorf("migration %d was applied %d times", v, n)
		}
	}
	if err := dbtest.Reopen(t, c).RequireSchema(t.Context()); err != nil || len(applied) == 0 {
		t.Errorf("applied %v, %v", applied, err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mustTx(t, d, func(tx *db.Tx) error {
			_, err := tx.Insert(t.Context(), "goose_db_version", db.Row{"version_id", 99999, "is_applied", true})
			return err
		})
		_, err := d.Migrate(t.Context())
		if core.CodeOf(err) != core.Invalid || !strings.Contains(core.SafeText(err), "99999") {
			t.Errorf("migrate: %v", err)
		}
		if err := d.RequireSchema(t.Context()); core.CodeOf(err) != core.Invalid {
			t.Errorf("require: %v", err)
		}
	})
}

// column is what both engines must have in common.
type column struct {
	Nullable bool
	Key      bool // part of the primary key
	Kind     string
}

// TestBothSchemasAreTheSame compares tables, columns, their kind, whether they
// may be NULL, and the columns of every index.
func TestBothSchemasAreTheSame(t *testing.T) {
	t.Parallel()
	lite, maria := dbtest.SQLite(t), patientMariaDB(t)
	if diff := cmp.Diff(columnsOfSQLite(t, lite), columnsOfMariaDB(t, maria)); diff != "" {
		t.Errorf("columns (- SQLite, + MariaDB):\n%s", diff)
	}
	if diff := cmp.Diff(indexesOfSQLite(t, lite), indexesOfMariaDB(t, maria)); diff != "" {
		t.Errorf("indexes (- SQLite, + MariaDB):\n%s", diff)
	}
}

// patientMariaDB is a database that may be asked about its schema: with those of other
// tests on the same server that takes a while.
func patientMariaDB(t *testing.T) *db.DB {
	t.Helper()
	c := dbtest.MariaDBConfig(t)
	c.Session["max_statement_time"] = "0"
	return dbtest.Open(t, c)
}

func TestEveryMigrationIsWrittenTwice(t *testing.T) {
	t.Parallel()
	names := func(f fs.FS) []string {
		list, err := fs.Glob(f, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	lite, maria := names(migrations.SQLite()), names(migrations.MySQL())
	if diff := cmp.Diff(lite, maria); diff != "" || len(lite) == 0 {
		t.Errorf("- sqlite, + mysql:\n%s", diff)
	}
}

// kind reduces a declared type to what matters to Go code.
func kind(declared string) string {
	name := strings.ToLower(strings.SplitN(declared, "(", 2)[0])
	switch {
	case strings.Contains(name, "int"):
		return "number"
	case strings.Contains(name, "char"), strings.Contains(name, "text"):
		return "text"
	case strings.Contains(name, "blob"), strings.Contains(name, "binary"):
		return "bytes"
	}
	return declared
}

func columnsOfSQLite(t *testing.T, d *db.DB) map[string]column {
	t.Helper()
	return readColumns(t, d, `SELECT m.name, c.name, c.type, c."notnull" = 0 AND c.pk = 0, c.pk > 0
		FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND m.name <> 'goose_db_version'`)
}

func columnsOfMariaDB(t *testing.T, d *db.DB) map[string]column {
	t.Helper()
	return readColumns(t, d, `SELECT table_name, column_name, column_type, is_nullable = 'YES', column_key = 'PRI'
		FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'goose_db_version'`)
}

func readColumns(t *testing.T, d *db.DB, query string) map[string]column {
	t.Helper()
	out := map[string]column{}
	_, err := db.All(t.Context(), d, func(s db.Scanner) (struct{}, error) {
		var table, name, declared string
		var c column
		err := s.Scan(&table, &name, &declared, &c.Nullable, &c.Key)
		c.Kind = kind(declared)
		out[table+"."+name] = c
		return struct{}{}, err
	}, query)
	if err != nil {
		t.Fatalf("read columns: %v", err)
	}
	if len(out) < 100 {
		t.Fatalf("only %d columns found", len(out))
	}
	return out
}

// indexesOfSQLite maps "table (columns) unique" to true. An INTEGER PRIMARY KEY is the
// table itself and no index; it counts as one where the ids come from elsewhere, and is
// left out on both engines where the database gives them.
func indexesOfSQLite(t *testing.T, d *db.DB) map[string]bool {
	t.Helper()
	return readIndexes(t, d, `SELECT name, cols, uniq FROM (
		SELECT m.name AS name, i.name AS idx, i."unique" AS uniq,
			(SELECT GROUP_CONCAT(x.name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) x) AS cols
		FROM sqlite_master m JOIN pragma_index_list(m.name) i
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND m.name <> 'goose_db_version'
		UNION ALL SELECT m.name, '', 1, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.pk = 1 AND c.type = 'INTEGER' AND m.sql NOT LIKE '%AUTOINCREMENT%' AND m.name <> 'goose_db_version')`)
}

func indexesOfMariaDB(t *testing.T, d *db.DB) map[string]bool {
	t.Helper()
	return readIndexes(t, d, `SELECT table_name, GROUP_CONCAT(column_name ORDER BY seq_in_index), MAX(non_unique) = 0
		FROM information_schema.statistics
		WHERE table_schema = DATABASE() AND table_name <> 'goose_db_version' AND (index_name <> 'PRIMARY' OR table_name NOT IN (
			SELECT * FROM (SELECT table_name FROM information_schema.columns WHERE table_schema = DATABASE() AND extra = 'auto_increment') own_ids))
		GROUP BY table_name, index_name`)
}

func readIndexes(t *testing.T, d *db.DB, query string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	_, err := db.All(t.Context(), d, func(s db.Scanner) (struct{}, error) {
		var table, cols string
		var unique bool
		err := s.Scan(&table, &cols, &unique)
		key := table + " (" + cols + ")"
		if unique {
			key += " unique"
		}
		out[key] = true
		return struct{}{}, err
	}, query)
	if err != nil {
		t.Fatalf("read indexes: %v", err)
	}
	return out
}

func TestMigrateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	eachConfig(t, func(t *testing.T, c db.Config) {
		d := dbtest.Reopen(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.Migrate(ctx); err == nil {
			t.Error("migrated although the context had ended")
		}
	})
}

// TestKeysAreComparedExactly looks at the texts that are part of a key on MariaDB: no
// two that differ may be the same to it, but for ASCII case in names.
func TestKeysAreComparedExactly(t *testing.T) {
	t.Parallel()
	d := patientMariaDB(t)
	names := map[string]bool{"member.name": true, "member_nick.nick": true, "irc_channel.name": true, "irc_mask.channel": true}
	byHand := map[string]bool{"class.name": true} // few, and compared in Go
	type text struct{ column, collation string }
	list, err := db.All(t.Context(), d, func(s db.Scanner) (v text, err error) {
		return v, s.Scan(&v.column, &v.collation)
	}, `SELECT CONCAT(c.table_name, '.', c.column_name), c.collation_name FROM information_schema.columns c
		JOIN (SELECT DISTINCT table_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE()) i
			ON i.table_name = c.table_name AND i.column_name = c.column_name
		WHERE c.table_schema = DATABASE() AND c.table_name <> 'goose_db_version' AND c.collation_name IS NOT NULL`)
	if err != nil || len(list) < 20 {
		t.Fatalf("%d columns, %v", len(list), err)
	}
	for _, v := range list {
		want := "utf8mb4_bin"
		if names[v.column] {
			want = "ascii_general_nopad_ci"
		}
		if v.collation != want && !byHand[v.column] {
			t.Errorf("%s is compared by %s, want %s", v.column, v.collation, want)
		}
	}
}

// TestNamesThatAreNotASCIIStopTheMigration has a site whose names were changed by hand.
func TestNamesThatAreNotASCIIStopTheMigration(t *testing.T) {
	t.Parallel()
	d := dbtest.Reopen(t, dbtest.MariaDBConfig(t))
	mustMigrateTo(t, d, 15)
	fill(t, d)
	rename := func(name string) {
		mustTx(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE member_nick SET nick = ? WHERE member_id = 2", name)
			return err
		})
	}
	rename("Zoë")
	_, err := d.Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the name Zoë is not ASCII; rename") {
		t.Errorf("migrated with such a name: %v", err)
	}
	rename("Zoe")
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Errorf("after it was renamed: %v", err)
	}
}
