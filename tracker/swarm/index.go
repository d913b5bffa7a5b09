package swarm

import "math/bits"

// index finds the clients of a member in a torrent. It is a hash table with open
// addressing and linear probing, in which all clients of one member in one torrent
// have the same hash. A cell holds a slot and 8 bits of its hash, so that clients of
// other hashes are hardly ever looked at; 0 is an empty cell.
type index struct {
	cells []uint32
	n     int
}

const (
	tagShift = 24
	slotMask = 1<<tagShift - 1
)

// hash mixes a torrent's index and a member. No outsider can choose either of them,
// so the hash need not be keyed.
func hash(torrent, member uint32) uint64 {
	x := (uint64(torrent)<<32 | uint64(member)) * 0x9E3779B97F4A7C15
	x = (x ^ x>>29) * 0xBF58476D1CE4E5B9
	return x ^ x>>32
}

func (c *client) hash() uint64 { return hash(c.torrentIndex(), c.member) }

// home is the cell at which probing for a hash starts.
func (x *index) home(h uint64) int {
	at, _ := bits.Mul64(h, uint64(len(x.cells)))
	return int(at)
}

func cell(h uint64, s slot) uint32 { return uint32(h)<<tagShift | uint32(s) }

func (x *index) next(i int) int {
	if i++; i < len(x.cells) {
		return i
	}
	return 0
}

// find appends the slots of a member's clients in a torrent to out.
func (x *index) find(b *slab, torrent, member uint32, out []slot) []slot {
	if x.n == 0 {
		return out
	}
	h := hash(torrent, member)
	tag := cell(h, 0)
	for i := x.home(h); x.cells[i] != 0; i = x.next(i) {
		if x.cells[i]&^slotMask != tag {
			continue
		}
		s := slot(x.cells[i] & slotMask)
		if c := b.at(s); c.member == member && c.torrentIndex() == torrent {
			out = append(out, s)
		}
	}
	return out
}

// add adds a client whose member and torrent are set.
func (x *index) add(b *slab, s slot) {
	if (x.n+1)*8 > len(x.cells)*7 {
		x.rebuild(b, len(x.cells)+len(x.cells)/4+16)
	}
	x.n++
	x.put(b.at(s).hash(), s)
}

func (x *index) put(h uint64, s slot) {
	i := x.home(h)
	for x.cells[i] != 0 {
		i = x.next(i)
	}
	x.cells[i] = cell(h, s)
}

// rebuild makes a table with another number of cells.
func (x *index) rebuild(b *slab, cells int) {
	old := x.cells
	x.cells = make([]uint32, cells)
	for _, c := range old {
		if c != 0 {
			s := slot(c & slotMask)
			x.put(b.at(s).hash(), s)
		}
	}
}

// remove removes a client and closes the gap, so that no probing ends there.
func (x *index) remove(b *slab, s slot) {
	hole := x.home(b.at(s).hash())
	for slot(x.cells[hole]&slotMask) != s {
		hole = x.next(hole)
	}
	for i := x.next(hole); x.cells[i] != 0; i = x.next(i) {
		home := x.home(b.at(slot(x.cells[i] & slotMask)).hash())
		// A cell may move to the hole if the hole lies between its home and its
		// place; that way may wrap around the table's end.
		if (i >= home) == (hole >= home) == (hole < i) {
			x.cells[hole] = x.cells[i]
			hole = i
		}
	}
	x.cells[hole] = 0
	x.n--
	if len(x.cells) > 64 && x.n < len(x.cells)/4 {
		x.rebuild(b, x.n+x.n/4+16)
	}
}
