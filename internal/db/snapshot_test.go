package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestSnapshot sees the database as it was at the beginning, whatever is committed later.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		ctx := t.Context()
		add := func(name string) {
			mustTx(t, d, func(tx *db.Tx) error {
				_, err := tx.Insert(ctx, "tag", db.Row{"name", name})
				return err
			})
		}
		add("early")
		err := d.Snapshot(ctx, func(s *db.Snapshot) error {
			add("late")
			tables, err := s.Tables(ctx)
			if err != nil {
				return err
			}
			var names, tags []string
			for _, table := range tables {
				names = append(names, table.Name)
				if table.Name != "tag" {
					continue
				}
				err := s.Read(ctx, table, func(values []any) error {
					if _, ok := values[0].(int64); !ok {
						t.Errorf("the id is a %T", values[0])
					}
					tags = append(tags, values[1].(string))
					return nil
				})
				if err != nil {
					return err
				}
			}
			if strings.Join(tags, " ") != "early" {
				t.Errorf("it sees %q", tags)
			}
			if all := strings.Join(names, " "); !strings.Contains(all, "member session") && len(names) < 50 || strings.Contains(all, "goose") {
				t.Errorf("its tables are %q", all)
			}
			if n, err := s.Size(ctx); err != nil || n < 1000 {
				t.Errorf("its size is %v: %v", n, err)
			}
			if newest, err := db.NewestSchema(); err != nil || s.Schema != newest {
				t.Errorf("its schema is %d, the newest %d: %v", s.Schema, newest, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		own := errors.New("mine")
		if err := d.Snapshot(ctx, func(*db.Snapshot) error { return own }); !errors.Is(err, own) {
			t.Errorf("an error of the function: %v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		err = d.Snapshot(ended, func(s *db.Snapshot) error {
			cancel()
			_, err := s.Tables(ended)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a context that ended: %v", err)
		}
	})
}

// TestSnapshotOfNothing says that there is no site.
func TestSnapshotOfNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.Reopen(t, dbtest.SQLiteConfig(t))
	err := d.Snapshot(t.Context(), func(*db.Snapshot) error { return nil })
	if core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "caduceus init") {
		t.Errorf("an empty database: %v", err)
	}
}

// TestRestoreHidesTheSchema lets nobody use a database that is being restored: neither
// who sees the mark, nor who has grants on the site's tables only.
func TestRestoreHidesTheSchema(t *testing.T) {
	t.Parallel()
	for _, config := range []func(testing.TB) db.Config{dbtest.SQLiteConfig, dbtest.MariaDBConfig} {
		c := config(t)
		d, ctx := dbtest.Reopen(t, c), t.Context()
		r, err := d.Restore(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if tables, again, paths, err := r.Found(ctx); err != nil || again || len(tables)+len(paths) > 0 {
			t.Errorf("an empty database: %v, %v, %v, %v", tables, again, paths, err)
		}
		if err := r.Begin(ctx, 5, []string{"/a", "/ö"}); err != nil {
			t.Fatal(err)
		}
		hidden := func() {
			t.Helper()
			if st, err := d.Schema(ctx); err != nil || st.Current != 0 {
				t.Errorf("who asks finds schema %d: %v", st.Current, err)
			}
			if _, err := d.Migrate(ctx); core.CodeOf(err) != core.Conflict {
				t.Errorf("it is migrated: %v", err)
			}
		}
		hidden()
		second, err := d.Restore(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if tables, again, paths, err := second.Found(ctx); err != nil || !again || len(tables) > 0 || strings.Join(paths, " ") != "/a /ö" {
			t.Errorf("an interrupted one: %v, %v, %v, %v", tables, again, paths, err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		if applied, err := r.Upgrade(ctx); err != nil || len(applied) < 10 || applied[0] <= 5 {
			t.Errorf("upgraded %v: %v", applied, err)
		}
		hidden()
		if err := errors.Join(r.Finish(ctx), r.Close()); err != nil {
			t.Fatal(err)
		}
		if err := d.RequireSchema(ctx); err != nil {
			t.Error(err)
		}
	}
}
