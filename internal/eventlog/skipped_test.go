package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// TestWhatConsumersPassOver runs these one after the other on the same database, as
// making one takes longer than all of them.
func TestWhatConsumersPassOver(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for name, test := range map[string]func(*testing.T, *db.DB){
			"an event that can't be read": anEventThatCantBeRead,
			"asked for while it is off":   whatIsAskedForWhileAConsumerIsOff,
			"only faults count":           onlyFaultsCount,
			"where handlers got":          theCursorStandsWhereHandlersGot,
			"between effect and cursor":   betweenEffectAndCursor,
			"exactly once":                exactlyOnce,
			"kinds of a newer program":    kindsOfANewerProgram,
		} {
			for _, table := range []string{"event", "event_cursor", "event_skipped"} {
				mustExec(t, d, "DELETE FROM "+table)
			}
			mustExec(t, d, "UPDATE event_sequence SET last_id = 0")
			t.Run(name, func(t *testing.T) { test(t, d) })
		}
	})
}

// anEventThatCantBeRead is set aside after three tries and told to staff once;
// it outlives the log, and can be handled again by hand, out of order, even if the
// command runs in another process.
func anEventThatCantBeRead(t *testing.T, d *db.DB) {
	l, there := eventlog.New(d, clock), eventlog.New(d, clock)
	last := mustAppend(t, d, l, 1, 2, 3)
	tear(t, d, 2)
	w := &worker{}
	run(t, l, w.consumer("worker"))
	waitFor(t, l, "worker", last)
	w.want(t, "torrent 1", "torrent 3")
	if diff := cmp.Diff([]time.Duration{eventlog.Poll, 2 * eventlog.Poll}, w.waits); diff != "" {
		t.Errorf("waits: %s", diff)
	}
	id := skipped(t, l)[0].ID
	want := eventlog.Skipped{ID: id, Consumer: "worker", State: eventlog.StateFault, Tries: 3, Since: now,
		Event: eventlog.Event{ID: 2, Kind: "TorrentAdded", At: now, Body: []byte("torn")}}
	is := func(want eventlog.Skipped) {
		t.Helper()
		if diff := cmp.Diff([]eventlog.Skipped{want}, skipped(t, l), cmpopts.IgnoreFields(eventlog.Skipped{}, "Error")); diff != "" {
			t.Errorf("set aside (-want +got):\n%s", diff)
		}
	}
	is(want)
	text := skipped(t, l)[0].Error
	if !strings.Contains(text, "invalid character") {
		t.Errorf("error %q", text)
	}
	told := []eventlog.EventSetAside{{Skipped: id, Consumer: "worker", Event: 2, Kind: "TorrentAdded", Tries: 3, Text: text}}
	if diff := cmp.Diff(told, news(t, l)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}

	waitFor(t, l, "worker", last+1)
	if n, err := l.Prune(t.Context(), now.Add(time.Hour), 100); n != 4 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if err := runAgain(t, d, there, id); err != nil {
		t.Fatal(err)
	}
	eventually(t, l, "tried again", func(list []eventlog.Skipped) bool { return len(list) == 1 && list[0].Tries == 4 })
	want.Tries = 4
	is(want)
	if got := news(t, l); got != nil {
		t.Errorf("told again: %+v", got)
	}
	mustExec(t, d, `UPDATE event_skipped SET body = '{"torrent":2}'`)
	if err := runAgain(t, d, there, id); err != nil {
		t.Fatal(err)
	}
	eventually(t, l, "handled", func(list []eventlog.Skipped) bool { return len(list) == 0 })
	w.want(t, "torrent 1", "torrent 3", "torrent 2")
	if err := runAgain(t, d, there, id); core.CodeOf(err) != core.NotFound {
		t.Errorf("what is handled, again: %v", err)
	}
	if at, err := l.Cursor(t.Context(), "worker"); at < last || err != nil {
		t.Errorf("the cursor is at %d, %v", at, err)
	}
}

