package swarm

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Reason says why transfer is suspect.
type Reason uint8

// The reasons.
const (
	NotSuspect  Reason = iota
	OverLine           // more than the member's line can have carried; it was cut
	OverTorrent        // more than the torrent's size and clients can explain; it was cut
	Alone              // a seeder's upload while nobody lacked anything; it was credited
)

// Suspicion is an unlikely report of an announce, with its figures. It proves
// nothing: a person has to look at it.
type Suspicion struct {
	Reason                 Reason
	Up, Down               core.Bytes    // since the client's last announce, as it reports them
	CountedUp, CountedDown core.Bytes    // what counts of that
	Elapsed                time.Duration // since that announce
}

const aloneGrace = 16 << 20 // bytes that a seeder may upload to a client that we don't know

// suspect says what is unlikely about an announce whose claims were judged. last is when
// the client last announced, in Unix seconds.
func (sh *shard) suspect(t *torrent, a *Announce, v *verdict, last int64) (why Suspicion) {
	c := &v.change
	cut := func(d int) bool { return v.claims[d].told > v.claims[d].counts }
	switch {
	case cut(up) && v.claims[up].overLine || cut(down) && v.claims[down].overLine:
		why.Reason = OverLine
	case cut(up) || cut(down):
		why.Reason = OverTorrent
	case v.claims[up].told > aloneGrace && a.Left == 0 && v.seeded && sh.noLeecherSince(t, last):
		why.Reason = Alone
	default:
		return why
	}
	why.Up, why.Down, why.CountedUp, why.CountedDown = c.ToldUp, c.ToldDown, c.Up, c.Down
	why.Elapsed = time.Duration(max(int64(unix(a.At))-last, 0)) * time.Second
	return why
}

// noLeecherSince reports whether a torrent has had no client that lacked something
// since an instant in Unix seconds. A client that fell silent before that, or that is
// unlisted, may have gone on downloading for as long as a silent client stays listed.
func (sh *shard) noLeecherSince(t *torrent, since int64) bool {
	return t.leechers() == 0 && t.lacking != 0 && int64(t.lacking)+int64(sh.times.timeout) < since
}
