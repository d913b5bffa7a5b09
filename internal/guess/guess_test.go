package guess

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a database with a clock that stands still until it is moved.
type world struct {
	t     *testing.T
	db    *db.DB
	keys  *secret.Keyring
	clock *dbtest.Clock
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, err := secret.NewKeyring(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		test(t, &world{t: t, db: d, keys: keys, clock: dbtest.NewClock(time.Unix(1e9, 0))})
	})
}

// process is a guard such as each process has its own.
func (w *world) process() *Guard { return New(w.db, w.keys, w.clock.Now) }

func (w *world) fail(g *Guard, t Try) {
	w.t.Helper()
	if err := g.Failed(w.t.Context(), t); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) succeed(g *Guard, t Try) {
	w.t.Helper()
	if err := g.Succeeded(w.t.Context(), t); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wait(g *Guard, t Try) time.Duration {
	w.t.Helper()
	d, err := g.Wait(w.t.Context(), &t)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) rows() (n int) {
	w.t.Helper()
	if err := w.db.QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM login_failure").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestWaitGrows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		attack := Try{Place: "far", Account: "alice"}
		w.succeed(g, Try{Place: "home", Account: "Alice"})
		for range freeTries - 1 {
			w.fail(g, attack)
		}
		if d := w.wait(g, attack); d != 0 {
			t.Fatalf("must wait %s after %d failures", d, freeTries-1)
		}
		last := time.Duration(0)
		for range 12 {
			w.fail(g, attack)
			d := w.wait(g, Try{Place: "far", Account: "bob"})
			if d < last || d > longestPlace || d == 0 {
				t.Fatalf("the wait went from %s to %s", last, d)
			}
			last = d
		}
		if last != longestPlace {
			t.Errorf("the wait ends at %s", last)
		}
		for _, c := range []struct {
			who  Try
			want time.Duration
		}{
			{Try{Place: "elsewhere", Account: "ALICE"}, longestAccount},
			{Try{Place: "elsewhere", Account: "bob"}, 0},
			{Try{Place: "here", Account: "alice", Exempt: true}, 0},
			{Try{Place: "home", Account: "alice"}, 0},
		} {
			if got := w.wait(g, c.who); got != c.want {
				t.Errorf("%+v waits %s, want %s", c.who, got, c.want)
			}
		}
		w.clock.Add(2 * forgetAfter)
		w.fail(g, attack)
		if d := w.wait(g, attack); d != 0 {
			t.Errorf("old failures still count: wait %s", d)
		}
	})
}

// TestExempt checks that an exempt place is held to the account's limit by its own
// failures only.
func TestExempt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		here := Try{Place: "here", Account: "alice", Exempt: true}
		w.succeed(g, here) // which says nothing of whoever comes next from there
		for range freeTries {
			w.fail(g, here)
		}
		if d := w.wait(g, here); d != firstDelay {
			t.Errorf("waits %s for the account", d)
		}
		if d := w.wait(g, Try{Place: "here", Account: "bob", Exempt: true}) + w.wait(g, Try{Place: "far", Account: "alice"}); d != 0 {
			t.Errorf("others wait %s", d)
		}
	})
}

// TestProcessesCountTogether lets two guards, like those of the site and of IRC,
// count at the same moment.
func TestProcessesCountTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		site, irc := w.process(), w.process()
		attack := Try{Place: "far", Account: "alice"}
		w.fail(site, attack)
		w.fail(irc, attack)
		w.fail(site, Try{Place: "far", Account: "ALICE"})
		for _, g := range []*Guard{site, irc} {
			if d := w.wait(g, attack); d != firstDelay {
				t.Errorf("waits %s", d)
			}
		}
		w.clock.Add(firstDelay)
		w.succeed(irc, attack)
		if n := w.rows(); n != 0 {
			t.Errorf("%d rows are left of what is forgotten", n)
		}
		w.fail(site, attack)
		if d := w.wait(site, attack); d != 0 {
			t.Errorf("waits %s after a right one", d)
		}
		w.succeed(site, attack)
		var wg sync.WaitGroup
		for i := range 8 {
			g := []*Guard{site, irc}[i%2]
			wg.Go(func() {
				if err := g.Failed(t.Context(), attack); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got, want := w.wait(w.process(), Try{Place: "far", Account: "x"}), firstDelay<<(8-freeTries); got != want {
			t.Errorf("after 8 at once one waits %s, want %s", got, want)
		}
	})
}

func TestBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		g.limit = 50
		for i := range 3 * lookEvery {
			w.clock.Add(time.Second)
			w.fail(g, Try{Place: fmt.Sprint(i), Account: fmt.Sprint(i)})
		}
		if n := w.rows(); n > g.limit+2*lookEvery {
			t.Errorf("%d failures are kept", n)
		}
		w.clock.Add(2 * forgetAfter)
		w.fail(g, Try{Place: "late", Account: "late"})
		if n := w.rows(); n > 2 {
			t.Errorf("%d failures are kept that are long past", n)
		}
		for i := range knownLimit + 100 {
			g.remember(fmt.Sprint(i))
		}
		if len(g.known) > knownLimit {
			t.Errorf("%d known pairs", len(g.known))
		}
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64"} {
		if got := Place(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
}
