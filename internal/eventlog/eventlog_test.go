package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// appendOne appends the event of torrent n in a transaction of its own.
func appendOne(ctx context.Context, d *db.DB, l *eventlog.Log, n int) (id int64, err error) {
	err = d.Tx(ctx, func(tx *db.Tx) error {
		id, err = l.Append(ctx, tx, eventlog.TorrentAdded{Torrent: core.TorrentID(n)})
		return err
	})
	return id, err
}

func mustAppend(t *testing.T, d *db.DB, l *eventlog.Log, ns ...int) (last int64) {
	t.Helper()
	for _, n := range ns {
		id, err := appendOne(t.Context(), d, l, n)
		if err != nil {
			t.Fatalf("append %d: %v", n, err)
		}
		last = id
	}
	return last
}

// torrents decodes the numbers that appendOne wrote.
func torrents(t *testing.T, events []eventlog.Event) []int {
	t.Helper()
	var out []int
	for _, e := range events {
		body, err := eventlog.Decode[eventlog.TorrentAdded](e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, int(body.Torrent))
	}
	return out
}

// run starts a consumer; stop ends it and returns when it has ended.
func run(t *testing.T, l *eventlog.Log, c eventlog.Consumer) (stop func()) {
	t.Helper()
	if c.Log == nil {
		c.Log = quiet()
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Consume(ctx, c); err != nil {
			t.Errorf("consumer %s: %v", c.Name, err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func TestAppendAndRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		if last, err := l.Last(t.Context()); last != 0 || err != nil {
			t.Fatalf("an empty log: %d, %v", last, err)
		}
		mustAppend(t, d, l, 7, 8, 9)
		events, err := l.Read(t.Context(), 1, 1)
		if err != nil || len(events) != 1 {
			t.Fatalf("%v, %v", events, err)
		}
		e := events[0]
		if e.ID != 2 || e.Kind != "TorrentAdded" || !e.At.Equal(now) {
			t.Errorf("event %+v", e)
		}
		if diff := cmp.Diff([]int{8}, torrents(t, events)); diff != "" {
			t.Error(diff)
		}
		if last, err := l.Last(t.Context()); last != 3 || err != nil {
			t.Errorf("last %d, %v", last, err)
		}
		if _, err := eventlog.Decode[eventlog.MemberChanged](e); err == nil {
			t.Error("decoded as another kind")
		}
		e.Body = []byte(`{"torrent":"eight"}`)
		if _, err := eventlog.Decode[eventlog.TorrentAdded](e); core.CodeOf(err) != core.Internal {
			t.Errorf("decoded a body that does not fit: %v", err)
		}
	})
}

func TestARolledBackEventNeverWas(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		stop := errors.New("stop")
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			if _, err := l.Append(t.Context(), tx, eventlog.TorrentAdded{Torrent: 1}); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		mustAppend(t, d, l, 2)
		events, err := l.Read(t.Context(), 0, 10)
		if diff := cmp.Diff([]int{2}, torrents(t, events)); err != nil || diff != "" || events[0].ID != 1 {
			t.Errorf("%v %v %s", events, err, diff)
		}
	})
}

// TestNoEventIsSkippedOrLost writes from many transactions at once, of which some
// linger before they commit and some roll back, over two connections pools as
// two processes have them, while two consumers run. Each must see every
// committed event once and in the order of the ids.
func TestNoEventIsSkippedOrLost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		here := eventlog.New(d, clock)
		there := eventlog.New(d, clock) // shares no wake-up with here, as another process would
		seen := [2]*record{newRecord(), newRecord()}
		for i, l := range []*eventlog.Log{here, there} {
			c := seen[i].consumer(fmt.Sprint("consumer", i))
			c.Batch = 3
			run(t, l, c)
		}

		const writers, each = 8, 25
		var mu sync.Mutex
		committed := map[int]bool{}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					n := w*each + i + 1
					if write(t, d, here, n) {
						mu.Lock()
						committed[n] = true
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		last, err := here.Last(t.Context())
		if err != nil || int(last) != len(committed) || len(committed) == writers*each {
			t.Fatalf("last id %d, %v; %d of %d committed", last, err, len(committed), writers*each)
		}
		for i, l := range []*eventlog.Log{here, there} {
			name := fmt.Sprint("consumer", i)
			if err := l.WaitFor(within(t, 20*time.Second), name, last); err != nil {
				t.Fatalf("%s did not get to %d: %v", name, last, err)
			}
			got := seen[i].events()
			for j, e := range got {
				if e.ID != int64(j+1) {
					t.Fatalf("%s: event %d came at place %d", name, e.ID, j+1)
				}
			}
			for _, n := range torrents(t, got) {
				if !committed[n] {
					t.Errorf("%s saw event %d, which was rolled back", name, n)
				}
			}
			if len(got) != len(committed) {
				t.Errorf("%s saw %d events, want %d", name, len(got), len(committed))
			}
		}
	})
}

