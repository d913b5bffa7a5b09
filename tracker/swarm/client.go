package swarm

import (
	"math"
	"time"
)

// slot is the place of a client in its shard. A client never moves; 0 is none.
type slot uint32

const (
	maxSlots    = 1 << 24 // clients of a shard: entries have 3 bytes for a slot
	maxTorrents = 1 << 24 // torrents of a shard: clients have 3 bytes for one
)

// client is what is known of a client for as long as it is remembered. It has no
// pointers, so that the garbage collector skips it. It is packed, because clients
// take most of the tracker's memory: reported.go reads and writes what a client
// reports of itself.
type client struct {
	suffix  [suffixSize]byte // of the peer-id
	prefix  uint16           // the number of the peer-id's prefix in the shard
	upHigh  uint16           // the bits from the 33rd on
	upLow   uint32
	downLow uint32
	leftLow uint32
	key     uint32 // folded from the announced one; 0 is none
	member  uint32 // a core.MemberID
	torrent uint32 // its index in the shard, with the flags above
	// place has several meanings. If the client has an extra, it is the index of the
	// extra, which then holds the place. If the client is listed, it is 1 + the
	// client's index among its torrent's IPv4 entries (with isSix the IPv6 entries),
	// or 0 if it has no entry. If it is unlisted, it is when the client last
	// announced, in Unix seconds. In a free slot, it is the next free slot.
	place    uint32
	downHigh uint16
	leftHigh uint8
	fraction uint8 // of the second in which the client last announced, in 1/fractions; 0 after a restart
}

const (
	isLive     = 1 << 31 // the slot is in use
	isListed   = 1 << 30
	isOver6    = 1 << 29 // the last announce came over IPv6
	isPaused   = 1 << 28 // the last announce was a partial seed's
	isOversize = 1 << 27 // what it reports is in the shard's oversize
	isSix      = 1 << 26 // it is listed with only an IPv6 address, and has no extra
	hasExtra   = 1 << 25
)

func (c *client) torrentIndex() uint32 { return c.torrent & (maxTorrents - 1) }
func (c *client) live() bool           { return c.torrent&isLive != 0 }
func (c *client) listed() bool         { return c.torrent&isListed != 0 }
func (c *client) over6() bool          { return c.torrent&isOver6 != 0 }
func (c *client) paused() bool         { return c.torrent&isPaused != 0 }

func (c *client) six() bool      { return c.torrent&isSix != 0 }
func (c *client) oversize() bool { return c.torrent&isOversize != 0 }
func (c *client) extra() bool    { return c.torrent&hasExtra != 0 }

// whole reports whether the client has nothing left.
func (c *client) whole() bool { return c.leftLow == 0 && c.leftHigh == 0 }

// kind is the list that the client is in, or would be in if it were listed.
func (c *client) kind() int { return kindOf(int64(c.leftHigh)<<32|int64(c.leftLow), c.paused()) }

func (c *client) flag(bit uint32, on bool) {
	c.torrent &^= bit
	if on {
		c.torrent |= bit
	}
}

// fractions of a second are how precisely it is known when a client last announced.
const fractions = 250

// microseconds is the part of the client's last announce below whole seconds.
func (c *client) microseconds() int64 { return int64(c.fraction) * (1e6 / fractions) }

func (c *client) setMicroseconds(t time.Time) {
	c.fraction = uint8(t.Nanosecond() / int(time.Second/fractions))
}

// foldKey reduces a key to 32 bits. They only have to distinguish the few clients of
// one member in one torrent.
func foldKey(key uint64) uint32 {
	if key == 0 {
		return 0
	}
	return max(uint32(key)^uint32(key>>32), 1)
}

// extra is what only some clients need: clients with addresses of both families,
// clients with an address that the last announce did not confirm or that is not given to
// others, and the clients of a member with several.
type extra struct {
	place   uint32 // as client.place without an extra, but never an index of IPv6 entries
	place6  uint32 // 1 + the index among the torrent's IPv6 entries, 0 without; in a free extra the next free one
	seen4   uint32 // when the IPv4 address was last announced, in Unix seconds
	seen6   uint32 // the same for IPv6
	private uint32 // as in addresses
	seeded  uint32 // the time up to which seed time was counted that another client of the member could count again
}

// extras allocates extras by index; 0 is none.
type extras struct {
	all  []extra
	free uint32
}

func (x *extras) add() uint32 {
	if i := x.free; i != 0 {
		x.free = x.all[i].place6
		x.all[i] = extra{}
		return i
	}
	if len(x.all) == 0 {
		x.all = append(x.all, extra{})
	}
	x.all = push(x.all, extra{})
	return uint32(len(x.all) - 1)
}

func (x *extras) remove(i uint32) {
	x.all[i] = extra{place6: x.free}
	x.free = i
}

// chunkBits says how many slots a chunk has. Slabs grow by chunks, because growing by
// copying would leave large pieces of garbage.
const (
	chunkBits  = 10
	chunkSlots = 1 << chunkBits
)

type (
	clientChunk [chunkSlots]client
	dueChunk    [chunkSlots]uint32
)

// slab holds the clients of a shard.
type slab struct {
	clients []*clientChunk
	// dues holds, for each slot, when its client is due: a listed client to be
	// unlisted, an unlisted one to be forgotten. Unix seconds; never for free slots.
	// They are not in the client structs because reaping reads all of them.
	dues []*dueChunk
	// soonest is a lower bound of the dues of each chunk.
	soonest []uint32
	used    uint32 // slots that have ever been in use, and slot 0
	free    slot   // the first free one of them
	live    int    // slots in use
}

const never = math.MaxUint32

func (b *slab) at(s slot) *client { return &b.clients[s>>chunkBits][s&(chunkSlots-1)] }

func (b *slab) due(s slot) uint32 { return b.dues[s>>chunkBits][s&(chunkSlots-1)] }

func (b *slab) setDue(s slot, when uint32) {
	i := s >> chunkBits
	b.dues[i][s&(chunkSlots-1)] = when
	b.soonest[i] = min(b.soonest[i], when)
}

// full reports whether there is no free slot left for add.
func (b *slab) full() bool { return b.free == 0 && b.used >= maxSlots }

// add takes a free slot. The slab must not be full.
func (b *slab) add() slot {
	b.live++
	if s := b.free; s != 0 {
		b.free = slot(b.at(s).place)
		*b.at(s) = client{}
		return s
	}
	if b.used == 0 {
		b.used = 1 // slot 0 is none
	}
	if int(b.used>>chunkBits) == len(b.clients) {
		b.clients = append(b.clients, new(clientChunk))
		d := new(dueChunk)
		for i := range d {
			d[i] = never
		}
		b.dues = append(b.dues, d)
		b.soonest = append(b.soonest, never)
	}
	b.used++
	return slot(b.used - 1)
}

func (b *slab) remove(s slot) {
	*b.at(s) = client{place: uint32(b.free)}
	b.dues[s>>chunkBits][s&(chunkSlots-1)] = never
	b.free = s
	b.live--
}

// push appends e. A full list grows by an eighth, where append would double it.
func push[E any](list []E, e E) []E {
	if len(list) == cap(list) {
		list = resize(list, len(list)+len(list)/8+2)
	}
	return append(list, e)
}

func resize[E any](list []E, room int) []E {
	return append(make([]E, 0, room), list...)
}