// whatIsAskedForWhileAConsumerIsOff is done when it starts, even by one that
// begins at a later event.
func whatIsAskedForWhileAConsumerIsOff(t *testing.T, d *db.DB) {
	l := eventlog.New(d, clock)
	w := &worker{before: func(call int) error {
		if call == 4 || call > 5 {
			return nil
		}
		return eventlog.Faulty(errors.New("the server says no"))
	}}
	last := mustAppend(t, d, l, 1)
	stop := run(t, l, w.consumer("worker"))
	waitFor(t, l, "worker", last)
	last = mustAppend(t, d, l, 2)
	waitFor(t, l, "worker", last)
	stop()
	w.want(t, "torrent 2")
	if err := runAgain(t, d, l, skipped(t, l)[0].ID); err != nil {
		t.Fatal(err)
	}
	from := mustAppend(t, d, l, 3)
	start := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.ConsumeFrom(ctx, from, w.consumer("worker")) }()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	stop = start()
	eventually(t, l, "tried again", func(list []eventlog.Skipped) bool { return len(list) == 1 && list[0].Tries == 4 })
	stop()
	if err := runAgain(t, d, l, skipped(t, l)[0].ID); err != nil {
		t.Fatal(err)
	}
	stop = start()
	eventually(t, l, "handled", func(list []eventlog.Skipped) bool { return len(list) == 0 })
	stop()
	w.want(t, "torrent 2", "torrent 1")
}

// onlyFaultsCount lets everything be away again and again, and the database at
// the worst moment: when an event is to be set aside.
func onlyFaultsCount(t *testing.T, d *db.DB) {
	l := eventlog.New(d, clock)
	last := mustAppend(t, d, l, 1, 2)
	w := &worker{}
	w.before = func(call int) error {
		switch {
		case call <= 10 || call > 11 && call <= 20:
			return errAway
		case call == 11 || call == 21:
			return eventlog.Faulty(errAway)
		case call == 22: // torrent 1, at last
			return nil
		case call == 25: // torrent 2, the last time
			rename(t, d, "event_skipped", "event_skipped_away")
			w.paused = func(n int) {
				if n == 22+2+5 {
					rename(t, d, "event_skipped_away", "event_skipped")
				}
			}
		}
		return eventlog.Faulty(errors.New("never"))
	}
	run(t, l, w.consumer("worker"))
	waitFor(t, l, "worker", last)
	w.want(t, "torrent 1")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls != 25 {
		t.Errorf("the handler was called %d times", w.calls)
	}
	list := skipped(t, l)
	if len(list) != 1 || list[0].Event.ID != 2 || list[0].Tries != 3 || list[0].Error != "never" || len(news(t, l)) != 1 {
		t.Errorf("set aside: %+v; told: %+v", list, news(t, l))
	}
	if most := w.waits[20]; most != 30*time.Second {
		t.Errorf("the wait after many failures is %v", most)
	}
}

// theCursorStandsWhereHandlersGot, whether they act at once or in Flush.
func theCursorStandsWhereHandlersGot(t *testing.T, d *db.DB) {
	l := eventlog.New(d, clock)
	last := mustAppend(t, d, l, 1, 2, 3, 4)
	open := make(chan struct{})
	third := func(call int) error {
		if call == 3 {
			return errAway
		}
		return nil
	}
	w := &worker{paused: func(int) { <-open }, before: third}
	run(t, l, w.consumer("at once"))
	waitFor(t, l, "at once", 2)

	var flushed []int64
	b := &worker{paused: w.paused, before: third}
	c := b.consumer("batch")
	c.Flush = func(_ context.Context, upTo int64) error {
		flushed = append(flushed, upTo)
		return nil
	}
	stop := run(t, l, c)
	waitFor(t, l, "batch", 2)
	for _, name := range []string{"at once", "batch"} {
		if at, err := l.Cursor(t.Context(), name); at != 2 || err != nil {
			t.Errorf("%s is at %d, %v", name, at, err)
		}
	}
	close(open)
	for name, w := range map[string]*worker{"at once": w, "batch": b} {
		waitFor(t, l, name, last)
		w.want(t, "torrent 1", "torrent 2", "torrent 3", "torrent 4")
	}
	stop()
	if diff := cmp.Diff([]int64{2, 4}, flushed); diff != "" {
		t.Errorf("flushed (-want +got):\n%s", diff)
	}
}

// betweenEffectAndCursor takes the cursors away as soon as an effect is out. The
// same run does not repeat the effect; one that takes over does.
func betweenEffectAndCursor(t *testing.T, d *db.DB) {
	l := eventlog.New(d, clock)
	last := mustAppend(t, d, l, 1, 2)
	w := &worker{}
	ctx, kill := context.WithCancel(t.Context())
	w.before = func(call int) error {
		if call == 1 {
			rename(t, d, "event_cursor", "event_cursor_away")
		}
		return nil
	}
	w.paused = func(n int) {
		if n == 3 {
			kill()
		}
	}
	if err := l.Consume(ctx, w.consumer("worker")); err != nil {
		t.Fatal(err)
	}
	w.want(t, "torrent 1")
	rename(t, d, "event_cursor_away", "event_cursor")
	w.before, w.paused = nil, nil
	run(t, l, w.consumer("worker"))
	waitFor(t, l, "worker", last)
	w.want(t, "torrent 1", "torrent 1", "torrent 2")
}

