package swarm

import (
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// reapBatch is how many clients are reaped while a lock is held.
const reapBatch = 256

// Reap unlists the clients that were silent for Config.Timeout, and forgets those
// that have been unlisted for Config.Forget, in small steps. It calls gone for each
// client that it unlists, under the lock; for several clients of a member in the
// order in which they fell silent. Only one goroutine may call it.
func (s *Swarms) Reap(now time.Time, gone func(Change)) {
	for i := range s.shards {
		sh := &s.shards[i]
		for chunk := 0; chunk >= 0; {
			chunk = sh.reapStep(chunk, unix(now), gone)
		}
	}
	s.sweep(now)
}

// sweep drops what is no longer needed of budgets, in a part of the tables each time.
func (s *Swarms) sweep(now time.Time) {
	s.swept = (s.swept + 1) % shards
	s.shards[s.swept].sweepUsed(micros(now), s.accounts.grace.period)
	s.accounts.sweep(s.swept, unix(now))
}

// reapStep reaps the clients of a chunk, or of the first chunk after it in which any
// client may be due. It returns the chunk to go on with, -1 at the end.
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
			if done == reapBatch {
				return chunk // soonest is still a lower bound
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
	sh.findMine(c.torrentIndex(), c.member)
	if !c.listed() {
		sh.forget(s)
		return
	}
	sh.unlistMine(now, gone, func(s slot) bool { return sh.slab.due(s) <= now })
}

// findMine sets sh.mine to the clients of a member in a torrent.
func (sh *shard) findMine(torrent, member uint32) {
	sh.mine, sh.ended = sh.index.find(&sh.slab, torrent, member, sh.mine[:0]), sh.ended[:0]
}

// unlistMine unlists the listed clients of sh.mine that which selects, and calls gone
// for each of them.
func (sh *shard) unlistMine(now uint32, gone func(Change), which func(slot) bool) {
	leeched := sh.isLeeching()
	slices.SortFunc(sh.mine, func(a, b slot) int {
		c, d := sh.slab.at(a), sh.slab.at(b)
		if la, lb := sh.last(a, c), sh.last(b, d); la != lb {
			return int(int64(la) - int64(lb))
		}
		return sh.comparePeerIDs(a, b)
	})
	for _, s := range sh.mine {
		c := sh.slab.at(s)
		if !c.listed() || !which(s) {
			continue
		}
		sh.unlistSilently(s, c, now)
		sh.writeUnlistRecord(s, now)
		gone(sh.goneChange(s, c))
	}
	if len(sh.mine) > 0 {
		sh.updateDownloads(leeched, sh.slab.at(sh.mine[0]).member)
	}
}

// unlistSilently unlists a listed client that has not announced.
func (sh *shard) unlistSilently(s slot, c *client, now uint32) {
	t := sh.torrents[c.torrentIndex()]
	if !c.whole() {
		t.lacking = max(t.lacking, now)
	}
	sh.unlist(s, c)
	sh.markChanged(t)
	sh.slab.setDue(s, now+sh.times.forget)
	if sh.seededBy(c) == 0 {
		sh.dropExtra(c)
	}
}

// goneChange is what unlisting a client means for the books.
func (sh *shard) goneChange(s slot, c *client) Change {
	change := Change{
		Member: core.MemberID(c.member), Torrent: sh.torrents[c.torrentIndex()].id,
		Left: core.Bytes(sh.reported(s).left), At: time.Unix(int64(sh.last(s, c)), 0),
	}
	sh.addOthers(s, &change)
	return change
}

// every selects all clients.
func every(slot) bool { return true }

// HideMembers unlists all clients of some members, a few or thousands, as when they
// may no longer take part. It costs at most about as much as looking at every client
// once.
func (s *Swarms) HideMembers(ids []core.MemberID, now time.Time, gone func(Change)) {
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
				sh.findMine(t, m)
				sh.unlistMine(now, gone, every)
			}
		}
		return
	}
	for s := slot(1); uint32(s) < sh.slab.used; s++ {
		if c := sh.slab.at(s); c.listed() && members[c.member] {
			sh.findMine(c.torrentIndex(), c.member)
			sh.unlistMine(now, gone, every)
		}
	}
}

// HideClient unlists one client, if it is listed.
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
	sh.findMine(ti, member)
	if p := sh.withPeerID(&id); p != 0 {
		sh.unlistMine(now, gone, func(s slot) bool { return s == p })
	}
}

// Drop removes a torrent that is no longer served, with all its clients. It looks at
// every client of the shard: dropping is rare, and a list of each torrent's unlisted
// clients would cost memory all the time.
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
			sh.findMine(ti, c.member)
			sh.unlistMine(unix(now), gone, every)
			sh.forget(s)
			if sh.torrents[ti] == nil {
				return // that was the last
			}
		}
	}
}
