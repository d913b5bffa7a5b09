package guess

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
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

// process is a guard such as each process has its own, but patient: the machine may be slow.
func (w *world) process() *Guard {
	g := New(w.db, w.keys, w.clock.Now, slog.New(slog.NewTextHandler(w.t.Output(), nil)))
	g.patience = 5 * time.Minute
	return g
}

// try makes one, whose secret is right or wrong, and returns how long it must wait instead.
func (w *world) try(g *Guard, t Try, right bool) time.Duration {
	w.t.Helper()
	err := g.Prove(w.t.Context(), t, answer(right))
	var limited *Limited
	switch {
	case errors.As(err, &limited):
		if core.CodeOf(err) != core.Unavailable || core.RetryOf(err) < limited.Wait || !strings.Contains(core.SafeText(err), "try again in") {
			w.t.Errorf("the refusal is %v", err)
		}
		return limited.Wait
	case right != (err == nil):
		w.t.Fatalf("%+v, right %v: %v", t, right, err)
	}
	return 0
}

func answer(right bool) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		if right {
			return true, nil
		}
		return false, core.Errorf(core.Forbidden, "wrong")
	}
}

// fail makes a try that is wrong and not refused.
func (w *world) fail(g *Guard, t Try) {
	w.t.Helper()
	if d := w.try(g, t, false); d != 0 {
		w.t.Fatalf("%+v must wait %s", t, d)
	}
}

func (w *world) succeed(g *Guard, t Try) {
	w.t.Helper()
	if d := w.try(g, t, true); d != 0 {
		w.t.Fatalf("%+v must wait %s", t, d)
	}
}

func (w *world) wait(g *Guard, t Try) time.Duration {
	w.t.Helper()
	d, err := g.Wait(w.t.Context(), t)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) rows() (n int) {
	w.t.Helper()
	if err := w.db.QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM guess").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestWaitGrows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		attack, place := Try{Place: "far", Account: "alice"}, ruleOf(byPlace)
		w.succeed(g, Try{Place: "home", Account: "Alice"})
		for range place.free - 1 {
			w.fail(g, attack)
		}
		if d := w.wait(g, attack); d != 0 {
			t.Fatalf("must wait %s after %d failures", d, place.free-1)
		}
		last := time.Duration(0)
		for range 12 {
			w.clock.Add(w.wait(g, attack))
			w.fail(g, attack)
			d := w.wait(g, Try{Place: "far", Account: "bob"})
			if d < last || d > place.longest || d == 0 {
				t.Fatalf("the wait went from %s to %s", last, d)
			}
			if got := w.try(g, attack, true); got != d {
				t.Errorf("a try at once is told to wait %s and not %s", got, d)
			}
			last = d
		}
		if last != place.longest {
			t.Errorf("the wait ends at %s", last)
		}
		for _, c := range []struct {
			who  Try
			want time.Duration
		}{
			{Try{Place: "elsewhere", Account: "ALICE"}, ruleOf(byAccount).longest},
			{Try{Place: "elsewhere", Account: "bob"}, 0},
			{Try{Place: "here", Account: "alice", Exempt: true}, 0},
			{Try{Place: "home", Account: "alice"}, 0},
		} {
			if got := w.wait(g, c.who); got != c.want {
				t.Errorf("%+v waits %s, want %s", c.who, got, c.want)
			}
		}
		w.clock.Add(place.length())
		w.fail(g, attack)
		if d := w.wait(g, attack); d != 0 {
			t.Errorf("old failures still count: wait %s", d)
		}
	})
}

// TestTriesAreForgottenOneByOne has one wrong try in each quarter of an hour, as many people
// behind one address make them: they never have to wait.
func TestTriesAreForgottenOneByOne(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		for i := range 20 {
			w.fail(g, Try{Place: "office", Account: fmt.Sprint(i)})
			w.clock.Add(ruleOf(byPlace).recovers)
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
		for range ruleOf(byAccount).free {
			w.fail(g, here)
		}
		if d := w.wait(g, here); d != ruleOf(byAccount).first {
			t.Errorf("waits %s for the account", d)
		}
		if d := w.wait(g, Try{Place: "here", Account: "bob", Exempt: true}) + w.wait(g, Try{Place: "far", Account: "alice"}); d != 0 {
			t.Errorf("others wait %s", d)
		}
	})
}

