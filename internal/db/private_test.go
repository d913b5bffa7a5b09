package db_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// TestDatabaseIsItsOwnersAlone makes a database, and opens one that everybody could read.
func TestDatabaseIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "caduceus.db")
	open := func() {
		t.Helper()
		d, err := db.Open(t.Context(), db.Config{Engine: db.SQLite, Path: path}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(path + "*")
		if err != nil || len(files) < 2 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, f := range files {
			if i, err := os.Stat(f); err != nil || i.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", f, i.Mode(), err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	open()
	if err := os.Chmod(path, 0o644); err != nil { // as it was made before
		t.Fatal(err)
	}
	open()
}
