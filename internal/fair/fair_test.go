package fair

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// bench is a queue whose one place is taken until it is freed, and what was done since.
type bench struct {
	*Queue
	t    *testing.T
	free chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	order   []string
	refused []string
}

func newBench(t *testing.T, l Limits) *bench {
	t.Helper()
	b := &bench{Queue: New(l), t: t, free: make(chan struct{})}
	b.wg.Go(func() {
		if err := b.Do(t.Context(), func() { <-b.free }); err != nil {
			t.Error(err)
		}
	})
	b.until(func(s Stats) bool { return s.Running == 1 })
	return b
}

func (b *bench) until(reached func(Stats) bool) {
	for !reached(b.Stats()) {
		runtime.Gosched()
	}
}

// come lets somebody come whose work is called by what is before the dot (a network), what
// is before the slash (an address) and the rest; it returns when they wait or are refused.
func (b *bench) come(ctx context.Context, names ...string) {
	for _, name := range names {
		before := b.Stats()
		address, _, _ := strings.Cut(name, "/")
		network, _, _ := strings.Cut(name, ".")
		b.wg.Go(func() {
			err := b.Do(With(ctx, Source{Network: network, Address: address}), func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.order = append(b.order, name)
			})
			b.mu.Lock()
			defer b.mu.Unlock()
			if err != nil {
				b.refused = append(b.refused, name)
			}
			if err != nil && ctx.Err() == nil && (core.CodeOf(err) != core.Unavailable || core.RetryOf(err) <= 0) {
				b.t.Errorf("%s is refused by %v", name, err)
			}
		})
		b.until(func(s Stats) bool { return s.Waiting+int(s.Refused) > before.Waiting+int(before.Refused) })
	}
}

func (b *bench) open() {
	close(b.free)
	b.wg.Wait()
	if s := b.Stats(); s.Running+s.Waiting != 0 || len(b.networks)+len(b.byName) != 0 {
		b.t.Errorf("left over: %+v", s)
	}
}

func some(network string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s.1/%d", network, i))
	}
	return names
}

func limits() Limits {
	return Limits{AtOnce: 1, Waiting: 100, PerNetwork: 50, PerAddress: 50, Longest: time.Hour, Busy: "busy"}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t, limits())
	b.come(t.Context(), "a.1/1", "a.1/2", "a.1/3", "a.2/1", "b.1/1", "b.1/2", "c.1/1", "a.2/2")
	b.open()
	want := "a.1/1 b.1/1 c.1/1 a.2/1 b.1/2 a.1/2 a.2/2 a.1/3"
	if got := strings.Join(b.order, " "); got != want {
		t.Errorf("the turns were %s, want %s", got, want)
	}
}

// TestFloodDelaysByOneTurn has a flood of one network, of which some has been done already,
// and somebody else who comes behind it.
func TestFloodDelaysByOneTurn(t *testing.T) {
	t.Parallel()
	b := newBench(t, limits())
	b.come(t.Context(), some("flood", 40)...)
	b.come(t.Context(), "other.1/1")
	b.open()
	if at := slices.Index(b.order, "other.1/1"); at > 1 {
		t.Errorf("the other was served after %d of the flood", at)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*Limits)
		before  []string
		then    string
		refused string
	}{
		"an address":          {func(l *Limits) { l.PerAddress = 3 }, some("a", 3), "a.1/more", "a.1/more"},
		"another address":     {func(l *Limits) { l.PerAddress = 3 }, some("a", 3), "a.2/1", ""},
		"a network":           {func(l *Limits) { l.PerNetwork = 3 }, []string{"a.1/1", "a.2/1", "a.3/1"}, "a.4/1", "a.4/1"},
		"a network of one":    {func(l *Limits) { l.PerNetwork = 3 }, some("a", 3), "a.2/1", "a.1/2"},
		"another network":     {func(l *Limits) { l.PerNetwork = 3 }, some("a", 3), "b.1/1", ""},
		"all, by one":         {func(l *Limits) { l.Waiting = 3 }, some("a", 3), "b.1/1", "a.1/2"},
		"all, by oneself":     {func(l *Limits) { l.Waiting = 3 }, some("a", 3), "a.1/more", "a.1/more"},
		"all, by many":        {func(l *Limits) { l.Waiting = 3 }, []string{"a.1/1", "b.1/1", "c.1/1"}, "d.1/1", "d.1/1"},
		"all, by one of many": {func(l *Limits) { l.Waiting = 4 }, []string{"a.1/1", "b.1/1", "b.2/1", "b.2/2"}, "d.1/1", "b.2/2"},
		"all, by a neighbour": {func(l *Limits) { l.Waiting = 4 }, []string{"a.1/1", "b.1/1", "b.1/2", "b.1/3"}, "b.2/1", "b.1/3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := limits()
			c.change(&l)
			b := newBench(t, l)
			b.come(t.Context(), c.before...)
			b.come(t.Context(), c.then)
			b.open()
			if got := strings.Join(b.refused, " "); got != c.refused {
				t.Errorf("refused %q, want %q", got, c.refused)
			}
		})
	}
}

// TestNobodyWaitsForGood sends those away whose time is over, and forgets those who left.
func TestNobodyWaitsForGood(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, limits())
	b.come(ctx, some("a", 3)...)
	b.come(t.Context(), "b.1/1")
	cancel()
	b.until(func(s Stats) bool { return s.Waiting == 1 })
	b.open()
	slices.Sort(b.refused)
	if got := strings.Join(b.refused, " "); got != "a.1/0 a.1/1 a.1/2" || !slices.Equal(b.order, []string{"b.1/1"}) {
		t.Errorf("their senders have left: refused %q, done %q", got, b.order)
	}
	l := limits()
	l.Longest = time.Nanosecond
	b = newBench(t, l)
	b.come(t.Context(), "c.1/1")
	b.until(func(s Stats) bool { return s.Waiting == 0 })
	b.open()
	if !slices.Equal(b.refused, []string{"c.1/1"}) || len(b.order) > 0 {
		t.Errorf("the longest wait: refused %q, done %q", b.refused, b.order)
	}
}

// TestAtOnce lets many do something, some of whom leave at any moment.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	l := limits()
	l.AtOnce = 3
	l.Waiting = 40
	q := New(l)
	var mu sync.Mutex
	now, most := 0, 0
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(With(t.Context(), Source{Network: fmt.Sprint(i % 7), Address: fmt.Sprint(i % 21)}))
			defer cancel()
			if i%3 == 0 {
				go cancel()
			}
			err := q.Do(ctx, func() {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				now--
				mu.Unlock()
			})
			if err != nil && !errors.Is(err, context.Canceled) && core.CodeOf(err) != core.Unavailable {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := q.Stats(); most > l.AtOnce || s.Running+s.Waiting != 0 || s.Done+s.Refused != 400 || len(q.networks)+len(q.byName) != 0 {
		t.Errorf("%d at once; %+v", most, s)
	}
}
