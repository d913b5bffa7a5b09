// Package trace shows how the tracker does and what it did with announces: it
// records the last announces of each member and torrent, tries whether others can
// reach a client, counts by the minute, and watches for torrents that lose their
// seeders. internal/transfer keeps all that in the database, for the site and the
// commands to read.
//
// Of this only Note, Counted and Latency.Observe are on the way of an announce or
// a flush. They do not allocate and wait for nothing; the rest happens every few
// seconds in goroutines of its own. What waits in memory is bounded, and lost when
// the process is killed: it explains credit and is none.
//
// Concurrency: a Trace is safe for concurrent use. Run belongs to one goroutine.
package trace

import (
	"context"
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

// State is what the tracker is like at a moment.
type State struct {
	Seeders, Leechers, Torrents int
	Peers4, Peers6              int
	Unwritten                   int
	FlushAge                    time.Duration
}

// Options are how a Trace works.
type Options struct {
	Name       string // of the tracker; also of its cursor in the event log
	Store      *transfer.Store
	Events     *eventlog.Log
	Refusals   []string // the codes of refusals, in the order of Announce.Reason
	Latency    *Latency
	Totals     func() Totals
	State      func() State
	Seeders    func(core.TorrentID) int // that announce here
	Reachable  func(netip.Addr) bool    // whether others may be sent to an address
	Keep       int                      // announces that are kept of each member and torrent, and twice as many refusals of each member; 0 records nothing
	CheckPorts bool                     // try whether others can reach a client
	FlushEvery time.Duration            // positive
	Interval   time.Duration            // between two announces of a client
	Lag        func(time.Duration)      // is told how far the roster is behind the event log
	Clock      core.Clock
	Log        *slog.Logger
}

// Trace records and reports.
type Trace struct {
	o         Options
	records   recorder
	flush     *flusher
	watch     *watch
	minutes   *minutes
	sometimes rate.Sometimes // for a database that does not answer: the books say so already
}

// Torrents that fall low are told after this, or after one interval if that is
// shorter.
const patience = 5 * time.Minute

// New returns a Trace that has seen nothing yet.
func New(o Options) *Trace {
	t := &Trace{
		o: o, sometimes: rate.Sometimes{Interval: time.Minute},
		// Clients announce within an interval and a tenth.
		watch:   newWatch(min(patience, o.Interval), o.Clock().Add(o.Interval*11/10)),
		minutes: newMinutes(&o, o.Clock()),
	}
	t.flush = newFlusher(&t.o, &t.records)
	return t
}

// Note records an announce. It is called for each, and costs little.
func (t *Trace) Note(a *Announce) {
	if t.o.Keep > 0 && a.Outcome != Nothing {
		t.records.note(a)
	}
}

// Counted takes the sizes of swarms that have changed.
func (t *Trace) Counted(counts []swarm.Count) { t.watch.counted(counts, t.o.Clock()) }

// Dropped returns how many announces went unrecorded, because too many waited.
func (t *Trace) Dropped() int64 { return t.records.dropped.Load() }

const (
	minuteStep = 10 * time.Second // how often the running minute is written
	sweepEvery = time.Hour
	sweepPage  = 500 // torrents compared at once
	pruneEvery = time.Minute
	prunePage  = 1000                // records looked at in each of these
	keepFor    = 30 * 24 * time.Hour // records
	keepStates = 7 * 24 * time.Hour  // minutes
	tryLimit   = 20 * time.Second    // for one piece of work with the database
	lastLimit  = time.Second         // for what is left at the end
)

// Run works until ctx ends, and then writes what is left, if the database takes
// it at once. It never fails: nothing here is worth to stop the tracker for.
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

// every runs f again and again until ctx ends, after the times that wait tells.
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

// try does a piece of work; what fails is tried again the next time.
func (t *Trace) try(ctx context.Context, limit time.Duration, work func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := work(ctx); err != nil {
		t.sometimes.Do(func() { t.o.Log.Warn("what is shown of the tracker is not up to date", "err", err) })
	}
}

// write brings records and watched torrents into the database.
func (t *Trace) write(ctx context.Context) error {
	if err := t.flush.run(ctx); err != nil {
		return err
	}
	return t.watch.tell(func() error {
		due := t.watch.due(t.o.Clock())
		if len(due) == 0 {
			return nil
		}
		if err := t.o.Store.Watch(ctx, due); err != nil {
			return err
		}
		t.watch.told(due)
		return nil
	})
}

// minute writes the row of the minute that is running or has just ended.
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
	return t.o.Store.WriteMinute(ctx, row)
}

// housekeep begins with what the database knows, and then compares and deletes
// in small steps.
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
		now := t.o.Clock()
		if now.Before(settled) || (swept.After(settled) && now.Sub(swept) < sweepEvery) {
			return
		}
		swept = now
		t.try(ctx, tryLimit, t.sweep)
		t.try(ctx, tryLimit, func(ctx context.Context) error { return t.o.Store.PruneMinutes(ctx, now.Add(-keepStates)) })
	})
	return nil
}

// load takes over what the database knows of low swarms.
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

// sweep finds torrents that no count tells of: those that were never announced,
// and those that changed while no tracker ran.
func (t *Trace) sweep(ctx context.Context) error {
	for after := core.TorrentID(0); ; {
		changes, next, err := t.o.Store.Unwatched(ctx, after, sweepPage)
		if err != nil {
			return err
		}
		if err := t.watch.tell(func() error { return t.o.Store.Watch(ctx, t.watch.known(changes, t.o.Seeders)) }); err != nil {
			return err
		}
		if next == 0 {
			return nil
		}
		after = next
	}
}
