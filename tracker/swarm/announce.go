package swarm

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// Announce processes one announce. It passes the change to commit before it changes
// anything: if commit fails, the swarm stays as it is and Announce returns commit's
// error. The chosen peers are appended to peers, which may be nil. Announce allocates
// only what the swarms need to grow.
//
// If an unknown client stops or is barred, there is nothing to credit: nothing
// changes, and commit is not called.
//
// A client beyond Config.PerMember is refused with code Conflict, a client for which
// a shard has no room with code Unavailable, and a member whose id has more than 32
// bits with code Internal.
func (s *Swarms) Announce(a *Announce, peers []wire.Peer, commit func(Change) error) (Result, error) {
	if !fits(a.Member) {
		return Result{}, core.Errorf(core.Internal, "member %d is beyond the ids that swarms hold", a.Member)
	}
	a.private = privateHash(a.Private)
	sh := s.shard(a.Torrent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ti, known := sh.byID[a.Torrent]
	sh.mine = sh.mine[:0]
	if known {
		sh.mine = sh.index.find(&sh.slab, ti, uint32(a.Member), sh.mine)
	}
	p := sh.find(a)
	if p == 0 && a.Event == wire.Stopped {
		// It has stopped already, or never started. The announce must succeed
		// all the same, because clients repeat a stop until it does.
		return sh.result(ti, known, peers), nil
	}
	var before reported
	if p != 0 {
		before = sh.reported(p)
	}
	a.resolve(&before, p != 0)
	leeched := sh.isLeeching()
	noSlot := s.bar(a, leeched)
	if p == 0 && a.barred {
		r := sh.result(ti, known, peers)
		r.Barred, r.NoSlot = true, noSlot
		return r, nil
	}
	sh.findEnded(p, a)
	if err := s.admit(sh, p, a, known); err != nil {
		return Result{}, err
	}
	v := s.evaluate(sh, p, &before, a)
	evicted := s.evicted(sh, p)
	sh.writeAnnounceRecord(p, evicted, a, &v)
	if err := commit(v.change); err != nil {
		s.accounts.giveBack(uint32(a.Member), &v)
		return Result{}, err
	}
	sh.endOthers(unix(a.At))
	want, silence := s.want(a.NumWant), time.Duration(0)
	if p == 0 {
		p = sh.add(a, evicted)
	} else if c := sh.slab.at(p); c.listed() {
		silence = time.Duration(max(int64(unix(a.At))-int64(sh.last(p, c)), 0)+1) * time.Second
		if s.early(c, a, silence) {
			want = min(want, fewPeers)
		}
	}
	sh.apply(p, a)
	s.keepUsed(sh, a, &v.claims)
	sh.updateDownloads(leeched, uint32(a.Member))
	c := sh.slab.at(p)
	if c.listed() && want != 0 {
		peers = sh.pick(p, want, a.Bare, peers)
	}
	r := sh.result(c.torrentIndex(), true, peers)
	r.Suspicion, r.Silence, r.Barred, r.NoSlot = v.suspicion, silence, a.barred, noSlot
	return r, nil
}

// bar decides whether the client may take part, and reports whether it may not for want
// of a slot. leeched says whether the member downloads the torrent already.
func (s *Swarms) bar(a *Announce, leeched bool) (noSlot bool) {
	a.barred = a.NoLeech && a.Left > 0
	noSlot = listedAfter(a) && kindOf(a.Left, a.partial()) == leeching && !leeched && a.Slots > 0 && s.downloads.count(uint32(a.Member)) >= a.Slots
	a.barred = a.barred || noSlot
	return noSlot
}

// fewPeers is how many peers an early announce is given: enough for a swarm that has
// just begun and whose members ask for peers by hand, too few to collect addresses.
const fewPeers = 5

// early reports whether the listed client c announces again of its own accord before
// Config.MinInterval has passed: nothing has happened to it, and the announce does
// not come over its other address family. A second that has begun counts as passed.
func (s *Swarms) early(c *client, a *Announce, silence time.Duration) bool {
	return (a.Event == wire.None || a.Event == wire.Paused) && a.Over6 == c.over6() &&
		silence < s.c.MinInterval && c.kind() == kindOf(a.Left, a.partial())
}

// fits reports whether a client has room for a member's id.
func fits(id core.MemberID) bool { return uint64(id) <= math.MaxUint32 }

// admit returns an error if the client can't be listed, or taken in at all. p is 0 for an
// unknown client. The clients that have ended don't count.
func (s *Swarms) admit(sh *shard, p slot, a *Announce, known bool) error {
	if listedAfter(a) && (p == 0 || !sh.slab.at(p).listed()) {
		listed := 0
		for _, m := range sh.mine {
			if sh.slab.at(m).listed() && !sh.hasEnded(m) {
				listed++
			}
		}
		if listed >= s.c.PerMember {
			return core.Errorf(core.Conflict,
				"you run %d clients on this torrent already, which is the most; stop one of them", s.c.PerMember)
		}
	}
	if p == 0 && (s.evicted(sh, p) == 0 && sh.slab.full() || !known && sh.torrentsFull()) {
		return core.Errorf(core.Unavailable, "the tracker can't hold more clients now; yours will ask again")
	}
	return nil
}

// evicted returns the client that is forgotten to make room for a new one, 0 if none is.
func (s *Swarms) evicted(sh *shard, p slot) slot {
	if p != 0 || len(sh.mine) < 2*s.c.PerMember {
		return 0
	}
	return sh.oldestUnlisted()
}

func (s *Swarms) want(n int) int {
	if n < 0 {
		return s.c.NumWant
	}
	return min(n, s.c.NumWant)
}

// keepUsed keeps what an announce has used of its torrent's allowances.
func (s *Swarms) keepUsed(sh *shard, a *Announce, claims *[directions]claim) {
	if claims[up].counts == 0 && claims[down].counts == 0 {
		return
	}
	if u := (used{up: claims[up].whole, down: claims[down].whole}); u != (used{}) {
		sh.used[pair{a.Torrent, uint32(a.Member)}] = u
		sh.limitUsed(micros(a.At), s.accounts.grace.period)
	}
}