// exactlyOnce counts effects in the transaction of the cursor.
func exactlyOnce(t *testing.T, d *db.DB) {
	l := eventlog.New(d, clock)
	last := mustAppend(t, d, l, 1, 2)
	if err := l.Advance(t.Context(), "effects", 0); err != nil {
		t.Fatal(err)
	}
	calls := 0
	w := &worker{}
	c := w.consumer("worker")
	c.Handlers = []eventlog.Handler{eventlog.OnTx(func(ctx context.Context, tx *db.Tx, _ eventlog.Event, e eventlog.TorrentAdded) error {
		if _, err := tx.Exec(ctx, "UPDATE event_cursor SET position = position + 1 WHERE consumer = 'effects'"); err != nil {
			return err
		}
		switch calls++; {
		case calls == 1:
			return errAway
		case e.Torrent == 2 && calls <= 5:
			return eventlog.Faulty(errors.New("not yet"))
		}
		return nil
	})}
	run(t, l, c)
	effects := func(want int64) {
		t.Helper()
		if n, err := l.Cursor(t.Context(), "effects"); n != want || err != nil {
			t.Errorf("%d effects, %v; want %d", n, err, want)
		}
	}
	waitFor(t, l, "worker", last)
	effects(1)
	if err := runAgain(t, d, l, skipped(t, l)[0].ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, l, "handled", func(list []eventlog.Skipped) bool { return len(list) == 0 })
	effects(2)
}

