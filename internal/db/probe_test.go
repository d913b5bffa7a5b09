package db_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// probeLasts is longer than what a probe has found counts.
const probeLasts = 5 * time.Second

func newProbe(d *db.DB) (*db.Probe, *dbtest.Clock) {
	clock := dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	return db.NewProbe(d, "tracker+site", clock.Now), clock
}

// TestProbeWritesSeldom asks a probe far more often than it may write.
func TestProbeWritesSeldom(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p, clock := newProbe(d)
		for want := int64(1); want <= 3; want++ {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if err := p.Look(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			tries, err := db.All(t.Context(), d, db.Value[int64], "SELECT tries FROM write_probe")
			if err != nil || len(tries) != 1 || tries[0] != want {
				t.Errorf("%v writes, want %d in one row: %v", tries, want, err)
			}
			clock.Add(probeLasts)
			if want == 2 {
				clock.Set(clock.Now().Add(-time.Hour)) // what was found then says nothing of now
			}
		}
	})
}

// TestProbeOfABusyDatabase has a transaction in the probe's way.
func TestProbeOfABusyDatabase(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	p, clock := newProbe(d)
	mustTx(t, d, func(*db.Tx) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { found(t, p.Look(t.Context()), db.Slow) })
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := p.Look(gone); err == nil { // it begins a try, or waits for the other
			t.Error("a change was taken")
		}
		return nil
	})
	clock.Add(probeLasts)
	if err := p.Look(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// found checks what a probe has found.
func found(t *testing.T, err error, want db.Trouble) {
	t.Helper()
	said := db.Diagnose(err)
	if db.TroubleOf(err) != want || core.CodeOf(err) != core.Unavailable || !strings.HasPrefix(said, "the database "+string(want)+": ") {
		t.Errorf("the probe finds %v (%s), want %q", err, said, want)
	}
}

func TestProbeOfAReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	p, clock := newProbe(d)
	if err := p.Look(t.Context()); err != nil {
		t.Error(err)
	}
	mustTx(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "PRAGMA query_only = 1") // of the one connection that writes
		return err
	})
	if err := p.Look(t.Context()); err != nil {
		t.Errorf("what was just found does not count: %v", err)
	}
	clock.Add(probeLasts)
	found(t, p.Look(t.Context()), db.ReadOnly)
}

// TestProbeOfAFullDisk fills a small file system. Where none can be made, a size that
// files may not exceed has to do, which other tests have.
func TestProbeOfAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("caduceus-test", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Logf("no small file system (%v): TestSQLiteInTrouble has to do", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := db.DefaultConfig()
	c.Path = filepath.Join(dir, "test.db")
	p, clock := newProbe(dbtest.Open(t, c))
	if err := p.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 12<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	clock.Add(probeLasts)
	err := p.Look(t.Context())
	found(t, err, db.Full)
	if core.SafeText(err) != "nothing can be saved at the moment; try again in a few minutes" {
		t.Errorf("members read: %s", core.SafeText(err))
	}
}
