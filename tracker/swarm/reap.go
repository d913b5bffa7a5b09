package swarm

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// step is how many clients are reaped under one hold of a lock.
const step = 256

// Reap unlists the clients that were silent for Config.Timeout and forgets those
// that have been unlisted for Config.Forget, in small steps. gone is told of each
// that was unlisted, under the lock.
func (s *Swarms) Reap(now time.Time, gone func(Change)) {
	for i := range s.shards {
		for s.reapStep(&s.shards[i], now, gone) == step {
		}
	}
}

func (s *Swarms) reapStep(sh *shard, now time.Time, gone func(Change)) int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n, ms := 0, now.UnixMilli()
	for ; n < step; n++ {
		p := sh.listed.first
		if p == nil || ms-p.last < s.c.Timeout.Milliseconds() {
			break
		}
		sh.unlist(p, ms)
		gone(p.silent())
	}
	for ; n < step; n++ {
		p := sh.unlisted.first
		if p == nil || ms-p.off < s.c.Forget.Milliseconds() {
			break
		}
		sh.forget(p)
	}
	return n
}

// silent is the change that a client's unlisting means.
func (p *peer) silent() Change {
	c := Change{Member: p.member.id, Torrent: p.torrent.id, Left: core.Bytes(p.left), At: time.UnixMilli(p.last)}
	for _, other := range p.member.peers {
		if !other.listed() {
			continue
		}
		if left := core.Bytes(other.left); !c.Active || left < c.Left {
			c.Left = left
		}
		c.Active = true
	}
	return c
}

// Hide unlists all clients of a member who may take part no more.
func (s *Swarms) Hide(id core.MemberID, now time.Time, gone func(Change)) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, t := range sh.torrents {
			sh.hide(t.members[id], now, gone)
		}
		sh.mu.Unlock()
	}
}

func (sh *shard) hide(m *member, now time.Time, gone func(Change)) {
	if m == nil {
		return
	}
	for _, p := range m.peers {
		if p.listed() {
			sh.unlist(p, now.UnixMilli())
			gone(p.silent())
		}
	}
}

// Drop removes a torrent that is served no more, with all its clients.
func (s *Swarms) Drop(id core.TorrentID, now time.Time, gone func(Change)) {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.torrents[id]
	if t == nil {
		return
	}
	for _, m := range t.members {
		sh.hide(m, now, gone)
		for len(m.peers) > 0 {
			sh.forget(m.peers[len(m.peers)-1])
		}
	}
}
