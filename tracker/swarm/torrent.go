package swarm

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// torrent is one swarm.
type torrent struct {
	id       core.TorrentID
	seeders  []*peer // in no order
	leechers []*peer
	members  map[core.MemberID]*member
}

// member is one member's clients in one torrent, listed or not.
type member struct {
	id     core.MemberID
	peers  []*peer
	seeded int64 // Unix seconds up to which seed time was counted
}

// peer is one client.
type peer struct {
	id             wire.PeerID
	key            uint64
	torrent        *torrent
	member         *member
	v4, v6         address
	up, down, left int64
	last           int64 // of its announces, in Unix milliseconds
	off            int64 // when it was unlisted, in Unix milliseconds
	place          int   // 1 + its index in seeders or leechers; 0 when unlisted
	seeder         bool  // which of them
	over6          bool  // the last announce came over IPv6
	prev, next     *peer // in one of the shard's chains
}

func (p *peer) listed() bool { return p.place > 0 }

// address is where a client can be reached in one family.
type address struct {
	wire.Endpoint
	seen int64 // Unix milliseconds
}

// refresh takes over e, or drops an address that was not seen for too long.
func (a *address) refresh(e wire.Endpoint, now int64, timeout time.Duration) {
	switch {
	case !e.IsZero():
		a.Endpoint, a.seen = e, now
	case !a.IsZero() && now-a.seen > timeout.Milliseconds():
		*a = address{}
	}
}

// find returns the client that announces, nil when it is not known, and the
// member's clients in the torrent, nil when there are none.
func (t *torrent) find(a *Announce) (*peer, *member) {
	if t == nil {
		return nil, nil
	}
	m := t.members[a.Member]
	if m == nil {
		return nil, nil
	}
	for _, p := range m.peers {
		if p.id == a.PeerID {
			return p, m
		}
	}
	if a.Key == 0 {
		return nil, m
	}
	for _, p := range m.peers {
		if p.key == a.Key && a.Uploaded >= p.up && a.Downloaded >= p.down {
			return p, m
		}
	}
	return nil, m
}

// hasRoom reports whether one more client may be added, if need be in the place
// of an unlisted one.
func (m *member) hasRoom(limit int) bool {
	return m == nil || len(m.peers) < limit || m.oldestUnlisted() != nil
}

func (m *member) oldestUnlisted() *peer {
	var oldest *peer
	for _, p := range m.peers {
		if !p.listed() && (oldest == nil || p.off < oldest.off) {
			oldest = p
		}
	}
	return oldest
}

// add makes a client that is known from now on and not yet listed.
func (sh *shard) add(t *torrent, a *Announce, limit int) *peer {
	m := t.members[a.Member]
	if m != nil && len(m.peers) >= limit {
		sh.forget(m.oldestUnlisted())
		m = t.members[a.Member] // it may have been the last one
	}
	if m == nil {
		m = &member{id: a.Member}
		t.members[a.Member] = m
	}
	p := &peer{torrent: t, member: m, off: a.At.UnixMilli()}
	m.peers = append(m.peers, p)
	sh.unlisted.push(p)
	return p
}

// list puts an unlisted client among the seeders or leechers.
func (sh *shard) list(p *peer) {
	sh.unlisted.remove(p)
	t := p.torrent
	p.seeder = p.left == 0
	if p.seeder {
		t.seeders = append(t.seeders, p)
		p.place = len(t.seeders)
		sh.seeders++
	} else {
		t.leechers = append(t.leechers, p)
		p.place = len(t.leechers)
		sh.leechers++
	}
	sh.listed.push(p)
	sh.changed[t.id] = struct{}{}
}