// TestNoMoreThanTheLimitAreChecked lets many guess at once, in several processes: by one
// account, by one place, and by many addresses of one network.
func TestNoMoreThanTheLimitAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		try      func(i int) Try
		n, limit int
	}{
		"one account": {func(i int) Try { return Try{Place: fmt.Sprintf("10.%d.0.1", i), Account: "alice"} }, 100, ruleOf(byAccount).free},
		"one place":   {func(i int) Try { return Try{Place: "192.0.2.1", Account: fmt.Sprint(i)} }, 100, ruleOf(byPlace).free},
		"one network": {func(i int) Try { return Try{Place: fmt.Sprintf("2001:db8:1:%x::/64", i), Account: fmt.Sprint(i)} }, 300, ruleOf(byNetwork).free},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) {
				guards := []*Guard{w.process(), w.process()}
				var checked atomic.Int32
				var wg sync.WaitGroup
				for i := range c.n {
					wg.Go(func() {
						err := guards[i%2].Prove(t.Context(), c.try(i), func(context.Context) (bool, error) {
							checked.Add(1)
							return false, core.Errorf(core.Forbidden, "wrong")
						})
						var limited *Limited
						if core.CodeOf(err) != core.Forbidden && !errors.As(err, &limited) {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if n := int(checked.Load()); n != c.limit {
					t.Errorf("%d were checked, the limit is %d", n, c.limit)
				}
			})
		})
	}
}

// TestRightOnesAreNoTries lets many of one place log in at once, who are all right.
func TestRightOnesAreNoTries(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		w.fail(g, Try{Place: "office", Account: "somebody"})
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if err := g.Prove(t.Context(), Try{Place: "office", Account: fmt.Sprint(i)}, answer(true)); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		w.fail(g, Try{Place: "office", Account: "somebody"})
		if d := w.wait(g, Try{Place: "office", Account: "somebody else"}); d != 0 {
			t.Errorf("after two wrong tries one waits %s", d)
		}
		if len(g.flights) != 0 || g.waiting != 0 {
			t.Errorf("left over: %d checked, %d waiting", len(g.flights), g.waiting)
		}
	})
}

// TestOwnLoginClearsNothing has somebody with an account of their own guess at others', with
// a login of their own after each two guesses.
func TestOwnLoginClearsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		own := Try{Place: "far", Account: "mallory"}
		checked := 0
		for i := range 30 {
			if i%3 == 2 {
				_ = w.try(g, own, true)
			} else if w.try(g, Try{Place: "far", Account: fmt.Sprint(i)}, false) == 0 {
				checked++
			}
		}
		if checked != ruleOf(byPlace).free {
			t.Errorf("%d guesses were checked", checked)
		}
		w.clock.Add(ruleOf(byPlace).first)
		w.succeed(g, own)
		if d := w.wait(g, own); d != 0 {
			t.Errorf("a right login makes one wait %s", d)
		}
	})
}

// TestNobodyLooked has checks that fail of themselves, and one that panics.
func TestNobodyLooked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		try := Try{Place: "far", Account: "alice"}
		away := errors.New("the database is away")
		for range 10 {
			if err := g.Prove(t.Context(), try, func(context.Context) (bool, error) { return false, away }); !errors.Is(err, away) {
				t.Fatal(err)
			}
		}
		shut := core.Errorf(core.Forbidden, "your account is disabled")
		for range 10 {
			if err := g.Prove(t.Context(), try, func(context.Context) (bool, error) { return true, shut }); !errors.Is(err, shut) {
				t.Fatal(err)
			}
		}
		for range ruleOf(byPlace).free {
			func() {
				defer func() { _ = recover() }()
				_ = g.Prove(t.Context(), try, func(context.Context) (bool, error) { panic("a fault") })
			}()
		}
		if d := w.wait(g, try); d == 0 {
			t.Error("whoever can make us panic may try for ever")
		}
		if len(g.flights) != 0 {
			t.Errorf("%d are checked still", len(g.flights))
		}
	})
}

// TestProcessesCountTogether has two guards, like those of the site and of IRC.
func TestProcessesCountTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		site, irc := w.process(), w.process()
		attack := Try{Place: "far", Account: "alice"}
		w.fail(site, attack)
		w.fail(irc, attack)
		w.fail(site, Try{Place: "far", Account: "ALICE"})
		for _, g := range []*Guard{site, irc} {
			if d := w.wait(g, attack); d != ruleOf(byPlace).first {
				t.Errorf("waits %s", d)
			}
			if d := w.try(g, attack, true); d != ruleOf(byPlace).first {
				t.Errorf("a try must wait %s", d)
			}
		}
	})
}

// TestClockThatWasWrong counts tries while the clock is a year ahead, or behind.
func TestClockThatWasWrong(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for name, off := range map[string]time.Duration{"ahead": year, "behind": -year, "ahead by half an hour": 30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) {
				g := w.process()
				attack := Try{Place: "far", Account: "alice"}
				w.clock.Add(off)
				for range 6 {
					_ = w.try(g, attack, false)
				}
				w.succeed(g, Try{Place: "home", Account: "bob"})
				w.clock.Add(-off)
				for _, g := range []*Guard{g, w.process()} {
					w.succeed(g, attack)
					w.succeed(g, Try{Place: "far", Account: "carol"})
				}
				for range ruleOf(byPlace).free {
					w.fail(g, attack)
				}
				if d := w.wait(g, attack); d != ruleOf(byPlace).first {
					t.Errorf("with the clock right again one waits %s", d)
				}
			})
		})
	}
}

