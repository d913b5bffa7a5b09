package swarm

import "sync"

// leeches counts for each member the torrents of which they have a listed client
// that downloads. Members who download nothing are not in it.
type leeches struct {
	shards [shards]struct {
		mu sync.Mutex
		n  map[uint32]int
	}
}

func (l *leeches) open() {
	for i := range l.shards {
		l.shards[i].n = map[uint32]int{}
	}
}

// of returns the count of a member.
func (l *leeches) of(member uint32) int {
	s := &l.shards[member%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[member]
}

func (l *leeches) add(member uint32, n int) {
	s := &l.shards[member%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if n += s.n[member]; n > 0 {
		s.n[member] = n
	} else {
		delete(s.n, member)
	}
}

// leeching reports whether any of mine downloads.
func (sh *shard) leeching() bool {
	for _, s := range sh.mine {
		if c := sh.slab.at(s); c.listed() && c.kind() == leeching {
			return true
		}
	}
	return false
}

// recount takes into account whether the member whose clients are mine downloads
// the torrent at hand, and did before.
func (sh *shard) recount(did bool, member uint32) {
	switch does := sh.leeching(); {
	case does && !did:
		sh.leeches.add(member, 1)
	case did && !does:
		sh.leeches.add(member, -1)
	}
}

// recountLeeches counts everything anew, in swarms that were just restored or
// replayed.
func (s *Swarms) recountLeeches() {
	s.leeches.open()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for at := slot(1); uint32(at) < sh.slab.used; at++ {
			c := sh.slab.at(at)
			if !c.listed() || c.kind() != leeching {
				continue
			}
			sh.gather(c.torrentIndex(), c.member)
			first := at
			for _, other := range sh.mine {
				if o := sh.slab.at(other); o.listed() && o.kind() == leeching {
					first = min(first, other)
				}
			}
			if first == at { // once for several clients
				sh.leeches.add(c.member, 1)
			}
		}
		sh.mu.Unlock()
	}
}
