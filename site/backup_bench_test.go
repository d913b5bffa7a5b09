package site_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/backup"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// BenchmarkBackup measures what it takes to make, to check and to restore a backup of a site
// with 500 datasets on SQLite.
func BenchmarkBackup(b *testing.B) {
	w := busy(b)
	at := time.Now()
	var made backup.Made
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			at = at.Add(time.Second)
			m, err := backup.Make(b.Context(), backup.Options{Dir: b.TempDir(), DB: w.DB, Clock: func() time.Time { return at },
				Hold: func(string) (backup.Journal, error) { return nil, nil }})
			w.Must(err)
			made = m
		}
		b.ReportMetric(float64(made.Label.Size)/1e6, "MB")
		b.ReportMetric(float64(made.Rows), "rows")
	})
	at = at.Add(time.Second)
	made, err := backup.Make(b.Context(), backup.Options{Dir: b.TempDir(), DB: w.DB, Clock: func() time.Time { return at },
		Hold: func(string) (backup.Journal, error) { return nil, nil }})
	w.Must(err)
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			_, err := backup.Open(b.Context(), made.Folder, nil)
			w.Must(err)
		}
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			a, err := backup.Open(b.Context(), made.Folder, nil)
			w.Must(err)
			c := dbtest.SQLiteConfig(b)
			c.Path = filepath.Join(b.TempDir(), "new.db")
			_, err = a.Restore(b.Context(), backup.Target{Open: func() (*db.DB, error) { return db.Open(b.Context(), c, slog.New(slog.DiscardHandler)) }})
			w.Must(err)
		}
	})
}
