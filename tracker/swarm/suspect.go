package swarm

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Reason says why transfer is suspect.
type Reason uint8

// The reasons.
const (
	NotSuspect  Reason = iota
	OverLine           // more than the fastest line can carry in the time; it was reduced
	OverTorrent        // more than the torrent's size and clients can explain; it was reduced
	Alone              // a seeder's upload while nobody lacked anything; it was credited
)

// Suspicion is an unlikely report of an announce, with its figures. It proves
// nothing: a person has to look at it.
type Suspicion struct {
	Reason   Reason
	Up, Down core.Bytes    // since the client's last announce, as it reports them
	Limit    core.Bytes    // the most that is possible; 0 where any upload is suspect
	Elapsed  time.Duration // since that announce
}

const (
	sizeFactor = 2        // how many times a torrent's size one client may transfer to or from another between two announces
	sizeGrace  = 64 << 20 // bytes, for small torrents that are fetched several times
	aloneGrace = 16 << 20 // bytes that a seeder may upload to a client that we don't know
)

// credit sets what a known client has transferred within the elapsed seconds, limited
// to what its line and the torrent can explain.
func (s *Swarms) credit(sh *shard, known *client, before *reported, a *Announce, elapsed int64, c *Change) (why Suspicion) {
	up, down := a.Uploaded-before.up, a.Downloaded-before.down
	t := sh.torrents[known.torrentIndex()]
	others := int64(t.clients) - int64(len(sh.mine))
	line := s.lineLimit(elapsed)
	mostUp, mostDown := min(line, sizeLimit(a.Size, max(others, 1))), min(line, sizeLimit(a.Size, 1))
	c.Up, c.Down = core.Bytes(min(up, mostUp)), core.Bytes(min(down, mostDown))
	c.Clamped = up > mostUp || down > mostDown
	switch {
	case up > line || down > line:
		why = Suspicion{Reason: OverLine, Limit: core.Bytes(line)}
	case up > mostUp:
		why = Suspicion{Reason: OverTorrent, Limit: core.Bytes(mostUp)}
	case down > mostDown:
		why = Suspicion{Reason: OverTorrent, Limit: core.Bytes(mostDown)}
	case up > aloneGrace && a.Left == 0 && before.left == 0 && sh.noLeecherSince(t, int64(unix(a.At))-elapsed):
		why = Suspicion{Reason: Alone}
	default:
		return why
	}
	why.Up, why.Down, why.Elapsed = core.Bytes(up), core.Bytes(down), time.Duration(max(elapsed, 0))*time.Second
	return why
}

// lineLimit is what a client can have transferred in the elapsed seconds and one more.
// MaxRate and the time are too small to overflow it.
func (s *Swarms) lineLimit(elapsed int64) int64 {
	const year = 366 * 24 * 3600
	return s.c.MaxRate * (min(max(elapsed, 0), year) + 1)
}

// sizeLimit is what a number of clients can have transferred of a torrent.
func sizeLimit(size, clients int64) int64 {
	if size <= 0 || size > (math.MaxInt64-sizeGrace)/sizeFactor/clients {
		return math.MaxInt64
	}
	return size*sizeFactor*clients + sizeGrace
}

// noLeecherSince reports whether a torrent has had no client that lacked something
// since an instant in Unix seconds. A client that fell silent before that, or that is
// unlisted, may have gone on downloading for as long as a silent client stays listed.
func (sh *shard) noLeecherSince(t *torrent, since int64) bool {
	return t.leechers() == 0 && t.lacking != 0 && int64(t.lacking)+int64(sh.times.timeout) < since
}
