package tracker

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestFullDisk fills the journal's disk for a while, under load. Clients must be told so,
// nothing that was recorded may be lost, and nothing may count twice that was not
// recorded before the tracker is killed.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		s := newSurvivor(t, dbtest.MariaDBConfig(t))
		fullDisk(t, s, func() { s.signal(syscall.SIGUSR1) }, func() {
			if s.cmd != nil { // the limit ends with the process
				s.signal(syscall.SIGUSR2)
			}
		})
	})
	t.Run("small", func(t *testing.T) {
		t.Parallel()
		if testing.Short() {
			t.Skip("-short leaves full disks out")
		}
		dir := t.TempDir()
		if err := syscall.Mount("tracker-test", dir, "tmpfs", 0, "size=6m"); err != nil {
			t.Logf("no small file system (%v): the other test has to do", err)
			return
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		s := newSurvivor(t, dbtest.SQLiteConfig(t))
		s.settings.Tracker.JournalDir = filepath.Join(dir, "journal")
		filler := filepath.Join(dir, "filler")
		fullDisk(t, s, func() {
			for n := 6 << 20; n >= 1; n /= 2 {
				f, err := os.OpenFile(filler, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = f.Write(make([]byte, n)) // until there is no room
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}, func() {
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func fullDisk(t *testing.T, s *survivor, fill, free func()) {
	s.settings.Tracker.CheckpointEvery.Duration = time.Minute
	for _, sync := range []string{"1s", "always"} {
		s.settings.Tracker.JournalSync = sync
		s.start()
		s.checkSwarms()
		s.checkBounds()
		for _, killed := range []bool{false, true} {
			s.drive()
			s.busy()
			refused, broken := s.refused.Load(), s.broken.Load()
			fill()
			s.eventually("clients are told", func() bool { return s.refused.Load() > refused+500 })
			s.eventually("staff are told", func() bool {
				var told int
				err := s.d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM event WHERE kind = 'LedgerTrouble'").Scan(&told)
				return err == nil && told > 0
			})
			if n := s.broken.Load(); n > broken {
				t.Errorf("%d announces were not answered", n-broken)
			}
			if killed {
				s.kill()
				s.stopLoad()
				free()
				s.start()
				s.checkSwarms()
			} else {
				free()
				s.busy()
				s.stopLoad()
			}
			s.checkBounds()
		}
		// After a stop while the disk is full, clients report again what waited in memory.
		s.drive()
		s.busy()
		refused := s.refused.Load()
		fill()
		s.eventually("clients are told", func() bool { return s.refused.Load() > refused+500 })
		s.stopLoad()
		if took, err := s.end(); took > 5*time.Second || err == nil {
			t.Errorf("with a full disk the stop took %v and said %v", took, err)
		}
		free()
	}
	s.start()
	s.checkSwarms()
	s.checkBounds()
	s.finish()
	t.Logf("%d announces were answered, %d refused", s.answered.Load(), s.refused.Load())
}
