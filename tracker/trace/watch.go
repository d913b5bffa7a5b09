package trace

import (
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// watch knows which torrents have one seeder or none. A torrent that falls so low
// is told to the database once it has stayed there for a while: clients are
// restarted, and after a start of the tracker they come back one by one.
type watch struct {
	patience time.Duration
	settled  time.Time // from when on a low count means something

	telling sync.Mutex // taken before mu: the database hears one thing after the other

	mu    sync.Mutex
	low   map[core.TorrentID]watched // but those that are safe, here and in the database
	dirty map[core.TorrentID]struct{}
}

// watched is how many seeders a torrent has, up to transfer.Safe, since when, and
// how many the database knows of.
type watched struct {
	is, was uint8
	since   int64 // Unix seconds
}

func newWatch(patience time.Duration, settled time.Time) *watch {
	return &watch{patience: patience, settled: settled, low: map[core.TorrentID]watched{}, dirty: map[core.TorrentID]struct{}{}}
}

// tell runs f, which tells the database something.
func (w *watch) tell(f func() error) error {
	w.telling.Lock()
	defer w.telling.Unlock()
	return f()
}

// known takes over what the database knows, or is about to be told, and returns
// it without that of which something newer is known: the books, from which it
// comes, may be behind the swarms.
func (w *watch) known(rows []transfer.Watched, seeders func(core.TorrentID) int) (kept []transfer.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		if _, ok := w.dirty[r.Torrent]; ok || seeders(r.Torrent) > r.Seeders {
			continue
		}
		w.put(r.Torrent, watched{is: uint8(r.Seeders), was: uint8(r.Seeders), since: r.Since.Unix()})
		kept = append(kept, r)
	}
	return kept
}

func (w *watch) put(id core.TorrentID, s watched) {
	if s.is == transfer.Safe && s.was == transfer.Safe {
		delete(w.low, id)
		return
	}
	w.low[id] = s
}

// counted takes new sizes of swarms.
func (w *watch) counted(counts []swarm.Count, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range counts {
		is := uint8(min(c.Seeders, transfer.Safe))
		s, ok := w.low[c.Torrent]
		if !ok {
			s = watched{is: transfer.Safe, was: transfer.Safe}
		}
		if s.is == is {
			continue
		}
		s.is, s.since = is, now.Unix()
		w.low[c.Torrent] = s
		w.dirty[c.Torrent] = struct{}{}
	}
}

// due returns what the database is to be told now.
func (w *watch) due(now time.Time) (out []transfer.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.dirty {
		s := w.low[id]
		if s.is == s.was {
			delete(w.dirty, id)
			w.put(id, s)
			continue
		}
		if s.is < transfer.Safe && (now.Before(w.settled) || now.Unix()-s.since < int64(w.patience/time.Second)) {
			continue
		}
		out = append(out, transfer.Watched{Torrent: id, Seeders: int(s.is), Since: time.Unix(s.since, 0).UTC()})
	}
	return out
}

// told notes that the database knows.
func (w *watch) told(rows []transfer.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		s, ok := w.low[r.Torrent]
		if !ok {
			continue
		}
		s.was = uint8(r.Seeders)
		if s.is == s.was {
			delete(w.dirty, r.Torrent)
		}
		w.put(r.Torrent, s)
	}
}
