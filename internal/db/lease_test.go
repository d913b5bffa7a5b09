package db_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestLease(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for i, step := range []struct {
			holder string
			after  time.Duration
			want   bool
		}{
			{"a", 0, true},
			{"b", 0, false},
			{"a", 20 * time.Second, true}, // renewed until 0:50
			{"a", 20 * time.Second, true}, // twice in the same second
			{"b", 49 * time.Second, false},
			{"b", 50 * time.Second, true}, // ran out
			{"a", 51 * time.Second, false},
		} {
			got, err := d.Lease(t.Context(), "job", step.holder, start.Add(step.after), 30*time.Second)
			if err != nil || got != step.want {
				t.Errorf("step %d: %s at +%v: %v, %v; want %v", i, step.holder, step.after, got, err, step.want)
			}
		}
		if err := d.Release(t.Context(), "job", "a"); err != nil { // not a's to give back
			t.Fatal(err)
		}
		if got, err := d.Lease(t.Context(), "job", "c", start.Add(52*time.Second), time.Second); got || err != nil {
			t.Errorf("c took b's lease: %v, %v", got, err)
		}
		if err := d.Release(t.Context(), "job", "b"); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Lease(t.Context(), "job", "c", start.Add(52*time.Second), time.Second); !got || err != nil {
			t.Errorf("c got no lease that was given back: %v, %v", got, err)
		}
		if got, err := d.Lease(t.Context(), "another job", "d", start, time.Second); !got || err != nil {
			t.Errorf("leases are not kept apart: %v, %v", got, err)
		}
	})
}

// TestLeaseOfAWrongClock takes a lease while the clock is a year ahead.
func TestLeaseOfAWrongClock(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		lease := func(name, holder string, at time.Time, want bool) {
			t.Helper()
			if got, err := d.Lease(t.Context(), name, holder, at, 30*time.Second); err != nil || got != want {
				t.Errorf("%s by %s: %v, %v; want %v", name, holder, got, err, want)
			}
		}
		lease("job", "a", now.Add(365*24*time.Hour), true)
		lease("job", "b", now, true)
		lease("job", "a", now, false)
		lease("other", "a", now.Add(20*time.Second), true) // another machine's clock is a little ahead
		lease("other", "b", now, false)
	})
}

// TestLeaseContention lets many holders ask at once, for a new lease and for one
// that ran out: exactly one gets it each time.
func TestLeaseContention(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := time.Unix(1_800_000_000, 0)
		for round := range 5 {
			var winners atomic.Int32
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					got, err := d.Lease(t.Context(), "leader", fmt.Sprintf("process %d of round %d", i, round), now, 30*time.Second)
					if err != nil {
						t.Errorf("lease: %v", err)
					}
					if got {
						winners.Add(1)
					}
				})
			}
			wg.Wait()
			if winners.Load() != 1 {
				t.Errorf("round %d: %d holders", round, winners.Load())
			}
			now = now.Add(30 * time.Second)
		}
	})
}
