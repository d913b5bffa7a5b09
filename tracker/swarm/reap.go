package swarm

import (
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// step is how many clients are reaped under one hold of a lock.
const step = 256

// Reap unlists the clients that were silent for Config.Timeout and forgets those
// that have been unlisted for Config.Forget, in small steps. gone is told of each
// that was unlisted, under the lock; of several clients of a member, in the order
// in which they fell silent.
func (s *Swarms) Reap(now time.Time, gone func(Change)) {
	for i := range s.shards {
		sh := &s.shards[i]
		for chunk := 0; chunk >= 0; {
			chunk = sh.reapStep(chunk, unix(now), gone)
		}
	}
}

// reapStep reaps from a chunk, or from the first one after it in which anything
// may be due. It returns where to go on, -1 at the end.
func (sh *shard) reapStep(chunk int, now uint32, gone func(Change)) int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for ; chunk < len(sh.slab.soonest); chunk++ {
		if sh.slab.soonest[chunk] <= now {
			break
		}
	}
	if chunk == len(sh.slab.soonest) {
		return -1
	}
	dues := sh.slab.dues[chunk]
	done := 0
	soonest := uint32(never)
	for i := range dues {
		if dues[i] <= now {
			if done == step {
				return chunk // soonest is a lower bound still
			}
			done++
			sh.reap(slot(chunk<<chunkBits+i), now, gone)
		}
		soonest = min(soonest, dues[i])
	}
	sh.slab.soonest[chunk] = soonest
	return chunk + 1
}

// reap unlists or forgets a client whose time has come.
func (sh *shard) reap(s slot, now uint32, gone func(Change)) {
	c := sh.slab.at(s)
	sh.gather(c.torrentIndex(), c.member)
	if !c.listed() {
		sh.forget(s)
		return
	}
	sh.hide(now, gone, func(s slot) bool { return sh.slab.due(s) <= now })
}

// gather makes mine the clients of a member in a torrent.
func (sh *shard) gather(torrent, member uint32) {
	sh.mine = sh.index.find(&sh.slab, torrent, member, sh.mine[:0])
}

// hide unlists those of mine that are listed and to be hidden, and tells gone of
// each.
func (sh *shard) hide(now uint32, gone func(Change), hidden func(slot) bool) {
	leeched := sh.leeching()
	slices.SortFunc(sh.mine, func(a, b slot) int {
		c, d := sh.slab.at(a), sh.slab.at(b)
		if la, lb := sh.last(a, c), sh.last(b, d); la != lb {
			return int(int64(la) - int64(lb))
		}
		return sh.byPeerID(a, b)
	})
	for _, s := range sh.mine {
		c := sh.slab.at(s)
		if !c.listed() || !hidden(s) {
			continue
		}
		t := sh.torrents[c.torrentIndex()]
		if !c.whole() {
			t.lacking = max(t.lacking, now)
		}
		sh.unlist(s, c)
		sh.change(t)
		sh.slab.setDue(s, now+sh.times.forget)
		if sh.seededBy(c) == 0 {
			sh.dropExtra(c)
		}
		sh.unlisted(s, now)
		gone(sh.silent(s, c))
	}
	if len(sh.mine) > 0 {
		sh.recount(leeched, sh.slab.at(sh.mine[0]).member)
	}
}

// silent is the change that a client's unlisting means.
func (sh *shard) silent(s slot, c *client) Change {
	change := Change{
		Member: core.MemberID(c.member), Torrent: sh.torrents[c.torrentIndex()].id,
		Left: core.Bytes(sh.told(s).left), At: time.Unix(int64(sh.last(s, c)), 0),
	}
	sh.others(s, &change)
	return change
}

// all hides every one of mine.
func all(slot) bool { return true }

// Hide unlists all clients of members who may take part no more, a few or
// thousands. It costs about as much as looking at every client once, or less.
func (s *Swarms) Hide(ids []core.MemberID, now time.Time, gone func(Change)) {
	members := make(map[uint32]bool, len(ids))
	for _, id := range ids {
		if fits(id) {
			members[uint32(id)] = true
		}
	}
	for i := range s.shards {
		s.shards[i].hideMembers(members, unix(now), gone)
	}
}

func (sh *shard) hideMembers(members map[uint32]bool, now uint32, gone func(Change)) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(members)*len(sh.byID) < sh.slab.live {
		for _, t := range sh.byID {
			for m := range members {
				sh.gather(t, m)
				sh.hide(now, gone, all)
			}
		}
		return
	}
	for s := slot(1); uint32(s) < sh.slab.used; s++ {
		if c := sh.slab.at(s); c.listed() && members[c.member] {
			sh.gather(c.torrentIndex(), c.member)
			sh.hide(now, gone, all)
		}
	}
}

// HideClient unlists one client that may take part no more, if it is listed.
func (s *Swarms) HideClient(torrent core.TorrentID, member core.MemberID, id wire.PeerID, now time.Time, gone func(Change)) {
	if fits(member) {
		s.shard(torrent).hideClient(torrent, uint32(member), id, unix(now), gone)
	}
}

func (sh *shard) hideClient(torrent core.TorrentID, member uint32, id wire.PeerID, now uint32, gone func(Change)) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ti, known := sh.byID[torrent]
	if !known {
		return
	}
	sh.gather(ti, member)
	if p := sh.named(&id); p != 0 {
		sh.hide(now, gone, func(s slot) bool { return s == p })
	}
}

// Drop removes a torrent that is served no more, with all its clients. It looks
// through all clients of the shard: dropping is rare, and a list of the unlisted
// would cost memory at all times.
func (s *Swarms) Drop(id core.TorrentID, now time.Time, gone func(Change)) {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ti, ok := sh.byID[id]
	if !ok {
		return
	}
	for chunk, clients := range sh.slab.clients {
		for i := range clients {
			c := &clients[i]
			if !c.live() || c.torrentIndex() != ti {
				continue
			}
			s := slot(chunk<<chunkBits + i)
			sh.gather(ti, c.member)
			sh.hide(unix(now), gone, all)
			sh.forget(s)
			if sh.torrents[ti] == nil {
				return // that was the last
			}
		}
	}
}
