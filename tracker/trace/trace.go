// Package trace shows what the tracker does. It records the last announces of each
// member and torrent, checks whether others can reach a client, counts requests by the
// minute and the info-hashes that are not registered, and watches for torrents that lose
// their seeders. internal/transfer keeps all that in the database, where the site and the
// commands read it.
//
// Only Note, Unregistered, Counted and Latency.Observe are called during an announce or a
// flush. They do not allocate and do not wait. The rest happens every few seconds in other
// goroutines. What waits in memory is bounded, and is lost when the process is killed:
// it explains credit, but is no credit itself.
//
// Concurrency: a Trace is safe for concurrent use. Run belongs to one goroutine.
package trace

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// State is the state of the tracker at a moment.
type State struct {
	Seeders, Leechers, Torrents int
	Peers4, Peers6              int
	Unwritten                   int
	FlushAge                    time.Duration
}

// Options are how a Trace works.
type Options struct {
	Name       string // of the tracker, and of its cursor in the event log
	Store      *transfer.Store
	Events     *eventlog.Log
	Refusals   []string // the codes of refusals; Announce.Reason is an index
	Latency    *Latency
	Totals     func() Totals
	State      func() State
	Seeders    func(core.TorrentID) int // how many seeders announce to this tracker
	Reachable  func(netip.Addr) bool    // whether an address may be given to others
	Keep       int                      // how many announces are kept for each member and torrent; twice as many refusals are kept for each member; 0 records nothing
	CheckPorts bool                     // check whether others can reach a client
	FlushEvery time.Duration            // positive
	Interval   time.Duration            // between two announces of a client
	Lag        func(time.Duration)      // is called with how far the roster is behind the event log; may be nil
	Clock      core.Clock
	Log        *slog.Logger
}

// Trace records and reports.
type Trace struct {
	o        Options
	records  recorder
	flush    *flusher
	watch    *watch
	minutes  *minutes
	unknown  *unknown
	logLimit rate.Sometimes // the ledger logs it already if the database does not answer
}

// New returns a Trace without any records.
func New(o Options) *Trace {
	t := &Trace{
		o: o, logLimit: rate.Sometimes{Interval: time.Minute},
		// Clients announce within an interval and a tenth.
		watch:   newWatch(min(transfer.Patience, o.Interval), o.Clock().Add(o.Interval*11/10)),
		minutes: newMinutes(&o, o.Clock()), unknown: newUnknown(o.Clock()),
	}
	t.flush = newFlusher(&t.o, &t.records)
	return t
}

// Note records an announce. It is cheap, because it is called for each.
func (t *Trace) Note(a *Announce) {
	if t.o.Keep > 0 && a.Outcome != Nothing {
		t.records.note(a)
	}
}

// Unregistered counts a request for an info-hash that is not registered. Call it for
// members alone: a stranger could fill the list that staff see.
func (t *Trace) Unregistered(h *core.InfoHash, now time.Time) { t.unknown.note(h, now.Unix()) }

// Counted takes over the sizes of the swarms that have changed.
func (t *Trace) Counted(counts []swarm.Count) { t.watch.counted(counts, t.o.Clock()) }

// Dropped returns how many announces were not recorded because too many waited.
func (t *Trace) Dropped() int64 { return t.records.dropped.Load() }

const (
	minuteStep = 10 * time.Second // how often the current minute is written
	sweepEvery = time.Hour
	sweepPage  = 500 // torrents compared at once
	pruneEvery = time.Minute
	prunePage  = 1000                // records checked each time
	keepFor    = 30 * 24 * time.Hour // for records
	keepStates = 7 * 24 * time.Hour  // for minutes
	keepHours  = 62 * 24 * time.Hour // for the sums of hours
	tryLimit   = 20 * time.Second    // for one task in the database
	lastLimit  = time.Second         // for what is left at the end
)

// Run works until ctx ends, and then writes what is left, if the database takes it at
// once. It never fails: nothing here is worth stopping the tracker for.
func (t *Trace) Run(ctx context.Context) error {
	g, _ := supervise.NewGroup(ctx)
	if t.o.CheckPorts && t.o.Keep > 0 {
		for range checkers {
			g.Go(t.flush.ports.check)
		}
	}
	g.Go(func(ctx context.Context) error {
		every(ctx, func(time.Time) time.Duration { return t.o.FlushEvery }, t.o.Clock, func() { t.try(ctx, tryLimit, t.write) })
		t.try(context.WithoutCancel(ctx), lastLimit, t.write)
		return nil
	})
	g.Go(func(ctx context.Context) error {
		toNext := func(now time.Time) time.Duration { return now.Truncate(minuteStep).Add(minuteStep).Sub(now) }
		every(ctx, toNext, t.o.Clock, func() { t.try(ctx, tryLimit, t.minute) })
		t.try(context.WithoutCancel(ctx), lastLimit, t.minute)
		return nil
	})
	g.Go(t.housekeep)
	return g.Wait()
}

