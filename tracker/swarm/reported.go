package swarm

import (
	"bytes"

	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// reported is what a client reports of itself.
type reported struct {
	id             wire.PeerID
	up, down, left int64
}

const (
	prefixSize = 8 // bytes of a peer-id that name the program and its version (BEP 20)
	suffixSize = len(wire.PeerID{}) - prefixSize

	maxPrefixes = 1 << 10 // of a shard
	maxCounter  = 1 << 48
	maxLeft     = 1 << 40
)

type idPrefix = [prefixSize]byte

// idPrefixes numbers the prefixes of the peer-ids that a shard's clients have had.
// Number 0 is the prefix of a client that has reported nothing yet. There are a few
// hundred prefixes in the world, and none is forgotten.
type idPrefixes struct {
	list    []idPrefix // it only grows, so a copy of the slice stays valid
	numbers map[idPrefix]uint16
}

func (x *idPrefixes) open() {
	*x = idPrefixes{list: make([]idPrefix, 1, 16), numbers: map[idPrefix]uint16{{}: 0}}
}

// number returns the number of a prefix; ok is false if there is no room for it.
func (x *idPrefixes) number(p idPrefix) (n uint16, ok bool) {
	if n, ok = x.numbers[p]; ok || len(x.list) == maxPrefixes {
		return n, ok
	}
	n = uint16(len(x.list))
	x.list = append(x.list, p)
	x.numbers[p] = n
	return n, true
}

// reported returns what a client has reported last.
func (st *state) reported(s slot) reported {
	c := st.slab.at(s)
	if c.oversize() {
		return st.oversize[s]
	}
	return reported{id: st.peerID(s), up: int64(c.upHigh)<<32 | int64(c.upLow), down: int64(c.downHigh)<<32 | int64(c.downLow),
		left: int64(c.leftHigh)<<32 | int64(c.leftLow)}
}

// peerID returns the peer-id that a client has reported last.
func (st *state) peerID(s slot) (id wire.PeerID) {
	c := st.slab.at(s)
	if c.oversize() {
		return st.oversize[s].id
	}
	copy(id[:], st.prefixes.list[c.prefix][:])
	copy(id[prefixSize:], c.suffix[:])
	return id
}

// setReported stores what a client reports. Values that do not fit into the client
// struct go into st.oversize: counters that no honest client has, or peer-ids beyond
// the room for prefixes.
func (st *state) setReported(s slot, r *reported) {
	c := st.slab.at(s)
	number, ok := c.prefix, true
	if p := idPrefix(r.id[:prefixSize]); p != st.prefixes.list[number] {
		number, ok = st.prefixes.number(p)
	}
	oversize := !ok || r.up >= maxCounter || r.down >= maxCounter || r.left >= maxLeft
	if oversize {
		st.oversize[s] = *r
	} else if c.oversize() {
		delete(st.oversize, s)
	}
	c.flag(isOversize, oversize)
	left := min(r.left, maxLeft-1) // client.kind reads it even if the client is oversize
	c.prefix, c.suffix = number, [suffixSize]byte(r.id[prefixSize:])
	c.upLow, c.upHigh = uint32(r.up), uint16(r.up>>32)
	c.downLow, c.downHigh = uint32(r.down), uint16(r.down>>32)
	c.leftLow, c.leftHigh = uint32(left), uint8(left>>32)
}

// countedMore orders the clients that may have sent an announce with a new peer-id:
// the first one leaves the least to credit.
func (r *reported) countedMore(other *reported) bool {
	if r.up != other.up {
		return r.up > other.up
	}
	if r.down != other.down {
		return r.down > other.down
	}
	return bytes.Compare(r.id[:], other.id[:]) < 0
}

// comparePeerIDs orders clients by peer-id.
func (st *state) comparePeerIDs(a, b slot) int {
	x, y := st.peerID(a), st.peerID(b)
	return bytes.Compare(x[:], y[:])
}
