package swarm

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// evaluate finds out what the announce of client p means, without changing anything.
// p is 0 for an unknown client. sh.mine are the member's clients, including p.
func (s *Swarms) evaluate(sh *shard, p slot, a *Announce) (c Change, why Suspicion) {
	c = Change{Member: a.Member, Torrent: a.Torrent, At: a.At, Left: core.Bytes(a.Left), Active: listedAfter(a)}
	sh.addOthers(p, &c)
	if p == 0 {
		// Its counters may include transfer from before we knew it. Counting
		// starts from them.
		c.Basis = Fresh
		if a.Left == 0 {
			c.Completion = MaybeCompleted
		}
		return c, why
	}
	known, before := sh.slab.at(p), sh.reported(p)
	if sh.outdated(p, &before, a) {
		return c, why
	}
	if before.left > 0 && a.Left == 0 {
		c.Completion = Completed
	}
	now, last := unix(a.At), sh.last(p, known)
	c.Basis = Restarted // unless the counters went on
	if a.Uploaded >= before.up && a.Downloaded >= before.down {
		c.Basis = Before
		why = s.credit(sh, known, &before, a, int64(now)-int64(last), &c)
	}
	if known.listed() && before.left == 0 {
		seconds := int64(now) - int64(max(last, sh.seeded()))
		c.SeedTime = min(time.Duration(max(seconds, 0))*time.Second, s.c.SeedCap)
	}
	return c, why
}

// addOthers completes a change with the listed clients of mine except p.
func (sh *shard) addOthers(p slot, c *Change) {
	for _, s := range sh.mine {
		if s == p || !sh.slab.at(s).listed() {
			continue
		}
		if left := core.Bytes(sh.reported(s).left); !c.Active || left < c.Left {
			c.Left = left
		}
		c.Active = true
	}
}

// outdated reports whether a was sent by the same client over its other address
// family, just before the announce that arrived first. Then its lower counters are a
// moment old; the client was not restarted.
func (sh *shard) outdated(p slot, before *reported, a *Announce) bool {
	const moment = 10 // seconds
	c := sh.slab.at(p)
	return a.Event != wire.Started && a.Over6 != c.over6() && (a.Uploaded < before.up || a.Downloaded < before.down) &&
		int64(unix(a.At))-int64(sh.last(p, c)) < moment
}

// listedAfter reports whether a client is listed after the announce a.
func listedAfter(a *Announce) bool { return a.Event != wire.Stopped && !a.Barred }
