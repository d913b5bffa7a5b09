package swarm

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// verdict is what an announce means, before anything is changed.
type verdict struct {
	change    Change
	suspicion Suspicion
	claims    [directions]claim
	settled   settled
	seeded    bool // the client lacked nothing when it last announced
}

// resolve replaces what the announce does not tell by what is known of the client: its
// counters and what it lacks stay as they were. A client that is new may have counted up
// to any value, so that counting begins with the next announce that tells; it lacks
// something as long as it doesn't say that it doesn't.
func (a *Announce) resolve(before *reported, known bool) {
	was := reported{up: math.MaxInt64, down: math.MaxInt64, left: math.MaxInt64}
	if known {
		was = *before
	}
	if a.Uploaded == wire.Unknown {
		a.Uploaded = was.up
	}
	if a.Downloaded == wire.Unknown {
		a.Downloaded = was.down
	}
	if a.Left == wire.Unknown {
		if a.Left = was.left; a.Event == wire.Completed {
			a.Left = 0
		}
	}
}

// evaluate finds out what the announce of client p means. It changes nothing but the
// member's account. p is 0 for an unknown client. sh.mine are the member's clients,
// including p, and sh.ended those whose place it takes.
func (s *Swarms) evaluate(sh *shard, p slot, before *reported, a *Announce) (v verdict) {
	v.change = Change{Member: a.Member, Torrent: a.Torrent, At: a.At, Left: core.Bytes(a.Left), Active: listedAfter(a)}
	c, now := &v.change, micros(a.At)
	if p == 0 {
		// Its counters may include transfer from before we knew it. Counting
		// starts from them.
		c.Basis = Fresh
		if a.Left == 0 {
			c.Completion = MaybeCompleted
		}
		for _, e := range sh.ended {
			if a.Left == 0 && !sh.slab.at(e).whole() {
				c.Completion = Completed
			}
		}
		sh.addOthers(p, c)
		v.settled = s.accounts.settle(uint32(a.Member), now, false, &v.claims)
		return v
	}
	known := sh.slab.at(p)
	after := sh.next(p, before, a)
	c.Left = core.Bytes(after.left)
	sh.addOthers(p, c)
	if before.left > 0 && after.left == 0 {
		c.Completion = Completed
	}
	v.claims[up].told, v.claims[down].told = max(after.up-before.up, 0), max(after.down-before.down, 0)
	switch back, grown := after.up < before.up || after.down < before.down, v.claims[up].told > 0 || v.claims[down].told > 0; {
	case back && grown:
		c.Basis = Rebased
	case back:
		c.Basis = Restarted
	}
	v.seeded = before.left == 0
	s.judge(sh, p, known, a, &v, now)
	if last := sh.last(p, known); known.listed() && v.seeded {
		seconds := int64(unix(a.At)) - int64(max(last, sh.seeded()))
		c.SeedTime = min(time.Duration(max(seconds, 0))*time.Second, s.c.SeedCap)
	}
	return v
}

// judge finds out how much of what a known client tells counts.
func (s *Swarms) judge(sh *shard, p slot, known *client, a *Announce, v *verdict, now int64) {
	t := sh.torrents[known.torrentIndex()]
	line := s.lineSince(now, int64(sh.last(p, known))*1e6+known.microseconds())
	whole := sh.used[pair{t.id, known.member}]
	own := int64(len(sh.mine))
	for d, clients := range [directions]int64{up: max(int64(t.clients)-own, 1), down: own} {
		v.claims[d].line, v.claims[d].torrent, v.claims[d].whole = line, s.accounts.torrent(a.Size, clients), whole[d]
	}
	v.settled = s.accounts.settle(uint32(a.Member), now, true, &v.claims)
	c := &v.change
	c.ToldUp, c.ToldDown = core.Bytes(v.claims[up].told), core.Bytes(v.claims[down].told)
	c.Up, c.Down = core.Bytes(v.claims[up].counts), core.Bytes(v.claims[down].counts)
	v.suspicion = sh.suspect(t, a, v, int64(sh.last(p, known)))
}

// lineSince is what a line can have carried since a client's last announce.
func (s *Swarms) lineSince(now, last int64) int64 {
	elapsed := max(now-last, 0)
	if last > now+clockSlack {
		elapsed = s.accounts.grace.period // the clock was set back, and nobody knows by how much
	}
	return scale(s.accounts.rate, elapsed, 1e6, false)
}

// next is what a known client has reported after an announce. Each counter is judged for
// itself.
func (sh *shard) next(p slot, before *reported, a *Announce) reported {
	late := sh.overtaken(p, a)
	after := reported{
		id: a.PeerID, up: counter(before.up, a.Uploaded, late), down: counter(before.down, a.Downloaded, late), left: a.Left,
	}
	if late && (a.Uploaded < before.up || a.Uploaded == before.up && a.Downloaded < before.down) {
		after.left = before.left // it is a moment old: upload never goes back
	}
	return after
}

// counter returns the value from which a counter is counted on.
func counter(before, now int64, late bool) int64 {
	if late {
		return max(before, now)
	}
	return now
}

// overtaken reports whether a may have been sent just before the announce that arrived
// last, by the same client over its other address family.
func (sh *shard) overtaken(p slot, a *Announce) bool {
	const moment = 10 // seconds
	c := sh.slab.at(p)
	elapsed := int64(unix(a.At)) - int64(sh.last(p, c))
	return a.Event != wire.Started && a.Over6 != c.over6() && elapsed < moment && elapsed > -moment
}

// addOthers completes a change with the listed clients of mine except p and those that
// have ended.
func (sh *shard) addOthers(p slot, c *Change) {
	for _, s := range sh.mine {
		if s == p || !sh.slab.at(s).listed() || sh.hasEnded(s) {
			continue
		}
		if left := core.Bytes(sh.reported(s).left); !c.Active || left < c.Left {
			c.Left = left
		}
		c.Active = true
	}
}

// listedAfter reports whether a client is listed after the announce a.
func listedAfter(a *Announce) bool { return a.Event != wire.Stopped && !a.barred }