// kindsOfANewerProgram are kept by an older one, and handled by a newer one at
// its start, before anything else.
func kindsOfANewerProgram(t *testing.T, d *db.DB) {
	older := eventlog.New(d, clock).Unlearn(eventlog.JobFailed{}).Unlearn(eventlog.JobFinished{})
	newer := eventlog.New(d, clock).Unlearn(eventlog.JobFinished{})
	mustAppend(t, d, newer, 1)
	torn := appendAny(t, d, newer, eventlog.JobFailed{Run: 1})
	tear(t, d, torn)
	appendAny(t, d, newer, eventlog.JobFailed{Run: 2})
	appendAny(t, d, eventlog.New(d, clock), eventlog.JobFinished{Run: 3})
	appendAny(t, d, newer, eventlog.ClientsChanged{}) // known, and nobody's concern
	last := mustAppend(t, d, newer, 2)
	w, other := &worker{}, &worker{}
	stop, stopOther := run(t, older, w.consumer("worker")), run(t, older, other.consumer("other"))
	for _, name := range []string{"worker", "other"} {
		waitFor(t, older, name, last)
	}
	stop()
	stopOther()
	w.want(t, "torrent 1", "torrent 2")
	list := skipped(t, older)
	if len(list) != 6 || news(t, older) != nil {
		t.Fatalf("kept %+v, told %+v", list, news(t, older))
	}
	for _, k := range list {
		if k.State != eventlog.StateUnknown {
			t.Errorf("kept as %+v", k)
		}
	}
	if err := runAgain(t, d, older, list[0].ID); core.CodeOf(err) != core.Conflict {
		t.Errorf("run what is not known: %v", err)
	}

	if n, err := newer.Prune(t.Context(), now.Add(time.Hour), 100); n != 6 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	appendAny(t, d, newer, eventlog.JobFailed{Run: 4})
	last = mustAppend(t, d, newer, 3)
	c := w.consumer("worker")
	c.Handlers = append(c.Handlers, eventlog.On(func(_ context.Context, _ eventlog.Event, e eventlog.JobFailed) error {
		return w.do(fmt.Sprint("job ", e.Run))
	}))
	run(t, newer, c)
	run(t, newer, other.consumer("other"))
	for _, name := range []string{"worker", "other"} {
		waitFor(t, newer, name, last)
	}
	w.want(t, "torrent 1", "torrent 2", "job 2", "job 4", "torrent 3")
	var left []string
	for _, k := range skipped(t, newer) {
		left = append(left, fmt.Sprintf("%s %s %s %d", k.Consumer, k.Event.Kind, k.State, k.Tries))
	}
	if diff := cmp.Diff([]string{"worker JobFailed fault 1", "other JobFinished unknown 0", "worker JobFinished unknown 0"}, left,
		cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if got := news(t, newer); len(got) != 1 || got[0].Event != torn {
		t.Errorf("told: %+v", got)
	}
}

// TestABatchWithAFault tells the consumer which event it misses before Flush, and
// keeps what Flush has not done.
func TestABatchWithAFault(t *testing.T) {
	t.Parallel()
	l, d := onSQLite(t)
	last := mustAppend(t, d, l, 1, 2, 3)
	tear(t, d, 2)
	mustExec(t, d, "UPDATE event SET kind = 'FromTheFuture' WHERE id = 1")
	var did []string
	w := &worker{}
	c := w.consumer("worker")
	c.Handlers = []eventlog.Handler{eventlog.Note(func(e eventlog.TorrentAdded) { did = append(did, fmt.Sprint("torrent ", e.Torrent)) })}
	c.Missed = func(e eventlog.Event, err error) { did = append(did, fmt.Sprint("missed ", e.ID)) }
	fails := 2
	c.Flush = func(_ context.Context, upTo int64) error {
		if fails--; fails >= 0 {
			return errAway
		}
		did = append(did, fmt.Sprint("flush ", upTo))
		return nil
	}
	stop := run(t, l, c)
	waitFor(t, l, "worker", last+1) // which tells staff
	stop()
	if diff := cmp.Diff([]string{"flush 1", "missed 2", "flush 2", "torrent 3", "flush 4"}, did); diff != "" {
		t.Errorf("did (-want +got):\n%s", diff)
	}
	if list := skipped(t, l); len(list) != 2 || list[0].Event.ID != 2 || list[1].Event.ID != 1 {
		t.Errorf("passed over: %+v", list)
	}
	if err := l.Forget(t.Context(), "worker"); err != nil || len(skipped(t, l)) != 0 {
		t.Errorf("of a consumer that is no more: %+v, %v", skipped(t, l), err)
	}
}

// TestNewsOfAFaultGoesInNoCircle has a consumer that can't even be told.
func TestNewsOfAFaultGoesInNoCircle(t *testing.T) {
	t.Parallel()
	l, d := onSQLite(t)
	w := &worker{before: func(int) error { return eventlog.Faulty(errors.New(strings.Repeat("ü", 800))) }}
	c := w.consumer("worker")
	c.Handlers = append(c.Handlers, eventlog.On(func(context.Context, eventlog.Event, eventlog.EventSetAside) error { return w.do("told") }))
	run(t, l, c)
	waitFor(t, l, "worker", mustAppend(t, d, l, 1)+1)
	list := skipped(t, l)
	if len(list) != 2 || list[0].Event.Kind != "EventSetAside" || len(news(t, l)) != 1 || list[0].Error != strings.Repeat("ü", 500) {
		t.Errorf("set aside: %+v; told: %+v", list, news(t, l))
	}
	var dropped eventlog.Skipped
	drop := func() error {
		return d.Tx(t.Context(), func(tx *db.Tx) (err error) {
			dropped, err = l.Drop(t.Context(), tx, list[0].ID)
			return err
		})
	}
	if err := drop(); err != nil || dropped.Event.ID != 2 || len(skipped(t, l)) != 1 {
		t.Errorf("dropped %+v, %v; left: %+v", dropped, err, skipped(t, l))
	}
	if err := drop(); core.CodeOf(err) != core.NotFound {
		t.Errorf("dropped twice: %v", err)
	}
}

// stray is no kind of the table.
type stray struct{}

func (stray) EventKind() string { return "Stray" }

func TestConsumersThatContradictThemselves(t *testing.T) {
	t.Parallel()
	l, d := onSQLite(t)
	one := eventlog.Note(func(eventlog.TorrentAdded) {})
	inTx := eventlog.OnTx(func(context.Context, *db.Tx, eventlog.Event, eventlog.JobFailed) error { return nil })
	for want, c := range map[string]eventlog.Consumer{
		"two handlers of TorrentAdded": {Handlers: []eventlog.Handler{one, one}},
		"missing in the table":         {Handlers: []eventlog.Handler{eventlog.Note(func(stray) {})}},
		"two consumers":                {Handlers: []eventlog.Handler{one, inTx}, Flush: func(context.Context, int64) error { return nil }},
	} {
		if err := l.Consume(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	err := d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := l.Append(t.Context(), tx, stray{})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "missing in the table") {
		t.Errorf("append: %v", err)
	}
	if eventlog.Faulty(nil) != nil || eventlog.IsFaulty(errAway) || !eventlog.IsFaulty(fmt.Errorf("so: %w", eventlog.Faulty(errAway))) {
		t.Error("what is a fault")
	}
}
