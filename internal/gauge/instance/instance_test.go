package instance

import (
	"path/filepath"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

func TestAddMembers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if _, err := AddMembers(t.Context(), d, "load", 1); err == nil {
			t.Error("members without a class")
		}
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.InsertIgnore(t.Context(), "class", db.Row{"id", 1, "name", "User", "level", 100, "secondary", 0})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		const n = batch + 10
		first, err := AddMembers(t.Context(), d, "load", n)
		if err != nil {
			t.Fatal(err)
		}
		again, err := AddMembers(t.Context(), d, "more", 1)
		if err != nil || again != first+n {
			t.Errorf("the next one has id %d, %v; want %d", again, err, first+n)
		}
		name, ok, err := db.One(t.Context(), d, db.Value[string], "SELECT name FROM member WHERE id = ?", first+core.MemberID(n-1))
		if err != nil || !ok || name != "load509" {
			t.Errorf("the last one is %q, %v", name, err)
		}
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	i, err := New(t.Context(), t.TempDir(), "", "unused")
	if err != nil {
		t.Fatal(err)
	}
	if i.DBPID != 0 || i.DB.Path != filepath.Join(i.Dir, "caduceus.db") {
		t.Errorf("%+v", i)
	}
	opened := false
	do := func(*db.DB, *secret.Keyring) error { opened = true; return nil }
	if err := i.Open(t.Context(), do); err == nil || opened {
		t.Errorf("opened without keys: %v", err)
	}
	if _, err := secret.LoadKeyring(filepath.Join(i.Dir, "secrets", "site.key"), true); err != nil {
		t.Fatal(err)
	}
	if err := i.Open(t.Context(), do); err != nil || !opened {
		t.Errorf("not opened: %v", err)
	}
	if err := i.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
