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
	OverLine           // more than the fastest line carries in the time; it was cut
	OverTorrent        // more than the torrent's size and clients can account for; it was cut
	Alone              // a seeder's upload while nobody lacked anything; it was credited
)

// Suspicion is what an announce tells that hardly can be, with the figures. It
// proves nothing: somebody must look.
type Suspicion struct {
	Reason   Reason
	Up, Down core.Bytes    // since the client's last announce, as it tells them
	Limit    core.Bytes    // what can be; 0 where any upload is suspect
	Elapsed  time.Duration // since that announce
}

const (
	sizeFactor = 2        // of a torrent's size that one client may transfer to or from another between two announces
	sizeGrace  = 64 << 20 // bytes, for small torrents that are fetched again and again
	aloneGrace = 16 << 20 // bytes that a seeder may upload to somebody we know nothing of
)

// credit fills in what a known client has transferred in so many seconds, no more
// than its line and the torrent can account for.
func (s *Swarms) credit(sh *shard, known *client, told *told, a *Announce, elapsed int64, c *Change) (why Suspicion) {
	up, down := a.Uploaded-told.up, a.Downloaded-told.down
	t := sh.torrents[known.torrentIndex()]
	others := int64(t.clients) - int64(len(sh.mine))
	line := s.line(elapsed)
	mostUp, mostDown := min(line, bySize(a.Size, max(others, 1))), min(line, bySize(a.Size, 1))
	c.Up, c.Down = core.Bytes(min(up, mostUp)), core.Bytes(min(down, mostDown))
	c.Clamped = up > mostUp || down > mostDown
	switch {
	case up > line || down > line:
		why = Suspicion{Reason: OverLine, Limit: core.Bytes(line)}
	case up > mostUp:
		why = Suspicion{Reason: OverTorrent, Limit: core.Bytes(mostUp)}
	case down > mostDown:
		why = Suspicion{Reason: OverTorrent, Limit: core.Bytes(mostDown)}
	case up > aloneGrace && a.Left == 0 && told.left == 0 && sh.nobodyLacks(t, int64(unix(a.At))-elapsed):
		why = Suspicion{Reason: Alone}
	default:
		return why
	}
	why.Up, why.Down, why.Elapsed = core.Bytes(up), core.Bytes(down), time.Duration(max(elapsed, 0))*time.Second
	return why
}

// line is what a client can have transferred in so many seconds, with one's
// grace. MaxRate and the time are both far from overflowing it.
func (s *Swarms) line(elapsed int64) int64 {
	const year = 366 * 24 * 3600
	return s.c.MaxRate * (min(max(elapsed, 0), year) + 1)
}

// bySize is what so many clients can have transferred of a torrent.
func bySize(size, clients int64) int64 {
	if size <= 0 || size > (math.MaxInt64-sizeGrace)/sizeFactor/clients {
		return math.MaxInt64
	}
	return size*sizeFactor*clients + sizeGrace
}

// nobodyLacks reports whether a torrent has had no client with something left
// since an instant in Unix seconds. One that fell silent before, or is not
// listed, may have gone on for as long as clients are listed.
func (sh *shard) nobodyLacks(t *torrent, since int64) bool {
	return t.leechers() == 0 && t.lacking != 0 && int64(t.lacking)+int64(sh.times.timeout) < since
}
