package tracker

import (
	"math"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// suspectGrace is what counters may be off by, above the size of a torrent: pieces
// are fetched again, and padding counts as missing in some clients.
const suspectGrace = 1 << 30

var suspectReasons = [...]eventlog.SuspectReason{
	swarm.OverLine: eventlog.SuspectLine, swarm.OverTorrent: eventlog.SuspectTorrent, swarm.Alone: eventlog.SuspectAlone,
}

// suspect says what of an announce can hardly be, if anything: what the swarm has
// found, or else what its counters say of a torrent of this size. Such a client
// is answered and credited as ever; staff are told.
//
// A first announce with large counters is none: it is that of a client which was
// running before we knew it, and they are not credited. So is the largest number
// as what is left, by which some say that they don't know the torrent yet.
func suspect(m core.MemberID, t roster.Torrent, a *wire.Announce, s swarm.Suspicion) (e eventlog.TransferSuspect, found bool) {
	e = eventlog.TransferSuspect{Member: m, Torrent: t.ID, Up: s.Up, Down: s.Down, Left: core.Bytes(a.Left),
		Limit: s.Limit, Seconds: int64(s.Elapsed.Seconds())}
	size := min(t.Size, math.MaxInt64/8)
	switch {
	case s.Reason != swarm.NotSuspect:
		e.Reason = suspectReasons[s.Reason]
	case size <= 0:
		return e, false
	case a.Left > 2*size+suspectGrace && a.Left != math.MaxInt64:
		e.Reason, e.Limit = eventlog.SuspectLeft, core.Bytes(size)
	case a.Downloaded > 3*size+suspectGrace:
		e.Reason, e.Down, e.Limit = eventlog.SuspectDownloaded, core.Bytes(a.Downloaded), core.Bytes(size)
	default:
		return e, false
	}
	return e, true
}
