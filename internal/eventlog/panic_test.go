package eventlog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// badTorrent is the one whose event makes the handlers of these tests panic.
const badTorrent = 2

// TestPanicsAreFaultsOfTheEvent lets each way of handling an event panic: it is set aside,
// staff are told once, the others go on, and once the code is mended it is run again.
func TestPanicsAreFaultsOfTheEvent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for name, panicsIn := range map[string]func(w *worker, c *eventlog.Consumer, mended *atomic.Bool){
			"a handler": panicInHandler, "a transaction": panicInTx, "flush": panicInFlush, "flush and missed": panicInMissed,
		} {
			for _, table := range []string{"event", "event_cursor", "event_skipped"} {
				mustExec(t, d, "DELETE FROM "+table)
			}
			mustExec(t, d, "UPDATE event_sequence SET last_id = 0")
			t.Run(name, func(t *testing.T) {
				l, w := eventlog.New(d, clock), &worker{}
				var mended atomic.Bool
				c := w.consumer("worker")
				panicsIn(w, &c, &mended)
				if err := l.Advance(t.Context(), "effects", 0); err != nil {
					t.Fatal(err)
				}
				last := mustAppend(t, d, l, 1, badTorrent, 3)
				run(t, l, c)
				waitFor(t, l, "worker", last)
				list := skipped(t, l)
				if len(list) != 1 || list[0].Event.ID != 2 || list[0].State != eventlog.StateFault || list[0].Tries != 3 ||
					!strings.Contains(list[0].Error, "panicked: torrent 2 is too much") || strings.Contains(list[0].Error, "\n") {
					t.Fatalf("set aside: %+v", list)
				}
				w.didAll(t, "torrent 1", "torrent 3")
				if told := news(t, l); len(told) != 1 || told[0].Skipped != list[0].ID || told[0].Tries != 3 {
					t.Errorf("told: %+v", told)
				}
				again := func() {
					t.Helper()
					if err := runAgain(t, d, l, list[0].ID); err != nil {
						t.Fatal(err)
					}
				}
				again()
				eventually(t, l, "tried again", func(list []eventlog.Skipped) bool { return len(list) == 1 && list[0].Tries == 4 })
				mended.Store(true)
				again()
				eventually(t, l, "handled", func(list []eventlog.Skipped) bool { return len(list) == 0 })
				w.didAll(t, "torrent 1", "torrent 2", "torrent 3")
				later := mustAppend(t, d, l, 4)
				waitFor(t, l, "worker", later)
				w.didAll(t, "torrent 1", "torrent 2", "torrent 3", "torrent 4")
				effects, err := l.Cursor(t.Context(), "effects")
				if want := map[string]int64{"a transaction": 4}[name]; err != nil || effects != want {
					t.Errorf("%d effects in transactions, %v; want %d", effects, err, want)
				}
			})
		}
	})
}

// didAll checks what was done at least once, in any order.
func (w *worker) didAll(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := slices.Compact(slices.Sorted(slices.Values(w.did)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("did (-want +got):\n%s", diff)
	}
}

func tooMuch(id core.TorrentID, mended *atomic.Bool) {
	if id == badTorrent && !mended.Load() {
		panic(fmt.Sprintf("torrent %d is too much", id))
	}
}

func panicInHandler(w *worker, c *eventlog.Consumer, mended *atomic.Bool) {
	c.Handlers = []eventlog.Handler{eventlog.On(func(_ context.Context, _ eventlog.Event, e eventlog.TorrentAdded) error {
		tooMuch(e.Torrent, mended)
		return w.do(fmt.Sprint("torrent ", e.Torrent))
	})}
}

// panicInTx writes something before it panics, which must be taken back.
func panicInTx(w *worker, c *eventlog.Consumer, mended *atomic.Bool) {
	c.Handlers = []eventlog.Handler{eventlog.OnTx(func(ctx context.Context, tx *db.Tx, _ eventlog.Event, e eventlog.TorrentAdded) error {
		if _, err := tx.Exec(ctx, "UPDATE event_cursor SET position = position + 1 WHERE consumer = 'effects'"); err != nil {
			return err
		}
		tooMuch(e.Torrent, mended)
		return w.do(fmt.Sprint("torrent ", e.Torrent))
	})}
}

// panicInFlush notes, and panics where what was noted is done.
func panicInFlush(w *worker, c *eventlog.Consumer, mended *atomic.Bool) {
	var noted []core.TorrentID
	c.Handlers = []eventlog.Handler{eventlog.Note(func(e eventlog.TorrentAdded) { noted = append(noted, e.Torrent) })}
	c.Flush = func(context.Context, int64) error {
		batch := noted
		noted = nil
		for _, id := range batch {
			tooMuch(id, mended)
			if err := w.do(fmt.Sprint("torrent ", id)); err != nil {
				return err
			}
		}
		return nil
	}
}

// panicInMissed panics for the event, where its consumer is told of that, and when it then
// does what it can instead.
func panicInMissed(w *worker, c *eventlog.Consumer, mended *atomic.Bool) {
	panicInFlush(w, c, mended)
	inner, all := c.Flush, false
	c.Flush = func(ctx context.Context, upTo int64) error {
		if was := all; was && !mended.Load() {
			all = false
			panic("everything is too much")
		}
		return inner(ctx, upTo)
	}
	c.Missed = func(eventlog.Event, error) {
		all = true
		panic("and so is this")
	}
}

// TestWatchersOutliveAPanic go on with the next event.
func TestWatchersOutliveAPanic(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	l := eventlog.New(d, clock)
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan int64, 10), make(chan struct{})
	go func() {
		defer close(ended)
		l.Watch(ctx, quiet(), func(e eventlog.Event) {
			seen <- e.ID
			panic("too much")
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	within := within(t, 20*time.Second)
	first := mustAppend(t, d, l, 1)
	for got := int64(0); got < first+3; { // it may have begun after the first
		select {
		case got = <-seen:
		case <-within.Done():
			t.Fatal("it hears of no further event")
		default:
			mustAppend(t, d, l, 2)
			core.Sleep(within, eventlog.Poll)
		}
	}
}
