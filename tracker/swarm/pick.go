package swarm

import (
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// need is how many addresses of each family are still wanted.
type need struct {
	n4, n6       int
	only4, only6 bool
}

// pick appends up to want peers of each address family to out: for a seeder, whole
// or partial, leechers; for a leecher seeders first, then partial ones, then
// leechers; each in uniformly random choice. It costs
// the same however large the swarm is. A member's own clients are given only
// when there is nobody else.
//
// A peer of one family can't use the other's addresses; only the families that p
// has are filled, and, unless bare, the others' addresses of the peers that are
// chosen come with them.
func (sh *shard) pick(p slot, want int, bare bool, out []wire.Peer) []wire.Peer {
	c := sh.slab.at(p)
	t := sh.torrents[c.torrentIndex()]
	has4, has6 := c.place != 0, !sh.endpoint6(t, c.kind(), c).IsZero()
	n := need{n4: want, n6: want, only4: has4 && !has6, only6: has6 && !has4}
	before := len(out)
	for kind := range kinds {
		if kind != leeching && c.kind() != leeching {
			continue
		}
		sh.paired = sh.paired[:0]
		if !n.only6 {
			out = sh.draw4(t, kind, &n, bare, out)
		}
		if !n.only4 {
			out = sh.draw6(t, kind, &n, bare, out)
		}
	}
	if len(out) > before {
		return out
	}
	for _, s := range sh.mine {
		own := sh.slab.at(s)
		if s != p && own.listed() && (c.kind() == leeching || own.kind() == leeching) {
			out = sh.own(t, own, &n, bare, out)
		}
	}
	return out
}

// draw4 takes peers from a list of IPv4 addresses in random order, and their IPv6
// addresses with them.
func (sh *shard) draw4(t *torrent, kind int, n *need, bare bool, out []wire.Peer) []wire.Peer {
	list := t.four[kind]
	sh.sample.begin(len(list), n.n4)
	for range list {
		if n.n4 == 0 {
			break
		}
		e := &list[sh.sample.next(&sh.rng)]
		s := e.slot()
		if slices.Contains(sh.mine, s) {
			continue
		}
		n.n4--
		if bare {
			out = append(out, wire.Peer{V4: wire.EndpointOf4(e.addr)})
			continue
		}
		c := sh.slab.at(s)
		peer := wire.Peer{ID: c.id, V4: wire.EndpointOf4(e.addr)}
		if n.n6 > 0 {
			if peer.V6 = sh.endpoint6(t, kind, c); !peer.V6.IsZero() {
				n.n6--
				sh.paired = append(sh.paired, s)
			}
		}
		out = append(out, peer)
	}
	return out
}

// draw6 takes peers from a list of IPv6 addresses in random order, but for those
// whose addresses draw4 gave.
func (sh *shard) draw6(t *torrent, kind int, n *need, bare bool, out []wire.Peer) []wire.Peer {
	list := t.six[kind]
	sh.sample.begin(len(list), n.n6)
	for range list {
		if n.n6 == 0 {
			break
		}
		e := &list[sh.sample.next(&sh.rng)]
		s := e.slot()
		if slices.Contains(sh.mine, s) || slices.Contains(sh.paired, s) {
			continue
		}
		n.n6--
		if bare {
			out = append(out, wire.Peer{V6: wire.EndpointOf6(e.addr)})
			continue
		}
		c := sh.slab.at(s)
		peer := wire.Peer{ID: c.id, V6: wire.EndpointOf6(e.addr)}
		if n.only6 && n.n4 > 0 && c.place != 0 {
			n.n4--
			peer.V4 = wire.EndpointOf4(t.four[kind][c.place-1].addr)
		}
		out = append(out, peer)
	}
	return out
}

// own appends a client of the asker itself with the addresses that are wanted,
// if it has any.
func (sh *shard) own(t *torrent, c *client, n *need, bare bool, out []wire.Peer) []wire.Peer {
	peer := wire.Peer{ID: c.id}
	if c.place != 0 && n.n4 > 0 {
		n.n4--
		peer.V4 = wire.EndpointOf4(t.four[c.kind()][c.place-1].addr)
	}
	if v6 := sh.endpoint6(t, c.kind(), c); !v6.IsZero() && n.n6 > 0 {
		n.n6--
		peer.V6 = v6
	}
	switch {
	case peer.V4.IsZero() && peer.V6.IsZero():
		return out
	case !bare:
		return append(out, peer)
	}
	if !peer.V4.IsZero() {
		out = append(out, wire.Peer{V4: peer.V4})
	}
	if !peer.V6.IsZero() {
		out = append(out, wire.Peer{V6: peer.V6})
	}
	return out
}

// sample yields the numbers below n in random order, each once: the first steps
// of a Fisher-Yates shuffle of a list that is never written down. Only the
// numbers that were moved are, in a small hash table.
type sample struct {
	cells []moved
	round uint32 // cells of other rounds are empty
	n, i  uint32
	all   bool // all are wanted: only the first is chosen by chance
	first uint32
}

type moved struct{ round, at, value uint32 }

// open makes room for so many numbers in a round.
func (x *sample) open(most int) {
	x.cells = make([]moved, 1<<bits.Len(uint(2*most)))
}

// begin starts a round over the numbers below n, of which wanted will be used.
func (x *sample) begin(n, wanted int) {
	x.n, x.i, x.all, x.first = uint32(n), 0, n <= wanted, never
	if x.round++; x.round == 0 {
		clear(x.cells) // once in 4 billion rounds
		x.round = 1
	}
}

// next is the next number; it may be called n times.
func (x *sample) next(rng *rand.PCG) uint32 {
	i := x.i
	x.i++
	if x.all {
		if x.first == never {
			x.first = below(rng.Uint64(), x.n)
		}
		if at := x.first + i; at < x.n {
			return at
		}
		return x.first + i - x.n
	}
	j := i + below(rng.Uint64(), x.n-i)
	// What stands at i goes to j, and what stood there is yielded.
	mine := x.cell(i)
	value := i
	if mine.round == x.round {
		value = mine.value
	}
	theirs := x.cell(j)
	if theirs.round != x.round {
		*theirs = moved{round: x.round, at: j, value: value}
		return j
	}
	out := theirs.value
	theirs.value = value
	return out
}

// cell is where the number at a place is kept, or would be.
func (x *sample) cell(at uint32) *moved {
	mask := uint32(len(x.cells) - 1)
	for i := at * 0x9E3779B1 >> 16 & mask; ; i = (i + 1) & mask {
		if c := &x.cells[i]; c.round != x.round || c.at == at {
			return c
		}
	}
}

// below makes a number below n of 64 random bits, as even as they are.
func below(random uint64, n uint32) uint32 {
	hi, _ := bits.Mul64(random, uint64(n))
	return uint32(hi)
}
