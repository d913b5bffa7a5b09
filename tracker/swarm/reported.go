package swarm

import (
	"bytes"

	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// told is what a client tells of itself.
type told struct {
	id             wire.PeerID
	up, down, left int64
}

const (
	brandSize = 8 // the beginning of a peer-id says the program and its version
	tailSize  = len(wire.PeerID{}) - brandSize

	maxBrands  = 1 << 10 // of a shard
	maxCounter = 1 << 48
	maxLeft    = 1 << 40
)

type brand = [brandSize]byte

// brands are the beginnings of peer-ids that a shard's clients have had, first that
// of a client that has told nothing yet. There are a few hundred in the world; none
// is forgotten.
type brands struct {
	list []brand // it only grows, so that a copy of the slice stays true
	at   map[brand]uint16
}

func (x *brands) open() { *x = brands{list: make([]brand, 1, 16), at: map[brand]uint16{{}: 0}} }

// of returns the number of a brand, not ok when there is no more room for it.
func (x *brands) of(b brand) (n uint16, ok bool) {
	if n, ok = x.at[b]; ok || len(x.list) == maxBrands {
		return n, ok
	}
	n = uint16(len(x.list))
	x.list = append(x.list, b)
	x.at[b] = n
	return n, true
}

// told reads what a client tells.
func (st *state) told(s slot) told {
	c := st.slab.at(s)
	if c.odd() {
		return st.odd[s]
	}
	return told{id: st.peerID(s), up: int64(c.upHigh)<<32 | int64(c.upLow), down: int64(c.downHigh)<<32 | int64(c.downLow),
		left: int64(c.leftHigh)<<32 | int64(c.leftLow)}
}

// peerID is the part of it that is handed out.
func (st *state) peerID(s slot) (id wire.PeerID) {
	c := st.slab.at(s)
	if c.odd() {
		return st.odd[s].id
	}
	copy(id[:], st.brands.list[c.brand][:])
	copy(id[brandSize:], c.tail[:])
	return id
}

// tell takes down what a client tells. What does not fit into a client, because no
// honest one has such counters or because peer-ids begin with anything, is kept
// beside.
func (st *state) tell(s slot, t *told) {
	c := st.slab.at(s)
	number, ok := c.brand, true
	if b := brand(t.id[:brandSize]); b != st.brands.list[number] {
		number, ok = st.brands.of(b)
	}
	odd := !ok || t.up >= maxCounter || t.down >= maxCounter || t.left >= maxLeft
	if odd {
		st.odd[s] = *t
	} else if c.odd() {
		delete(st.odd, s)
	}
	c.flag(isOdd, odd)
	left := min(t.left, maxLeft-1) // of an odd one it says the kind
	c.brand, c.tail = number, [tailSize]byte(t.id[brandSize:])
	c.upLow, c.upHigh = uint32(t.up), uint16(t.up>>32)
	c.downLow, c.downHigh = uint32(t.down), uint16(t.down>>32)
	c.leftLow, c.leftHigh = uint32(left), uint8(left>>32)
}

// countedMore orders the clients that an announce with a new peer-id may be of:
// the first is the one that leaves the least to credit.
func (t *told) countedMore(u *told) bool {
	if t.up != u.up {
		return t.up > u.up
	}
	if t.down != u.down {
		return t.down > u.down
	}
	return bytes.Compare(t.id[:], u.id[:]) < 0
}

// byPeerID orders clients.
func (st *state) byPeerID(a, b slot) int {
	x, y := st.peerID(a), st.peerID(b)
	return bytes.Compare(x[:], y[:])
}
