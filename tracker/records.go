package tracker

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/trace"
)

// newTrace makes the trace, which shows what this tracker does.
func (r *Room) newTrace(s *service, book *ledger.Book) *trace.Trace {
	keep := r.c.AnnounceRecordsKept
	if !r.c.AnnounceRecords {
		keep = 0
	}
	return trace.New(trace.Options{
		Name: r.c.consumer(), Store: transfer.NewStore(r.d.DB), Events: r.d.Events,
		Refusals: outcomeNames[:], Latency: r.metrics.latency, Totals: r.metrics.totals,
		State: func() trace.State {
			sizes, stats := s.swarms.Totals(), book.Stats()
			v4, v6 := s.swarms.Addresses()
			return trace.State{Seeders: sizes.Seeders, Leechers: sizes.Leechers, Torrents: sizes.Torrents,
				Peers4: v4, Peers6: v6, Unwritten: stats.Rows, FlushAge: stats.Age}
		},
		Seeders:   func(id core.TorrentID) int { return s.swarms.Counts(id).Seeders },
		Reachable: s.addresses.reachable, Keep: keep, CheckPorts: r.c.CheckPorts,
		FlushEvery: r.c.FlushEvery.Duration, Interval: r.c.Interval.Duration,
		Lag:   func(d time.Duration) { r.metrics.eventLag.Set(d.Seconds()) },
		Clock: r.d.Clock, Log: r.d.Log,
	})
}

var basisOutcomes = [...]trace.Outcome{
	swarm.Before: trace.Counted, swarm.Fresh: trace.First, swarm.Restarted: trace.Restarted, swarm.Rebased: trace.Rebased,
}

// recordCredit notes in the announce's record what it adds to the books.
func (sc *scratch) recordCredit(in *swarm.Announce, c swarm.Change, leech core.Leech) {
	up, down := leech.Counts(c.Up, c.Down)
	a := &sc.record
	a.Up, a.Down, a.UpCounts, a.DownCounts = int64(c.ToldUp), int64(c.ToldDown), int64(up), int64(down)
	a.Leech, a.Outcome = trace.LeechOf(leech), basisOutcomes[c.Basis]
	if c.Cut() {
		a.Outcome = trace.Clamped
	}
	a.Over6, a.From = in.Over6, in.V4
	if in.Over6 {
		a.From = in.V6
	}
}

// recordAnnounce keeps a record of the announce in sc. Its member must be known.
func (s *service) recordAnnounce(sc *scratch, why *refusal) {
	if s.trace == nil || why != nil && why.outcome == redirected { // another tracker records it
		return
	}
	a := &sc.record
	a.PeerID, a.Event, a.Left = sc.announce.PeerID, sc.announce.Event, max(sc.announce.Left, 0)
	if why != nil {
		a.Outcome, a.Reason = trace.Refused, uint8(why.outcome)
	}
	s.trace.Note(a)
}
