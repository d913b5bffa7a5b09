package rates

import (
	"fmt"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func newLimit(r Rate) (*Limit, *Book, *dbtest.Clock) {
	clock := dbtest.NewClock(time.Unix(1e9, 0))
	b := New(clock.Now)
	return b.Limit("things", r), b, clock
}

var ann, bob = Who{By: Account, Name: "ann"}, Who{By: Account, Name: "bob"}

func TestRate(t *testing.T) {
	t.Parallel()
	l, _, clock := newLimit(Rate{N: 3, Per: time.Minute})
	take := func(w Who, want time.Duration) {
		t.Helper()
		if ahead := l.Wait(w); ahead != want {
			t.Errorf("Wait says %s, want %s", ahead, want)
		}
		if got, _ := l.Take(w); got != want {
			t.Errorf("must wait %s, want %s", got, want)
		}
	}
	for range 3 {
		take(ann, 0)
	}
	take(ann, 20*time.Second)
	take(bob, 0)
	clock.Add(19 * time.Second)
	take(ann, time.Second)
	clock.Add(time.Second)
	take(ann, 0)
	take(ann, 20*time.Second)
	l.GiveBack(ann)
	take(ann, 0)
	clock.Add(time.Hour)
	for range 3 {
		take(ann, 0)
	}
	take(ann, 20*time.Second)
	take(Who{By: Account, Name: "ann", Part: "key 1"}, 0)
	take(Who{By: Network, Name: "ann"}, 0)
	for range 5 {
		l.GiveBack(bob)
	}
	for range 3 {
		take(bob, 0)
	}
	take(bob, 20*time.Second)
}

func TestDeaf(t *testing.T) {
	t.Parallel()
	l, _, clock := newLimit(Rate{N: 1, Per: time.Second, Deaf: time.Minute})
	for i, want := range []struct {
		after time.Duration
		wait  time.Duration
		first bool
	}{
		{0, 0, false},
		{0, time.Minute, true},
		{10 * time.Second, 50 * time.Second, false},
		{50 * time.Second, 0, false},
		{0, time.Minute, true},
	} {
		clock.Add(want.after)
		if wait, first := l.Take(ann); wait != want.wait || first != want.first {
			t.Errorf("step %d: wait %s, first %v; want %+v", i, wait, first, want)
		}
	}
}

// TestClockThatWasWrong sets the clock a year ahead and back.
func TestClockThatWasWrong(t *testing.T) {
	t.Parallel()
	l, _, clock := newLimit(Rate{N: 1, Per: time.Second, Deaf: time.Minute})
	clock.Add(365 * 24 * time.Hour)
	l.Take(ann)
	l.Take(ann)
	clock.Add(-365 * 24 * time.Hour)
	if wait := l.Wait(ann); wait > time.Second {
		t.Errorf("must wait %s", wait)
	}
	clock.Add(time.Second)
	if wait, _ := l.Take(ann); wait != 0 {
		t.Errorf("must wait %s", wait)
	}
}

// TestBoundedMemory comes under more names than are kept: those who are held to the limit
// stay so.
func TestBoundedMemory(t *testing.T) {
	t.Parallel()
	l, _, _ := newLimit(Rate{N: 2, Per: time.Hour})
	l.most = 100
	for range 3 {
		l.Take(ann)
	}
	l.Take(bob)
	for i := range 10 * l.most {
		l.Take(Who{By: Network, Name: fmt.Sprint(i)})
		if len(l.kept) > l.most {
			t.Fatalf("%d are kept", len(l.kept))
		}
	}
	if wait, _ := l.Take(ann); wait == 0 {
		t.Error("what is held against somebody is forgotten when many others come")
	}
}

func TestWorst(t *testing.T) {
	t.Parallel()
	l, b, _ := newLimit(Rate{N: 1, Per: time.Hour})
	other := b.Limit("others", Rate{N: 1, Per: time.Hour})
	for range 4 {
		l.Take(ann)
	}
	for range 3 {
		other.Take(bob)
	}
	l.Take(bob)
	want := []Refused{{"things", ann, 3}, {"others", bob, 2}}
	if got := b.Worst(2); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
	if got := b.Worst(2); len(got) != 0 {
		t.Errorf("again: %+v", got)
	}
	b.Clear(func(w Who) bool { return w == ann })
	if wait, _ := l.Take(ann); wait != 0 {
		t.Error("cleared in vain")
	}
	if wait, _ := other.Take(bob); wait == 0 {
		t.Error("somebody else was cleared")
	}
	if again := b.Limit("things", Rate{N: 5, Per: time.Hour}); again != l {
		t.Error("a limit that is made again is another one")
	}
}
