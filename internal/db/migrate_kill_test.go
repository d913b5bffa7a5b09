package db_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/migrations"
)

// childVariable holds the order of a process that migrates and kills itself.
const childVariable = "TEST_MIGRATE_CHILD"

// childOrder is what such a process does: it migrates up to a version and dies before
// the statement of that number.
type childOrder struct {
	Config  db.Config
	Version int64
	DieAt   int
}

func TestMain(m *testing.M) {
	if order := os.Getenv(childVariable); order != "" {
		if err := migrateAndDie(order); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func migrateAndDie(text string) error {
	var o childOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, err := db.Open(ctx, o.Config, quiet())
	if err != nil {
		return err
	}
	n := 0
	_, err = d.MigrateTo(db.BeforeStatements(ctx, func(string) {
		if n++; n == o.DieAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}), o.Version)
	return err
}

// killed runs such a process, and reports whether it died before it was done.
func killed(t *testing.T, o childOrder) bool {
	t.Helper()
	order, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(order))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != syscall.SIGKILL {
		t.Fatalf("migration to %d, to be killed at statement %d: %v\n%s", o.Version, o.DieAt, err, out)
	}
	return true
}

// TestMigrationIsKilled kills the migrating process before each statement of each
// migration, on tables with rows, and goes on each time. The result is that of an
// undisturbed migration.
func TestMigrationIsKilled(t *testing.T) {
	t.Parallel()
	eachConfig(t, func(t *testing.T, c db.Config) {
		other := dbtest.SQLiteConfig
		if c.Engine == db.MariaDB {
			other = dbtest.MariaDBConfig
		}
		calm := other(t)
		kills := 0
		for _, v := range versions(t) {
			for n := 1; killed(t, childOrder{c, v, n}); n++ {
				kills++
			}
			fill(t, dbtest.Reopen(t, c))
			if killed(t, childOrder{calm, v, 0}) {
				t.Fatal("the undisturbed process was killed")
			}
			fill(t, dbtest.Reopen(t, calm))
		}
		if kills < 100 {
			t.Errorf("only %d kills: the statements are not counted", kills)
		}
		if diff := cmp.Diff(dump(t, dbtest.Reopen(t, calm)), dump(t, dbtest.Reopen(t, c))); diff != "" {
			t.Errorf("undisturbed (-) and after %d kills (+):\n%s", kills, diff)
		}
	})
}

// TestMigrationGoesOnWhereAnOlderProgramStopped begins with what the programs of
// earlier releases leave on MariaDB when they are stopped in a migration, halfway and
// at its end. Their statements did not look before they acted.
func TestMigrationGoesOnWhereAnOlderProgramStopped(t *testing.T) {
	t.Parallel()
	all := versions(t)
	calm := dbtest.Reopen(t, dbtest.MariaDBConfig(t))
	for i, v := range all {
		mustMigrateTo(t, calm, v)
		fill(t, calm)
		old := released(t, v)
		for _, n := range slices.Compact([]int{(len(old) + 1) / 2, len(old)}) {
			if n == 0 {
				continue
			}
			d := dbtest.Reopen(t, dbtest.MariaDBConfig(t))
			for _, earlier := range all[:i] {
				mustMigrateTo(t, d, earlier)
				fill(t, d)
			}
			mustTx(t, d, func(tx *db.Tx) error {
				for _, s := range old[:n] {
					if _, err := tx.Exec(t.Context(), s); err != nil {
						return fmt.Errorf("%s: %w", s, err)
					}
				}
				return nil
			})
			mustMigrateTo(t, d, v)
			fill(t, d)
			if diff := cmp.Diff(dump(t, calm), dump(t, d)); diff != "" {
				t.Errorf("%d after %d of %d statements: undisturbed (-) and gone on (+):\n%s", v, n, len(old), diff)
			}
		}
	}
}

func mustMigrateTo(t *testing.T, d *db.DB, v int64) {
	t.Helper()
	if _, err := d.MigrateTo(t.Context(), v); err != nil {
		t.Fatalf("migrate to %d: %v", v, err)
	}
}

// TestVersionTableWithoutItsFirstRow is what a kill between the first two statements
// of all leaves.
func TestVersionTableWithoutItsFirstRow(t *testing.T) {
	t.Parallel()
	d := dbtest.Reopen(t, dbtest.MariaDBConfig(t))
	mustMigrateTo(t, d, 1)
	mustTx(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM goose_db_version")
		return err
	})
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.RequireSchema(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestStoppedMigrationFinishesItsStatement ends the context while a statement waits
// for a table that is locked. The statement is done to its end, the next is not begun.
func TestStoppedMigrationFinishesItsStatement(t *testing.T) {
	t.Parallel()
	c := dbtest.MariaDBConfig(t)
	d, other := dbtest.Reopen(t, c), dbtest.Reopen(t, c)
	mustMigrateTo(t, d, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun := make(chan string, 100)
	ended := make(chan error, 1)
	mustTx(t, other, func(tx *db.Tx) error {
		// A transaction that has read a table keeps its definition from being changed.
		if _, _, err := db.One(t.Context(), tx, db.Value[int64], "SELECT COUNT(*) FROM class"); err != nil {
			return err
		}
		go func() {
			_, err := d.Migrate(db.BeforeStatements(ctx, func(query string) { begun <- query }))
			ended <- err
		}()
		waitForState(t, other, "%metadata lock%")
		stop()
		select {
		case err := <-ended:
			t.Errorf("the migration ended while its statement waited: %v", err)
		default:
		}
		return nil
	})
	err := <-ended
	if err == nil || !strings.Contains(err.Error(), "run caduceus migrate to go on") {
		t.Errorf("a stopped migration returned %v", err)
	}
	close(begun)
	var last string
	for query := range begun {
		if !strings.HasPrefix(query, "DO ") { // gives the lock back
			last = query
		}
	}
	if !strings.Contains(last, "client_rule") { // it comes after the one about class
		t.Errorf("the last statement to be asked about was %q", last)
	}
	if st, err := d.Schema(t.Context()); err != nil || st.Current != 1 {
		t.Errorf("schema %+v, %v", st, err)
	}
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Errorf("going on: %v", err)
	}
}

// waitForState waits until a statement in this database is in a state.
func waitForState(t *testing.T, d *db.DB, like string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		n, _, err := db.One(t.Context(), d, db.Value[int64], "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE ?", like)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
	t.Fatalf("no statement came into the state %s", like)
}

func versions(t *testing.T) (list []int64) {
	t.Helper()
	names, err := fs.Glob(migrations.MySQL(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		v, err := strconv.ParseInt(name[:5], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// released returns the statements of a migration for MariaDB as the program ran them
// that was released with it; none for one that could be interrupted from the start.
func released(t *testing.T, version int64) (list []string) {
	t.Helper()
	dir := os.DirFS("testdata")
	files, err := fs.Glob(dir, path.Join("released", fmt.Sprintf("%05d_*.sql", version)))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		return nil
	}
	raw, err := fs.ReadFile(dir, files[0])
	if err != nil {
		t.Fatal(err)
	}
	up, _, _ := strings.Cut(string(raw), "-- +goose Down")
	up = regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(up, "")
	for s := range strings.SplitSeq(up, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// fill puts three rows into each table that is empty, and what later migrations look
// for.
func fill(t *testing.T, d *db.DB) {
	t.Helper()
	list := tableColumns(t, d)
	mustTx(t, d, func(tx *db.Tx) error {
		for _, table := range slices.Sorted(maps.Keys(list)) {
			n, _, err := db.One(t.Context(), tx, db.Value[int64], "SELECT COUNT(*) FROM "+table)
			if err != nil {
				return err
			}
			for i := 0; n == 0 && i < 3; i++ {
				row := db.Row{}
				for _, c := range list[table] {
					row = append(row, c.name, c.value(i))
				}
				if _, err := tx.Insert(t.Context(), table, row); err != nil {
					return err
				}
			}
		}
		for _, p := range []string{"audit.read", "member.disable", "job.manage"} {
			if _, err := tx.InsertIgnore(t.Context(), "class_permission", db.Row{"class_id", 1, "permission", p}); err != nil {
				return err
			}
		}
		return nil
	})
}

type declared struct{ name, kind string }

var declaredLength = regexp.MustCompile(`\((\d+)\)`)

// value is one of three that fit the column.
func (c declared) value(i int) any {
	length := 20
	if m := declaredLength.FindStringSubmatch(c.kind); m != nil {
		length, _ = strconv.Atoi(m[1])
	}
	switch kind(c.kind) {
	case "number":
		return i + 1
	case "bytes":
		return bytes.Repeat([]byte{'a' + byte(i)}, length)
	}
	text := string(rune('a'+i)) + " Zürich " + c.name
	if c.name == "name" || c.name == "nick" || c.name == "channel" {
		text = string(rune('a'+i)) + "_" + c.name
	}
	return string([]rune(text)[:min(length, len([]rune(text)))])
}

func tableColumns(t *testing.T, d *db.DB) map[string][]declared {
	t.Helper()
	query := `SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY m.name, c.cid`
	if d.Engine() == db.MariaDB {
		query = `SELECT table_name, column_name, column_type FROM information_schema.columns
			WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`
	}
	out := map[string][]declared{}
	_, err := db.All(t.Context(), d, func(s db.Scanner) (c declared, err error) {
		var table string
		err = s.Scan(&table, &c.name, &c.kind)
		if table != "goose_db_version" {
			out[table] = append(out[table], c)
		}
		return c, err
	}, query)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var autoIncrement = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// dump returns the definition and the rows of every table, and the versions that were
// applied.
func dump(t *testing.T, d *db.DB) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	text := func(s db.Scanner) (string, error) { return db.Value[string](s) }
	all := func(query string) []string {
		rows, err := db.All(t.Context(), d, text, query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return rows
	}
	for table, columns := range tableColumns(t, d) {
		var hex []string
		for _, c := range columns {
			hex = append(hex, "COALESCE(HEX("+c.name+"), '-')")
		}
		row := strings.Join(hex, " || ' ' || ")
		if d.Engine() == db.MariaDB {
			row = "CONCAT_WS(' ', " + strings.Join(hex, ", ") + ")"
			def, _, err := db.One(t.Context(), d, func(s db.Scanner) (def string, err error) {
				var name string
				return def, s.Scan(&name, &def)
			}, "SHOW CREATE TABLE "+table)
			if err != nil {
				t.Fatal(err)
			}
			out[table] = append(out[table], autoIncrement.ReplaceAllString(def, ""))
		}
		out[table] = append(out[table], all("SELECT "+row+" FROM "+table+" ORDER BY 1")...)
	}
	if d.Engine() == db.SQLite {
		out["schema"] = all("SELECT COALESCE(sql, name) FROM sqlite_master ORDER BY type, name")
	}
	out["versions"] = all("SELECT version_id FROM goose_db_version ORDER BY version_id")
	return out
}
