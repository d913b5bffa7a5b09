package trace

import (
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// watch knows which torrents have few seeders. Such a torrent is reported to the
// database once it has had few for a while (transfer.Endangers): clients may be restarted,
// and after a start of the tracker they come back one by one.
type watch struct {
	patience time.Duration
	settled  time.Time // before that a low count means nothing

	reporting sync.Mutex // taken before mu: only one report is written at a time

	mu    sync.Mutex
	low   map[core.TorrentID]watched // torrents that are not safe, here or in the database
	dirty map[core.TorrentID]struct{}
}

// watched is how many seeders a torrent has (at most transfer.Safe), since when, and
// how many the database knows.
type watched struct {
	now, reported uint8
	since         int64 // Unix seconds
}

func newWatch(patience time.Duration, settled time.Time) *watch {
	return &watch{patience: patience, settled: settled, low: map[core.TorrentID]watched{}, dirty: map[core.TorrentID]struct{}{}}
}

// exclusively runs f, which writes a report to the database.
func (w *watch) exclusively(f func() error) error {
	w.reporting.Lock()
	defer w.reporting.Unlock()
	return f()
}

// known takes over rows that the database has or is about to get. It returns them
// without those for which something newer is known here: the rows come from the books,
// which may be behind the swarms.
func (w *watch) known(rows []transfer.Watched, seeders func(core.TorrentID) int) (kept []transfer.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		if _, ok := w.dirty[r.Torrent]; ok || seeders(r.Torrent) > r.Seeders {
			continue
		}
		w.put(r.Torrent, watched{now: uint8(r.Seeders), reported: uint8(r.Seeders), since: r.Since.Unix()})
		kept = append(kept, r)
	}
	return kept
}

// took takes over rows without seeders that the database has now. Where something newer
// is known, that is reported in their place.
func (w *watch) took(rows []transfer.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		s := watched{since: r.Since.Unix()}
		if _, ok := w.dirty[r.Torrent]; ok {
			s = w.low[r.Torrent]
			s.reported = 0
		}
		w.low[r.Torrent] = s
	}
}

func (w *watch) put(id core.TorrentID, s watched) {
	if s.now == transfer.Safe && s.reported == transfer.Safe {
		delete(w.low, id)
		return
	}
	w.low[id] = s
}

// counted takes over new sizes of swarms.
func (w *watch) counted(counts []swarm.Count, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range counts {
		is := uint8(min(c.Seeders, transfer.Safe))
		s, ok := w.low[c.Torrent]
		if !ok {
			s = watched{now: transfer.Safe, reported: transfer.Safe}
		}
		if s.now == is {
			continue
		}
		s.now, s.since = is, now.Unix()
		w.low[c.Torrent] = s
		w.dirty[c.Torrent] = struct{}{}
	}
}

// due returns what must be reported to the database now.
func (w *watch) due(now time.Time) (out []transfer.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.dirty {
		s := w.low[id]
		if s.now == s.reported {
			delete(w.dirty, id)
			w.put(id, s)
			continue
		}
		if s.now < transfer.Safe && (now.Before(w.settled) || !transfer.Endangers(int(s.now), time.Unix(s.since, 0), now, w.patience)) {
			continue
		}
		out = append(out, transfer.Watched{Torrent: id, Seeders: int(s.now), Since: time.Unix(s.since, 0).UTC()})
	}
	return out
}

// markReported notes that the database has the rows.
func (w *watch) markReported(rows []transfer.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		s, ok := w.low[r.Torrent]
		if !ok {
			continue
		}
		s.reported = uint8(r.Seeders)
		if s.now == s.reported {
			delete(w.dirty, r.Torrent)
		}
		w.put(r.Torrent, s)
	}
}
