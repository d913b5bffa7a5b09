package swarm

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// judge finds what the announce of p means, without changing anything. p is 0 for
// a client that is not known; the shard's mine are the member's clients, p among
// them.
func (s *Swarms) judge(sh *shard, p slot, a *Announce) (c Change, why Suspicion) {
	c = Change{Member: a.Member, Torrent: a.Torrent, At: a.At, Left: core.Bytes(a.Left), Active: stays(a)}
	sh.others(p, &c)
	if p == 0 {
		// Its counters may reach back to before we knew it: they are where
		// counting begins.
		c.Basis = Fresh
		if a.Left == 0 {
			c.Completion = MaybeCompleted
		}
		return c, why
	}
	known, told := sh.slab.at(p), sh.told(p)
	if sh.overtaken(p, &told, a) {
		return c, why
	}
	if told.left > 0 && a.Left == 0 {
		c.Completion = Completed
	}
	now, last := unix(a.At), sh.last(p, known)
	c.Basis = Restarted // and so is counting, unless the counters went on
	if a.Uploaded >= told.up && a.Downloaded >= told.down {
		c.Basis = Before
		why = s.credit(sh, known, &told, a, int64(now)-int64(last), &c)
	}
	if known.listed() && told.left == 0 {
		seconds := int64(now) - int64(max(last, sh.seeded()))
		c.SeedTime = min(time.Duration(max(seconds, 0))*time.Second, s.c.SeedCap)
	}
	return c, why
}

// others completes a change by the listed clients among mine but p.
func (sh *shard) others(p slot, c *Change) {
	for _, s := range sh.mine {
		if s == p || !sh.slab.at(s).listed() {
			continue
		}
		if left := core.Bytes(sh.told(s).left); !c.Active || left < c.Left {
			c.Left = left
		}
		c.Active = true
	}
}

// overtaken reports whether a is the same client's announce over its other
// address family, sent just before the one that arrived first: then its counters
// are a moment old, and not those of a client that began anew.
func (sh *shard) overtaken(p slot, told *told, a *Announce) bool {
	const moment = 10 // seconds
	c := sh.slab.at(p)
	return a.Event != wire.Started && a.Over6 != c.over6() && (a.Uploaded < told.up || a.Downloaded < told.down) &&
		int64(unix(a.At))-int64(sh.last(p, c)) < moment
}

// stays reports whether a client is listed after announcing a.
func stays(a *Announce) bool { return a.Event != wire.Stopped && !a.Barred }
