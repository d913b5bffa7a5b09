package guess

import (
	"strconv"
	"testing"
	"time"
)

func TestWaitGrows(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	g := New(func() time.Time { return now })
	attack := Try{Place: "far", Account: "alice"}
	g.Succeeded(Try{Place: "home", Account: "Alice"})
	for range freeTries - 1 {
		g.Failed(attack)
	}
	if d := g.Wait(attack); d != 0 {
		t.Fatalf("must wait %s after %d failures", d, freeTries-1)
	}
	last := time.Duration(0)
	for range 12 {
		g.Failed(attack)
		d := g.Wait(Try{Place: "far", Account: "bob"})
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
		if got := g.Wait(c.who); got != c.want {
			t.Errorf("%+v waits %s, want %s", c.who, got, c.want)
		}
	}
	now = now.Add(2 * forgetAfter)
	g.Failed(attack)
	if d := g.Wait(attack); d != 0 {
		t.Errorf("old failures still count: wait %s", d)
	}
}

// TestExempt holds an exempt place to the account's limit by its own failures.
func TestExempt(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	g := New(func() time.Time { return now })
	here := Try{Place: "here", Account: "alice", Exempt: true}
	for range freeTries {
		g.Failed(here)
	}
	if d := g.Wait(here); d != firstDelay {
		t.Errorf("waits %s for the account", d)
	}
	if d := g.Wait(Try{Place: "here", Account: "bob", Exempt: true}) + g.Wait(Try{Place: "far", Account: "alice"}); d != 0 {
		t.Errorf("others wait %s", d)
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	g := New(func() time.Time { return now })
	for i := range guardLimit + 500 {
		now = now.Add(time.Millisecond)
		place := strconv.Itoa(i)
		g.Failed(Try{Place: place, Account: "alice"})
		g.Succeeded(Try{Place: place, Account: "bob" + string(rune('a'+i%26))})
		g.Failed(Try{Place: place, Account: "carol"})
	}
	if len(g.fails) > guardLimit || len(g.known) > guardLimit {
		t.Errorf("%d failures and %d known pairs are kept", len(g.fails), len(g.known))
	}
}