// TestClocksApart has two machines whose clocks differ by some seconds: what one counts holds
// for the other.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g, attack := w.process(), Try{Place: "far", Account: "alice"}
		behind := New(w.db, w.keys, func() time.Time { return w.clock.Now().Add(-10 * time.Second) }, g.log)
		for range ruleOf(byPlace).free {
			w.fail(g, attack)
		}
		if d := w.wait(behind, attack); d != ruleOf(byPlace).first {
			t.Errorf("waits %s", d)
		}
	})
}

func TestBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		g.limit = 50
		worst := Try{Place: "worst", Account: "worst"}
		for range ruleOf(byPlace).free {
			w.fail(g, worst)
		}
		for i := range 3 * lookEvery {
			w.clock.Add(time.Second)
			w.fail(g, Try{Place: fmt.Sprint(i), Account: fmt.Sprint(i)})
		}
		if n := w.rows(); n > g.limit+2*lookEvery {
			t.Errorf("%d records are kept", n)
		}
		if got := w.wait(g, worst) + w.try(g, worst, false); got != 0 {
			t.Errorf("waits %s", got)
		}
		if d := w.wait(g, worst); d != 2*ruleOf(byPlace).first {
			t.Errorf("those who tried most are forgotten first: waits %s", d)
		}
		w.clock.Add(ruleOf(byPlace).length())
		w.fail(g, Try{Place: "late", Account: "late"})
		if n := w.rows(); n > 2 {
			t.Errorf("%d records are kept that are long past", n)
		}
		for i := range knownLimit + 100 {
			g.remember(fmt.Sprint(i))
		}
		if len(g.known) > knownLimit {
			t.Errorf("%d known pairs", len(g.known))
		}
		for i := range refusedLimit + 100 {
			g.queueBehind(&op{}, verdict{time.Second, key{byPlace, fmt.Sprint(i)}})
		}
		if len(g.refused) > refusedLimit {
			t.Errorf("%d refusals are kept", len(g.refused))
		}
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"192.0.2.1":         {"192.0.2.1", "192.0.2.0/24"},
		"::ffff:192.0.2.1":  {"192.0.2.1", "192.0.2.0/24"},
		"2001:db8:1:2:3::4": {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"fe80::1%eth0":      {"fe80::/64", "fe80::/48"},
	} {
		place := Place(netip.MustParseAddr(in))
		if got := [2]string{place, Around(place)}; got != want {
			t.Errorf("%s counts as %q, want %q", in, got, want)
		}
	}
	if got := Around("cloak.of.somebody"); got != "cloak.of.somebody" {
		t.Errorf("around a place that is no address is %q", got)
	}
}

func TestWorstAndClear(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		g := w.process()
		clear := func(what string) int {
			t.Helper()
			n := 0
			if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
				var err error
				n, err = g.Clear(t.Context(), tx, what)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		attack := func() {
			t.Helper()
			for range ruleOf(byPlace).free {
				w.fail(g, Try{Place: "192.0.2.7", Account: "Alice"})
			}
		}
		attack()
		w.fail(g, Try{Place: "198.51.100.1", Account: "bob"})
		accounts, places, err := g.Worst(t.Context(), 2)
		if err != nil || len(accounts) != 2 || len(places) != 2 {
			t.Fatalf("%+v, %+v, %v", accounts, places, err)
		}
		if a := accounts[0]; a.Name != "Alice" || a.Tries != 3 || a.Wait != ruleOf(byAccount).first {
			t.Errorf("the worst account: %+v", a)
		}
		if p := places[0]; p.Name != "192.0.2.7" || p.Tries != 3 || p.Wait != ruleOf(byPlace).first {
			t.Errorf("the worst place: %+v", p)
		}
		for _, what := range []string{"ALICE", "192.0.2.7", "192.0.2.7/32", places[0].ID, "#" + places[0].ID} {
			if n := clear(what); n == 0 {
				t.Errorf("%s clears nothing", what)
			}
			if d := w.wait(g, Try{Place: "192.0.2.7", Account: "carol"}); d != 0 {
				t.Errorf("after %s was cleared one waits %s", what, d)
			}
			clear("alice")
			attack()
		}
		if n := clear("nobody") + clear("203.0.113.1") + clear("0123456789"); n != 0 {
			t.Errorf("%d cleared of those who did nothing", n)
		}
		if box, _, err := db.One(t.Context(), w.db, db.Value[string], "SELECT GROUP_CONCAT(name_box) FROM guess"); err != nil || strings.Contains(box, "192.0.2") || strings.Contains(strings.ToLower(box), "alice") {
			t.Errorf("names are readable in the database, or: %v", err)
		}
	})
}