// unlist takes a client out of its list, if it is in one. The last of the list
// takes its place.
func (sh *shard) unlist(p *peer, now int64) {
	if !p.listed() {
		return
	}
	list := &p.torrent.leechers
	if p.seeder {
		list = &p.torrent.seeders
		sh.seeders--
	} else {
		sh.leechers--
	}
	last := len(*list) - 1
	(*list)[last].place = p.place
	(*list)[p.place-1] = (*list)[last]
	(*list)[last] = nil
	*list = (*list)[:last]
	if cap(*list) > 64 && last < cap(*list)/4 {
		*list = slices.Clone(*list) // give back what a large swarm left behind
	}
	p.place, p.off = 0, now
	sh.listed.remove(p)
	sh.unlisted.push(p)
	sh.changed[p.torrent.id] = struct{}{}
}

// forget removes an unlisted client, and its member and torrent with the last.
func (sh *shard) forget(p *peer) {
	sh.unlisted.remove(p)
	m, t := p.member, p.torrent
	m.peers = slices.DeleteFunc(m.peers, func(q *peer) bool { return q == p })
	if len(m.peers) == 0 {
		delete(t.members, m.id)
	}
	if len(t.members) == 0 {
		delete(sh.torrents, t.id)
	}
}

// pick appends up to want peers of each address family to out: for a seeder
// leechers, for a leecher seeders first, in uniformly random choice. It costs
// the same however large the swarm is. A member's own clients are given only
// when there is nobody else.
func (t *torrent) pick(rng *rand.Rand, p *peer, want int, out []wire.Peer) []wire.Peer {
	need := need{n4: want, n6: want}
	// A peer of one family can't use the other's addresses; we fill only the
	// families it has, and add the others' as they come.
	if p.v4.IsZero() != p.v6.IsZero() {
		need.only4, need.only6 = p.v6.IsZero(), p.v4.IsZero()
	}
	before := len(out)
	if p.left > 0 {
		out = draw(rng, t.seeders, p.member, &need, want, out)
	}
	out = draw(rng, t.leechers, p.member, &need, want, out)
	if len(out) > before {
		return out
	}
	for _, own := range p.member.peers {
		if own != p && own.listed() && (p.left > 0 || own.left > 0) {
			out = need.take(own, out)
		}
	}
	return out
}

// need is how many addresses of each family are still wanted.
type need struct {
	n4, n6       int
	only4, only6 bool
}

func (n *need) met() bool { return (n.n4 == 0 || n.only6) && (n.n6 == 0 || n.only4) }

// take appends p with the addresses that are still wanted, if it has any.
func (n *need) take(p *peer, out []wire.Peer) []wire.Peer {
	got := wire.Peer{ID: p.id}
	if n.n4 > 0 && !p.v4.IsZero() {
		got.V4 = p.v4.Endpoint
		n.n4--
	}
	if n.n6 > 0 && !p.v6.IsZero() {
		got.V6 = p.v6.Endpoint
		n.n6--
	}
	if got.V4.IsZero() && got.V6.IsZero() {
		return out
	}
	return append(out, got)
}

// draw takes peers from list in random order: the first steps of a Fisher-Yates
// shuffle, done in place, as the order of the list means nothing. Peers without
// a fitting address cost draws too, so these are limited.
func draw(rng *rand.Rand, list []*peer, asker *member, n *need, want int, out []wire.Peer) []wire.Peer {
	for i := 0; i < len(list) && i < 8*want && !n.met(); i++ {
		j := i + rng.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
		list[i].place, list[j].place = i+1, j+1
		if list[i].member != asker {
			out = n.take(list[i], out)
		}
	}
	return out
}

// chain is a doubly linked list of peers, oldest first.
type chain struct {
	first, last *peer
	len         int
}

func (c *chain) push(p *peer) {
	p.prev, p.next = c.last, nil
	if c.last != nil {
		c.last.next = p
	} else {
		c.first = p
	}
	c.last = p
	c.len++
}

func (c *chain) remove(p *peer) {
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		c.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		c.last = p.prev
	}
	p.prev, p.next = nil, nil
	c.len--
}
