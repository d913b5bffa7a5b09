package tracker

import (
	"os"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// longVariable selects the long form of tests that take minutes: make test-kill.
const longVariable = "CADUCEUS_TEST_LONG"

// longOr returns long in the long form.
func longOr[T any](long, short T) T {
	if os.Getenv(longVariable) != "" {
		return long
	}
	return short
}

// TestKill kills the tracker at random moments under full load. After each start the
// swarms must be complete, and the database must get exactly what clients were told is
// recorded. In the end it must have what the clients count, to the byte.
func TestKill(t *testing.T) {
	t.Parallel()
	for engine, c := range map[string]func(testing.TB) db.Config{"sqlite": dbtest.SQLiteConfig, "mariadb": dbtest.MariaDBConfig} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("-short leaves out what kills again and again")
			}
			s := newSurvivor(t, c(t))
			syncs := []string{"1s", "always", "never", "20ms"}
			for n := range longOr(50, 4) {
				s.settings.Tracker.JournalSync = syncs[n%len(syncs)]
				s.settings.Tracker.MaxClients = 1 + n%5
				s.start()
				s.checkSwarms()
				s.checkBounds()
				s.drive()
				time.Sleep(time.Duration(s.rng.Int64N(int64(longOr(2*time.Second, 900*time.Millisecond)))))
				s.kill()
				s.stopLoad()
			}
			s.start()
			s.checkSwarms()
			s.checkBounds()
			s.finish()
			t.Logf("%d announces were answered, %d connections broken, %d refused", s.answered.Load(), s.broken.Load(), s.refused.Load())
			if s.answered.Load() == 0 || s.refused.Load() > 0 {
				t.Error("that is no test")
			}
		})
	}
}
