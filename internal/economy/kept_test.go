package economy

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// TestScheduleIsKept opens and ends a window in one process, and looks in another.
func TestScheduleIsKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := dbtest.NewClock(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)) // no season is near
		here := NewStore(d, eventlog.New(d, clock.Now), clock.Now, Config{})
		there := NewStore(d, eventlog.New(d, clock.Now), clock.Now, Config{})
		look := func(what string, want core.Leech, readings int) {
			t.Helper()
			read := 0
			ctx, _ := db.WithTally(t.Context(), func(query string, _ []any) {
				if strings.Contains(query, "leech_window") {
					read++
				}
			})
			s, err := there.Schedule(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Effective(core.LeechNormal, 1, 1, clock.Now()).State; got != want || read != readings {
				t.Errorf("%s: %s after the windows were read %d times, want %s after %d", what, got, read, want, readings)
			}
		}
		look("at first", core.LeechNormal, 1)
		look("again", core.LeechNormal, 0)
		w, err := here.Open(t.Context(), Window{Source: SourceStaff, State: core.LeechFree, Starts: clock.Now().Add(time.Minute), Ends: clock.Now().Add(time.Hour), Reason: "thanks"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		look("before it begins", core.LeechNormal, 1)
		clock.Add(time.Minute)
		look("at its edge", core.LeechFree, 0)
		if _, err := here.End(t.Context(), w.ID, 1); err != nil {
			t.Fatal(err)
		}
		look("after it was ended", core.LeechNormal, 1)
		look("again", core.LeechNormal, 0)
	})
}
