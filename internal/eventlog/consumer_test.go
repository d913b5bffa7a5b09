package eventlog_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

func TestConsumerStartsAtTheFirstEventOrAtTheNewest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		last := mustAppend(t, d, l, 1, 2)
		all, news := newRecord(), newRecord()
		c := news.consumer("news")
		c.FromNow = true
		run(t, l, all.consumer("all"))
		stopNews := run(t, l, c)
		for _, name := range []string{"all", "news"} {
			if err := l.WaitFor(within(t, 10*time.Second), name, last); err != nil {
				t.Fatal(err)
			}
		}
		stopNews()
		last = mustAppend(t, d, l, 3) // while it does not run: FromNow is for the very first time only
		run(t, l, c)
		for name, r := range map[string]*record{"all": all, "news": news} {
			if err := l.WaitFor(within(t, 10*time.Second), name, last); err != nil {
				t.Fatal(err)
			}
			want := map[string][]int{"all": {1, 2, 3}, "news": {3}}[name]
			if diff := cmp.Diff(want, torrents(t, r.events())); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	})
}

// TestConsumerIsGivenTheSameEventsAfterAnError counts on no order but that of
// the log: what failed comes again before anything newer.
func TestConsumerIsGivenTheSameEventsAfterAnError(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		last := mustAppend(t, d, l, 1, 2, 3)
		var mu sync.Mutex
		var noted []int
		var calls [][]int
		run(t, l, eventlog.Consumer{Name: "picky", Batch: 2,
			Handlers: []eventlog.Handler{eventlog.Note(func(e eventlog.TorrentAdded) { noted = append(noted, int(e.Torrent)) })},
			Flush: func(context.Context, int64) error {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, noted)
				noted = nil
				if len(calls) == 2 {
					return errors.New("not now")
				}
				return nil
			}})
		if err := l.WaitFor(within(t, 10*time.Second), "picky", last); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([][]int{{1, 2}, {3}, {3}}, calls); diff != "" {
			t.Error(diff)
		}
	})
}

// TestConsumerIsWokenAtOnce holds the time from commit to handler against the
// poll interval: a consumer in the same process must not wait for it.
func TestConsumerIsWokenAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		r := newRecord()
		run(t, l, r.consumer("awake"))
		if err := l.WaitFor(within(t, 10*time.Second), "awake", 0); err != nil {
			t.Fatal(err)
		}
		const rounds = 20
		start := time.Now()
		for n := range rounds {
			mustAppend(t, d, l, n+1)
			select {
			case <-r.out:
			case <-time.After(10 * time.Second):
				t.Fatalf("event %d did not come", n+1)
			}
		}
		// With polling alone a round would take half of Poll on average.
		if took := time.Since(start); took > rounds*eventlog.Poll/4 {
			t.Errorf("%d events took %v, %v each", rounds, took, took/rounds)
		}
	})
}

func TestConsumerSeesEventsOfOtherProcesses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRecord()
		run(t, eventlog.New(d, clock), r.consumer("far"))
		mustAppend(t, d, eventlog.New(d, clock), 1)
		select {
		case <-r.out:
		case <-time.After(10 * time.Second):
			t.Fatal("the event did not come")
		}
	})
}

func TestCursorNeverGoesBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		for _, step := range []struct{ to, want int64 }{{0, 0}, {5, 5}, {3, 5}, {6, 6}} {
			if err := l.Advance(t.Context(), "c", step.to); err != nil {
				t.Fatal(err)
			}
			if got, err := l.Cursor(t.Context(), "c"); got != step.want || err != nil {
				t.Errorf("after %d: %d, %v; want %d", step.to, got, err, step.want)
			}
		}
		if got, err := l.Cursor(t.Context(), "never ran"); got != 0 || err != nil {
			t.Errorf("unknown consumer: %d, %v", got, err)
		}
	})
}

func TestLag(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		want := func(read, last int64, since time.Time) {
			t.Helper()
			lag, err := l.Lag(t.Context(), "c")
			if err != nil || lag != (eventlog.Lag{Read: read, Last: last, Since: since}) {
				t.Errorf("%+v, %v; want %d of %d since %v", lag, err, read, last, since)
			}
		}
		want(0, 0, time.Time{})
		mustAppend(t, d, l, 1)
		later := eventlog.New(d, func() time.Time { return now.Add(time.Minute) })
		mustAppend(t, d, later, 2, 3)
		for _, step := range []struct {
			to    int64
			since time.Time
		}{{0, now}, {1, now.Add(time.Minute)}, {2, now.Add(time.Minute)}, {3, time.Time{}}} {
			if err := l.Advance(t.Context(), "c", step.to); err != nil {
				t.Fatal(err)
			}
			want(step.to, 3, step.since)
		}
	})
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		waits := func(id int64) bool {
			ctx, cancel := context.WithTimeout(t.Context(), eventlog.Poll+eventlog.Poll/2)
			defer cancel()
			err := l.WaitFor(ctx, "tracker", id)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("WaitFor: %v", err)
			}
			return err != nil
		}
		advance := func(name string, to int64) {
			if err := l.Advance(t.Context(), name, to); err != nil {
				t.Fatal(err)
			}
		}
		advance("trackerish", 9) // another name that merely begins alike
		advance("hermes", 9)
		if !waits(0) {
			t.Error("no tracker has ever run, and nobody waited for one")
		}
		advance("tracker:a", 2)
		if waits(2) || !waits(3) {
			t.Error("one tracker at 2")
		}
		advance("tracker:b", 1)
		if !waits(2) {
			t.Error("the second tracker is at 1 only")
		}
		advance("tracker:b", 2)
		if waits(2) {
			t.Error("both are at 2")
		}
		// A move of the cursor wakes who waits in the same process.
		done := make(chan error, 1)
		var wg sync.WaitGroup
		wg.Go(func() { done <- l.WaitFor(within(t, 10*time.Second), "tracker", 3) })
		advance("tracker:a", 3)
		advance("tracker:b", 3)
		wg.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestConsumeFromRecordsWhereItBegins is the tracker that was down while
