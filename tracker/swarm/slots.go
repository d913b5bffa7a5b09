package swarm

import "sync"

// downloads counts, for each member, the torrents in which the member has a listed
// client that downloads. Members who download nothing are not in it.
type downloads struct {
	shards [shards]struct {
		mu sync.Mutex
		n  map[uint32]int
	}
}

func (l *downloads) open() {
	for i := range l.shards {
		l.shards[i].n = map[uint32]int{}
	}
}

// count returns the count of a member.
func (l *downloads) count(member uint32) int {
	s := &l.shards[member%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[member]
}

func (l *downloads) add(member uint32, n int) {
	s := &l.shards[member%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if n += s.n[member]; n > 0 {
		s.n[member] = n
	} else {
		delete(s.n, member)
	}
}

// isLeeching reports whether any client of mine downloads.
func (sh *shard) isLeeching() bool {
	for _, s := range sh.mine {
		if c := sh.slab.at(s); c.listed() && c.kind() == leeching {
			return true
		}
	}
	return false
}

// updateDownloads corrects the count of the member whose clients are mine: did says
// whether the member downloaded this torrent before.
func (sh *shard) updateDownloads(did bool, member uint32) {
	switch does := sh.isLeeching(); {
	case does && !did:
		sh.downloads.add(member, 1)
	case did && !does:
		sh.downloads.add(member, -1)
	}
}

// recountDownloads counts all downloads of swarms that were just restored or replayed.
func (s *Swarms) recountDownloads() {
	s.downloads.open()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for at := slot(1); uint32(at) < sh.slab.used; at++ {
			c := sh.slab.at(at)
			if !c.listed() || c.kind() != leeching {
				continue
			}
			sh.findMine(c.torrentIndex(), c.member)
			first := at
			for _, other := range sh.mine {
				if o := sh.slab.at(other); o.listed() && o.kind() == leeching {
					first = min(first, other)
				}
			}
			if first == at { // several clients of a member count once
				sh.downloads.add(c.member, 1)
			}
		}
		sh.mu.Unlock()
	}
}