// every calls f repeatedly until ctx ends, each time after waiting for as long as wait
// returns.
func every(ctx context.Context, wait func(time.Time) time.Duration, clock core.Clock, f func()) {
	for {
		timer := time.NewTimer(max(wait(clock()), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			f()
		}
	}
}

// try performs a task. A task that fails is tried again the next time.
func (t *Trace) try(ctx context.Context, limit time.Duration, work func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := work(ctx); err != nil {
		t.logLimit.Do(func() { t.o.Log.Warn("what is shown of the tracker is not up to date", "err", err) })
	}
}

// write writes records and watched torrents to the database.
func (t *Trace) write(ctx context.Context) error {
	if err := t.flush.run(ctx); err != nil {
		return err
	}
	return t.watch.exclusively(func() error {
		due := t.watch.due(t.o.Clock())
		if len(due) == 0 {
			return nil
		}
		if err := t.o.Store.Watch(ctx, due); err != nil {
			return err
		}
		t.watch.markReported(due)
		return nil
	})
}

// minute writes the row of the current minute, or of the one that has just ended.
func (t *Trace) minute(ctx context.Context) error {
	now, totals, state := t.o.Clock(), t.o.Totals(), t.o.State()
	row := t.minutes.row(now, totals)
	if t.minutes.over(now) {
		t.minutes.begin(now, totals)
	}
	row.Seeders, row.Leechers, row.Torrents = state.Seeders, state.Leechers, state.Torrents
	row.Peers4, row.Peers6, row.Unwritten, row.FlushAge = state.Peers4, state.Peers6, state.Unwritten, state.FlushAge
	lag, err := t.o.Events.Lag(ctx, t.o.Name)
	if err != nil {
		return err
	}
	row.EventRead, row.EventLast = lag.Read, lag.Last
	if !lag.Since.IsZero() {
		row.EventLag = max(now.Sub(lag.Since), 0)
	}
	if t.o.Lag != nil {
		t.o.Lag(row.EventLag)
	}
	return errors.Join(t.o.Store.WriteMinute(ctx, row), t.writeUnknown(ctx, now))
}

// writeUnknown writes the hashes that are not registered, and begins to count anew after
// each hour. A clock that was set back begins anew, too.
func (t *Trace) writeUnknown(ctx context.Context, now time.Time) error {
	if t.unknown.changed.Swap(false) {
		if err := t.o.Store.WriteUnknown(ctx, t.o.Name, t.unknown.since, t.unknown.top()); err != nil {
			t.unknown.changed.Store(true)
			return err
		}
	}
	if age := now.Sub(t.unknown.since); age >= unknownHours || age < 0 {
		t.unknown.begin(now)
	}
	return nil
}

// housekeep first loads what the database knows, and then compares and deletes in small
// steps.
func (t *Trace) housekeep(ctx context.Context) error {
	loaded := false
	load := func() {
		t.try(ctx, tryLimit, func(ctx context.Context) error {
			err := t.load(ctx)
			loaded = err == nil
			return err
		})
	}
	load() // before the first swarms are counted
	swept := t.o.Clock()
	settled := t.watch.settled
	var place transfer.Place
	every(ctx, func(time.Time) time.Duration {
		if !loaded {
			return minuteStep / 10
		}
		return min(pruneEvery, t.o.Interval)
	}, t.o.Clock, func() {
		if !loaded {
			load()
			return
		}
		t.try(ctx, tryLimit, func(ctx context.Context) (err error) {
			place, _, err = t.o.Store.Prune(ctx, place, t.o.Clock().Add(-keepFor), prunePage)
			return err
		})
		t.try(ctx, tryLimit, t.takeNew)
		now := t.o.Clock()
		if now.Before(settled) || (swept.After(settled) && now.Sub(swept) < sweepEvery) {
			return
		}
		swept = now
		t.try(ctx, tryLimit, t.sweep)
		t.try(ctx, tryLimit, func(ctx context.Context) error { return t.o.Store.SumHours(ctx, now) })
		t.try(ctx, tryLimit, func(ctx context.Context) error { return t.o.Store.PruneMinutes(ctx, now.Add(-keepStates)) })
		t.try(ctx, tryLimit, func(ctx context.Context) error { return t.o.Store.PruneHours(ctx, now.Add(-keepHours)) })
	})
	return nil
}

// load reads what the database knows about torrents with few seeders.
func (t *Trace) load(ctx context.Context) error {
	for after := core.TorrentID(0); ; {
		rows, err := t.o.Store.WatchedPage(ctx, after, sweepPage)
		if err != nil {
			return err
		}
		t.watch.known(rows, func(core.TorrentID) int { return 0 })
		if len(rows) < sweepPage {
			return nil
		}
		after = rows[len(rows)-1].Torrent
	}
}

// takeNew finds new torrents that nobody has announced.
func (t *Trace) takeNew(ctx context.Context) error {
	seeded := func(id core.TorrentID) bool { return t.o.Seeders(id) > 0 }
	for more := true; more; {
		err := t.watch.exclusively(func() error {
			taken, rest, err := t.o.Store.TakeNew(ctx, t.o.Clock(), t.watch.patience, sweepPage, seeded)
			t.watch.took(taken)
			more = rest
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweep finds torrents with few seeders that Counted never reports: those that changed
// while no tracker ran, or whose books are wrong.
func (t *Trace) sweep(ctx context.Context) error {
	for after := core.TorrentID(0); ; {
		changes, next, err := t.o.Store.Unwatched(ctx, after, sweepPage)
		if err != nil {
			return err
		}
		if err := t.watch.exclusively(func() error { return t.o.Store.Watch(ctx, t.watch.known(changes, t.o.Seeders)) }); err != nil {
			return err
		}
		if next == 0 {
			return nil
		}
		after = next
	}
}