// write appends event n. One in four transactions waits between its write and
// its commit, one in five rolls back.
func write(t *testing.T, d *db.DB, l *eventlog.Log, n int) (committed bool) {
	undo := errors.New("changed our mind")
	err := d.Tx(t.Context(), func(tx *db.Tx) error {
		if _, err := l.Append(t.Context(), tx, eventlog.TorrentAdded{Torrent: core.TorrentID(n)}); err != nil {
			return err
		}
		if n%4 == 0 {
			linger := time.NewTimer(time.Duration(rand.IntN(5000)) * time.Microsecond)
			<-linger.C
		}
		if n%5 == 0 {
			return undo
		}
		return nil
	})
	if err != nil && !errors.Is(err, undo) {
		t.Errorf("append %d: %v", n, err)
	}
	return err == nil
}

// record is a consumer that remembers what it was given.
type record struct {
	mu    sync.Mutex
	noted []eventlog.Event // since the last batch ended
	got   []eventlog.Event
	out   chan struct{} // gets a value for each batch
}

func newRecord() *record { return &record{out: make(chan struct{}, 1000)} }

func (r *record) consumer(name string) eventlog.Consumer {
	return eventlog.Consumer{Name: name, Flush: r.flush, Handlers: []eventlog.Handler{
		eventlog.On(func(_ context.Context, e eventlog.Event, _ eventlog.TorrentAdded) error {
			r.noted = append(r.noted, e)
			return nil
		}),
	}}
}

func (r *record) flush(context.Context, int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, r.noted...)
	r.noted = nil
	r.out <- struct{}{}
	return nil
}

func (r *record) events() []eventlog.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]eventlog.Event(nil), r.got...)
}

func TestPrune(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		at := now
		l := eventlog.New(d, func() time.Time { return at })
		prune := func(before time.Time, limit int, want int64) {
			t.Helper()
			if n, err := l.Prune(t.Context(), before, limit); err != nil || n != want {
				t.Errorf("pruned %d, %v; want %d", n, err, want)
			}
		}
		mustAppend(t, d, l, 1, 2, 3)
		at = now.Add(time.Hour)
		mustAppend(t, d, l, 4, 5)
		later := now.Add(time.Minute)
		prune(later, 10, 0) // nobody has read anything
		for name, pos := range map[string]int64{"slow": 2, "fast": 5} {
			if err := l.Advance(t.Context(), name, pos); err != nil {
				t.Fatal(err)
			}
		}
		prune(now, 10, 0)   // nothing is old enough
		prune(later, 1, 1)  // no more than asked for
		prune(later, 10, 1) // "slow" has not read 3
		if err := l.Advance(t.Context(), "slow", 5); err != nil {
			t.Fatal(err)
		}
		prune(later, 10, 1) // 4 and 5 are too young
		events, err := l.Read(t.Context(), 0, 10)
		if diff := cmp.Diff([]int{4, 5}, torrents(t, events)); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if last, err := l.Last(t.Context()); last != 5 || err != nil {
			t.Errorf("last %d, %v", last, err)
		}
		if id := mustAppend(t, d, l, 6); id != 6 {
			t.Errorf("the next id is %d", id)
		}
	})
}

func TestPruneKeepsYoungEventsBeforeOldOnes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		at := now.Add(time.Hour)
		l := eventlog.New(d, func() time.Time { return at })
		mustAppend(t, d, l, 1)
		at = now // the clock was set back
		mustAppend(t, d, l, 2)
		if err := l.Advance(t.Context(), "reader", 2); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Prune(t.Context(), now.Add(time.Minute), 1); n != 1 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
		events, err := l.Read(t.Context(), 0, 10)
		if diff := cmp.Diff([]int{1}, torrents(t, events)); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	})
}
