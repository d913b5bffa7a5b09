package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// worker is a consumer that does events one by one, and waits in no time.
type worker struct {
	mu     sync.Mutex
	did    []string
	calls  int
	waits  []time.Duration
	before func(call int) error // what the handlers fail with, when set
	paused func(waits int)      // called at each wait, when set
}

var errAway = errors.New("the network is away")

// do notes what was done, unless before has an error for the call.
func (w *worker) do(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.before != nil {
		if err := w.before(w.calls); err != nil {
			return err
		}
	}
	w.did = append(w.did, what)
	return nil
}

func (w *worker) consumer(name string) eventlog.Consumer {
	return eventlog.Consumer{Name: name, Log: quiet(),
		Handlers: []eventlog.Handler{eventlog.On(func(_ context.Context, _ eventlog.Event, e eventlog.TorrentAdded) error {
			return w.do(fmt.Sprint("torrent ", e.Torrent))
		})},
		Retry: eventlog.Retry{Spread: func(d time.Duration) time.Duration { return d }, Wait: w.wait}}
}

func (w *worker) wait(_ context.Context, d time.Duration) {
	w.mu.Lock()
	w.waits = append(w.waits, d)
	n, paused := len(w.waits), w.paused
	w.mu.Unlock()
	if paused != nil {
		paused(n)
	}
}

func (w *worker) want(t *testing.T, did ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(did, w.did, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("did (-want +got):\n%s", diff)
	}
}

func mustExec(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	err := d.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", query, err)
	}
}

func rename(t *testing.T, d *db.DB, from, to string) {
	t.Helper()
	mustExec(t, d, "ALTER TABLE "+from+" RENAME TO "+to)
}

func appendAny(t *testing.T, d *db.DB, l *eventlog.Log, b eventlog.Body) (id int64) {
	t.Helper()
	err := d.Tx(t.Context(), func(tx *db.Tx) (err error) {
		id, err = l.Append(t.Context(), tx, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// tear makes the body of an event one that can't be read.
func tear(t *testing.T, d *db.DB, id int64) {
	t.Helper()
	mustExec(t, d, "UPDATE event SET body = 'torn' WHERE id = ?", id)
}

func waitFor(t *testing.T, l *eventlog.Log, consumer string, id int64) {
	t.Helper()
	if err := l.WaitFor(within(t, 20*time.Second), consumer, id); err != nil {
		t.Fatalf("%s did not get to %d: %v", consumer, id, err)
	}
}

func skipped(t *testing.T, l *eventlog.Log) []eventlog.Skipped {
	t.Helper()
	list, err := l.Skipped(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// eventually waits until what was passed over is as ok wants it.
func eventually(t *testing.T, l *eventlog.Log, what string, ok func([]eventlog.Skipped) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) { // polls: it is in the database
		list := skipped(t, l)
		if ok(list) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still not %s: %+v", what, list)
		}
	}
}

func runAgain(t *testing.T, d *db.DB, l *eventlog.Log, id int64) error {
	t.Helper()
	return d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := l.RunAgain(t.Context(), tx, id)
		return err
	})
}

// news are the events that tell staff of what was set aside.
func news(t *testing.T, l *eventlog.Log) (out []eventlog.EventSetAside) {
	t.Helper()
	events, err := l.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind != (eventlog.EventSetAside{}).EventKind() {
			continue
		}
		body, err := eventlog.Decode[eventlog.EventSetAside](e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, body)
	}
	return out
}

func onSQLite(t *testing.T) (*eventlog.Log, *db.DB) {
	d := dbtest.SQLite(t)
	return eventlog.New(d, clock), d
}
