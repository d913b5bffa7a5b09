package rates

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

func newStore(t *testing.T, d *db.DB) (*Store, *dbtest.Clock) {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	clock := dbtest.NewClock(time.Unix(1e9, 0))
	return NewStore(d, eventlog.New(d, clock.Now), keys, clock.Now), clock
}

func TestWorstOfAllProcesses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, clock := newStore(t, d)
		write := func(process string, list ...Refused) {
			t.Helper()
			if err := s.Write(t.Context(), process, list); err != nil {
				t.Fatal(err)
			}
		}
		worst := func(want ...int) []Held {
			t.Helper()
			list, err := s.Worst(t.Context(), 3)
			if err != nil || len(list) != len(want) {
				t.Fatalf("%+v, %v; want %v", list, err, want)
			}
			for i, h := range list {
				if h.Times != want[i] {
					t.Errorf("%+v, want %v", list, want)
				}
			}
			return list
		}
		part := func(w Who, part string) Who { w.Part = part; return w }
		write("site", Refused{"downloads", part(ann, "1"), 5}, Refused{"downloads", part(ann, "2"), 4}, Refused{"uploads", ann, 1})
		write("ircd", Refused{"connections", Who{By: Network, Name: "192.0.2.1"}, 7})
		list := worst(9, 7, 1)
		if list[0].Who != ann || list[0].Limit != "downloads" || list[0].Process != "site" || list[1].Who.Name != "192.0.2.1" || list[1].Who.By != Network {
			t.Errorf("%+v", list)
		}
		clock.Add(time.Minute)
		write("site", Refused{"downloads", bob, 2}) // in place of what it wrote before
		worst(7, 2)
		clock.Add(shownFor - time.Minute)
		worst(2) // ircd has ended
		clock.Add(-365 * 24 * time.Hour)
		worst() // a wrong clock wrote it
		write("site")
		clock.Add(365 * 24 * time.Hour)
		write("site", Refused{"downloads", bob, 2})
		clock.Add(2 * keptFor)
		write("ircd")
		n, _, err := db.One(t.Context(), d, db.Value[int], "SELECT COUNT(*) FROM rate_worst")
		if err != nil || n != 0 {
			t.Errorf("%d rows are kept, %v", n, err)
		}
	})
}

// TestProcessesObey clears somebody in one process; another one gives everything back.
func TestProcessesObey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, clock := newStore(t, d)
		book := New(clock.Now)
		l := book.Limit("things", Rate{N: 1, Per: 1000 * time.Hour})
		who := Who{By: Account, Name: "ann", Part: "token 1"}
		place := Who{By: Network, Name: "2001:db8:0:1::/64"}
		for _, w := range []Who{who, place, bob} {
			l.Take(w)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		other := NewStore(d, s.log, s.keys, clock.Now)
		wg.Go(func() { other.Obey(ctx, book, slog.New(slog.DiscardHandler)) })
		free := func(w Who, what string) {
			t.Helper()
			for until := time.Now().Add(20 * time.Second); l.Wait(w) > 0; core.Sleep(t.Context(), 10*time.Millisecond) {
				// Obey may not have begun: so it is said again until it is heard.
				if err := d.Tx(t.Context(), func(tx *db.Tx) error {
					_, err := s.Clear(t.Context(), tx, what)
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if time.Now().After(until) {
					t.Fatalf("%+v is not free", w)
				}
			}
		}
		free(who, "Ann")
		free(place, "2001:db8:0:1:2::3")
		if l.Wait(bob) == 0 {
			t.Error("somebody else is free, too")
		}
	})
}