// datasets were added: it loads them from the tables and begins after them, and
// whoever waits for it must learn that without a new event.
func TestConsumeFromRecordsWhereItBegins(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := eventlog.New(d, clock)
		last := mustAppend(t, d, l, 1, 2, 3)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer func() { cancel(); wg.Wait() }()
		r := newRecord()
		wg.Go(func() {
			c := r.consumer("tracker")
			c.Log = quiet()
			if err := l.ConsumeFrom(ctx, last, c); err != nil {
				t.Error(err)
			}
		})
		if err := l.WaitFor(within(t, 10*time.Second), "tracker", last); err != nil {
			t.Error(err)
		}
		if got := r.events(); len(got) != 0 {
			t.Errorf("was given %v again", got)
		}
	})
}

func TestConsumerOutlivesADatabaseThatFails(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	l := eventlog.New(d, clock)
	complained := make(chan struct{})
	var once sync.Once
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "no such table") {
			once.Do(func() { close(complained) })
		}
		return len(p), nil
	}), nil))
	r := newRecord()
	c := r.consumer("patient")
	c.Log = log
	run(t, l, c)
	if err := l.WaitFor(within(t, 10*time.Second), "patient", 0); err != nil {
		t.Fatal(err)
	}
	rename := func(from, to string) {
		if err := d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	rename("event", "event_away")
	select {
	case <-complained:
	case <-time.After(10 * time.Second):
		t.Fatal("the failure was not logged")
	}
	rename("event_away", "event")
	last := mustAppend(t, d, l, 1)
	if err := l.WaitFor(within(t, 10*time.Second), "patient", last); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1}, torrents(t, r.events())); diff != "" {
		t.Error(diff)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// The consumer that is killed is this test binary, started again with these
// variables: the database, and the file it writes handled events to.
const (
	childEngine = "EVENTLOG_TEST_ENGINE"
	childWhere  = "EVENTLOG_TEST_WHERE"
	childOut    = "EVENTLOG_TEST_OUT"
	childName   = "EVENTLOG_TEST_NAME"
)

// TestConsumerKilledHalfWay kills the process of a consumer (SIGKILL) while it
// works, several times, and starts it again. Every event must have been handled
// at least once, in order, and only the one at which it died may come again.
func TestConsumerKilledHalfWay(t *testing.T) {
	t.Parallel()
	const events, kills = 40, 4
	for _, engine := range []db.Engine{db.SQLite, db.MariaDB} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			c := dbtest.SQLiteConfig(t)
			if engine == db.MariaDB {
				c = dbtest.MariaDBConfig(t)
			}
			d := dbtest.Open(t, c)
			l := eventlog.New(d, clock)
			for n := range events {
				mustAppend(t, d, l, n+1)
			}
			out := t.TempDir() + "/handled"
			for k := range kills {
				killAfter(t, c, out, (k+1)*events/(kills+1))
			}
			lines := killAfter(t, c, out, events)
			next, again := 1, 0
			for _, n := range lines {
				switch {
				case n == next:
					next++
				case n < next && next-n <= 1:
					again++
				default:
					t.Fatalf("event %d came when %d was due: %v", n, next, lines)
				}
			}
			if next != events+1 || again > kills {
				t.Errorf("got to %d with %d repeats: %v", next-1, again, lines)
			}
		})
	}
}

// killAfter starts the consumer and kills it as soon as event n was handled.
func killAfter(t *testing.T, c db.Config, out string, n int) (handled []int) {
	t.Helper()
	cmd := exec.CommandContext(within(t, 60*time.Second), os.Args[0], "-test.run=^TestConsumerProcess$", "-test.count=1")
	where := c.Address
	if c.Engine == db.SQLite {
		where = c.Path
	}
	cmd.Env = append(os.Environ(), childEngine+"="+string(c.Engine), childWhere+"="+where, childName+"="+c.Name, childOut+"="+out)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(30 * time.Second)
	for len(handled) == 0 || handled[len(handled)-1] < n {
		if <-tick.C; time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("event %d was not handled; got %v\n%s", n, handled, said.String())
		}
		handled = readHandled(t, out)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it should be
	return readHandled(t, out)
}

func readHandled(t *testing.T, path string) (out []int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	text := string(raw)
	text = text[:strings.LastIndexByte(text, '\n')+1] // the last line may be half written
	for f := range strings.FieldsSeq(text) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// TestConsumerProcess is the child of TestConsumerKilledHalfWay. Run without its
// variables it checks only that it was not meant.
func TestConsumerProcess(t *testing.T) {
	engine := os.Getenv(childEngine)
	if engine == "" {
		return
	}
	c := db.DefaultConfig()
	c.Engine, c.Path, c.Address, c.Name, c.User = db.Engine(engine), os.Getenv(childWhere), os.Getenv(childWhere), os.Getenv(childName), "root"
	l := eventlog.New(dbtest.Reopen(t, c), clock)
	f, err := os.OpenFile(os.Getenv(childOut), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = l.Consume(within(t, 60*time.Second), eventlog.Consumer{
		Name: "mortal", Batch: 1, Log: quiet(),
		Handlers: []eventlog.Handler{eventlog.On(func(_ context.Context, _ eventlog.Event, e eventlog.TorrentAdded) error {
			_, err := f.WriteString(strconv.Itoa(int(e.Torrent)) + "\n")
			return err
		})},
	})
	if err != nil {
		t.Error(err)
	}
}
