package tracker

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// suspects reports suspect transfer. What a member's clients tell within seconds is
// reported together, and after that at most every suspectPause for each member and
// reason, with the sums since the last report. It is safe for concurrent use.
type suspects struct {
	reporter *reporter
	seen     map[eventlog.SuspectReason]prometheus.Counter
	clock    core.Clock

	mu    sync.Mutex
	cases map[suspectKey]*suspectCase
}

type suspectKey struct {
	member core.MemberID
	reason eventlog.SuspectReason
}

// suspectCase is what was found since the last report.
type suspectCase struct {
	sum      eventlog.TransferSuspect
	worst    core.Bytes // of the announce whose torrent is named
	torrents []core.TorrentID
	from     int64     // when the first client had announced before, in Unix seconds
	due      time.Time // of the report; if nothing is found until then, the case is closed
}

const (
	suspectGather   = 10 * time.Second // from what is first found to its report
	suspectPause    = 12 * time.Hour
	suspectRoom     = 10_000 // cases that are open; beyond that suspicions are counted but not reported
	suspectTorrents = 20     // torrents that are told apart in a case
)

func newSuspects(r *reporter, seen map[eventlog.SuspectReason]prometheus.Counter, clock core.Clock) *suspects {
	s := &suspects{reporter: r, seen: seen, clock: clock, cases: map[suspectKey]*suspectCase{}}
	r.last = func() { s.report(time.Time{}) }
	return s
}

// found notes what was found about one announce.
func (s *suspects) found(e eventlog.TransferSuspect) {
	s.seen[e.Reason].Inc()
	key, now := suspectKey{e.Member, e.Reason}, s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cases[key]
	if c == nil {
		if len(s.cases) >= suspectRoom {
			s.reporter.dropped.Inc()
			return
		}
		c = &suspectCase{due: now.Add(suspectGather)}
		s.cases[key] = c
	}
	c.add(e, now)
}

// add adds what was found at now.
func (c *suspectCase) add(e eventlog.TransferSuspect, now time.Time) {
	if !slices.Contains(c.torrents, e.Torrent) && len(c.torrents) < suspectTorrents {
		c.torrents = append(c.torrents, e.Torrent)
	}
	from := now.Unix() - e.Seconds
	if c.sum.Announces == 0 {
		c.sum, c.worst, c.from = e, e.Up, from
		c.sum.Announces = 1
		return
	}
	sum := &c.sum
	if e.Up > c.worst {
		c.worst, sum.Torrent = e.Up, e.Torrent
	}
	sum.Announces++
	c.from = min(c.from, from)
	switch e.Reason {
	case eventlog.SuspectLeft, eventlog.SuspectDownloaded: // these figures are of one torrent, and no sums
		return
	}
	for _, of := range []struct {
		to *core.Bytes
		n  core.Bytes
	}{{&sum.Up, e.Up}, {&sum.Down, e.Down}, {&sum.CountedUp, e.CountedUp}, {&sum.CountedDown, e.CountedDown}} {
		*of.to = min(*of.to, math.MaxInt64-of.n) + of.n
	}
}

// tick reports what is due.
func (s *suspects) tick() { s.report(s.clock()) }

// report reports the cases that are due at now, or all of them if now is zero.
func (s *suspects) report(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, c := range s.cases {
		switch {
		case !now.IsZero() && now.Before(c.due) && c.due.Sub(now) <= suspectPause:
			continue
		case c.sum.Announces == 0:
			delete(s.cases, key)
			continue
		}
		at := now
		if at.IsZero() {
			at = s.clock()
		}
		e := c.sum
		e.Seconds, e.Torrents = max(at.Unix()-c.from, 0), len(c.torrents)
		if s.reporter.tell(e) {
			*c = suspectCase{due: at.Add(suspectPause), torrents: c.torrents[:0]}
		}
	}
}
