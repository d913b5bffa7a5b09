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

// pick appends up to want peers of each address family to out. A seeder, full or
// partial, gets leechers. A leecher gets seeders first, then partial seeds, then
// leechers. Each kind is chosen uniformly at random, at a cost that does not depend
// on the size of the swarm. A member's own clients are given only if there are no
// others.
//
// A peer with addresses of one family can't use addresses of the other, so only the
// families that p has are filled. Unless bare is set, the chosen peers come with
// their addresses of the other family too.
func (sh *shard) pick(p slot, want int, bare bool, out []wire.Peer) []wire.Peer {
	c := sh.slab.at(p)
	t := sh.torrents[c.torrentIndex()]
	has4, has6 := sh.place4(c) != 0, sh.place6(c) != 0
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
			out = sh.appendOwn(t, s, &n, bare, out)
		}
	}
	return out
}

// draw4 takes peers from a list of IPv4 addresses in random order, together with
// their IPv6 addresses.
func (sh *shard) draw4(t *torrent, kind int, n *need, bare bool, out []wire.Peer) []wire.Peer {
	list := t.four[kind]
	sh.sample.begin(len(list), n.n4)
	for n.n4 > 0 {
		places := sh.sample.next(&sh.rng, n.n4)
		if len(places) == 0 {
			break
		}
		for _, at := range places {
			e := &list[at]
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
			peer := wire.Peer{ID: sh.peerID(s), V4: wire.EndpointOf4(e.addr)}
			if n.n6 > 0 {
				if peer.V6 = sh.endpoint6(t, kind, c); !peer.V6.IsZero() {
					n.n6--
					sh.paired = append(sh.paired, s)
				}
			}
			out = append(out, peer)
		}
	}
	return out
}

// draw6 takes peers from a list of IPv6 addresses in random order, except those that
// draw4 has taken with their IPv6 addresses.
func (sh *shard) draw6(t *torrent, kind int, n *need, bare bool, out []wire.Peer) []wire.Peer {
	list := t.six[kind]
	sh.sample.begin(len(list), n.n6)
	for n.n6 > 0 {
		places := sh.sample.next(&sh.rng, n.n6)
		if len(places) == 0 {
			break
		}
		for _, at := range places {
			e := &list[at]
			s := e.slot()
			if slices.Contains(sh.mine, s) || slices.Contains(sh.paired, s) {
				continue
			}
			n.n6--
			if bare {
				out = append(out, wire.Peer{V6: wire.EndpointOf6(e.addr)})
				continue
			}
			peer := wire.Peer{ID: sh.peerID(s), V6: wire.EndpointOf6(e.addr)}
			if place := sh.place4(sh.slab.at(s)); n.only6 && n.n4 > 0 && place != 0 {
				n.n4--
				peer.V4 = wire.EndpointOf4(t.four[kind][place-1].addr)
			}
			out = append(out, peer)
		}
	}
	return out
}

// appendOwn appends another client of the asking member with the addresses that are
// wanted, if it has any.
func (sh *shard) appendOwn(t *torrent, s slot, n *need, bare bool, out []wire.Peer) []wire.Peer {
	c, peer := sh.slab.at(s), wire.Peer{ID: sh.peerID(s)}
	if place := sh.place4(c); place != 0 && n.n4 > 0 {
		n.n4--
		peer.V4 = wire.EndpointOf4(t.four[c.kind()][place-1].addr)
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

// sample returns the numbers below n in random order, each once. It returns many of
// them at a time, so that the processor can fetch the entries at all these indexes
// at once: in a large swarm each of them is a cache miss. A range of neighbours would
// be cheaper, but then all who ask at that time would get the same peers.
//
// If n is small, the numbers are stored and shuffled as far as they are used
// (Fisher-Yates). If n is large, numbers are drawn, and one that was drawn before,
// which is rare, is drawn again; a small hash table holds those that were drawn.
type sample struct {
	shuffled []uint32
	cells    []drawn
	out      []uint32
	round    uint32 // cells of other rounds are empty
	n, i     uint32
	first    uint32 // where the walk over all of them begins, if all are wanted
	all      bool
}

type drawn struct{ round, number uint32 }

// open makes room for up to most numbers in a round.
func (x *sample) open(most int) {
	x.cells = make([]drawn, 1<<bits.Len(uint(2*most)))
	x.shuffled = make([]uint32, 2*most)
	x.out = make([]uint32, 0, most)
}

// begin starts a round over the numbers below n, of which wanted will be asked for.
func (x *sample) begin(n, wanted int) {
	x.n, x.i, x.all, x.first = uint32(n), 0, n <= wanted, never
	if x.all {
		return // only the first number is random
	}
	if n <= len(x.shuffled) {
		for i := range x.shuffled[:n] {
			x.shuffled[i] = uint32(i)
		}
		return
	}
	if x.round++; x.round == 0 {
		clear(x.cells) // once in 4 billion rounds
		x.round = 1
	}
}

// next returns the next numbers, as many as are wanted or left. The result is valid
// until the next call.
func (x *sample) next(rng *rand.PCG, wanted int) []uint32 {
	x.out = x.out[:0]
	upto := x.i + min(uint32(wanted), x.n-x.i)
	switch {
	case x.i == upto:
	case x.all:
		if x.first == never {
			x.first = below(rng.Uint64(), x.n)
		}
		for ; x.i < upto; x.i++ {
			at := x.first + x.i
			if at >= x.n {
				at -= x.n
			}
			x.out = append(x.out, at)
		}
	case int(x.n) <= len(x.shuffled):
		row := x.shuffled[:x.n]
		for ; x.i < upto; x.i++ {
			j := x.i + below(rng.Uint64(), x.n-x.i)
			row[x.i], row[j] = row[j], row[x.i]
			x.out = append(x.out, row[x.i])
		}
	default:
		for x.i < upto {
			if v := below(rng.Uint64(), x.n); x.fresh(v) {
				x.out = append(x.out, v)
				x.i++
			}
		}
	}
	return x.out
}

// fresh notes a number and reports whether it is drawn for the first time in this
// round.
func (x *sample) fresh(v uint32) bool {
	mask := uint32(len(x.cells) - 1)
	for i := v * 0x9E3779B1 >> 16 & mask; ; i = (i + 1) & mask {
		c := &x.cells[i]
		if c.round != x.round {
			*c = drawn{x.round, v}
			return true
		}
		if c.number == v {
			return false
		}
	}
}

// below maps 64 random bits to a number below n, nearly uniformly.
func below(random uint64, n uint32) uint32 {
	hi, _ := bits.Mul64(random, uint64(n))
	return uint32(hi)
}
