package tracker

import (
	"math"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// suspectGrace is how many bytes counters may exceed the size of a torrent: pieces are
// fetched again, and some clients count padding as missing.
const suspectGrace = 1 << 30

var suspectReasons = [...]eventlog.SuspectReason{
	swarm.OverLine: eventlog.SuspectLine, swarm.OverTorrent: eventlog.SuspectTorrent, swarm.Alone: eventlog.SuspectAlone,
}

// suspect returns what is unlikely about an announce, if anything: what the swarm has
// found, or else counters that do not fit a torrent of this size. Such a client is
// answered and credited as usual, and staff are told.
//
// A first announce with large counters is not suspect: the client was running before we
// knew it, and these counters are not credited. Neither is the largest number, which
// stands for what the client did not tell; some send it as left as long as they do not
// have the torrent's data.
func suspect(m core.MemberID, t roster.Torrent, a *wire.Announce, s swarm.Suspicion) (e eventlog.TransferSuspect, found bool) {
	e = eventlog.TransferSuspect{Member: m, Torrent: t.ID, Up: s.Up, Down: s.Down, CountedUp: s.CountedUp, CountedDown: s.CountedDown,
		Left: core.Bytes(a.Left), Seconds: int64(s.Elapsed.Seconds())}
	size := min(t.Size, math.MaxInt64/8)
	switch {
	case s.Reason != swarm.NotSuspect:
		e.Reason = suspectReasons[s.Reason]
	case size <= 0:
		return e, false
	case a.Left > 2*size+suspectGrace && a.Left != math.MaxInt64:
		e.Reason, e.Limit = eventlog.SuspectLeft, core.Bytes(size)
	case a.Downloaded > 3*size+suspectGrace && a.Downloaded != math.MaxInt64:
		e.Reason, e.Down, e.Limit = eventlog.SuspectDownloaded, core.Bytes(a.Downloaded), core.Bytes(size)
	default:
		return e, false
	}
	return e, true
}
