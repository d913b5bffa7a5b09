package swarm

import "math"

// slot is where a client lies in its shard. It never moves; 0 is none.
type slot uint32

const (
	maxSlots    = 1 << 24 // clients of a shard: entries have 3 bytes for a slot
	maxTorrents = 1 << 24 // torrents of a shard: clients have 3 bytes for one
)

// client is what is known of a client for as long as it is remembered. It has no
// pointers, so that the garbage collector has nothing to do, and is packed, as most
// of the tracker's memory is clients: told.go reads and writes what one tells of
// itself.
type client struct {
	tail    [tailSize]byte // of the peer-id
	brand   uint16         // the peer-id's beginning, among the shard's brands
	upHigh  uint16         // the bits from the 33rd on
	upLow   uint32
	downLow uint32
	leftLow uint32
	key     uint32 // folded from the announced one; 0 is none
	member  uint32 // a core.MemberID
	torrent uint32 // its index in the shard, and the flags above it
	// place has several uses. Of a client with an extra it is the index of that,
	// which has the place. Of a listed client it is 1 + its place among its torrent's
	// IPv4 entries, 0 without, or the same of IPv6 when it isSix. Of an unlisted one
	// it is when it last announced, in Unix seconds. Of a free slot it is the next
	// free one.
	place    uint32
	downHigh uint16
	leftHigh uint8
}

const (
	isLive   = 1 << 31 // the slot is in use
	isListed = 1 << 30
	isOver6  = 1 << 29 // the last announce came over IPv6
	isPaused = 1 << 28 // the last announce was a partial seed's
	isOdd    = 1 << 27 // what it tells is among the shard's odd
	isSix    = 1 << 26 // it is listed with an IPv6 address alone, and has no extra
	hasExtra = 1 << 25
)

func (c *client) torrentIndex() uint32 { return c.torrent & (maxTorrents - 1) }
func (c *client) live() bool           { return c.torrent&isLive != 0 }
func (c *client) listed() bool         { return c.torrent&isListed != 0 }
func (c *client) over6() bool          { return c.torrent&isOver6 != 0 }
func (c *client) paused() bool         { return c.torrent&isPaused != 0 }

func (c *client) six() bool   { return c.torrent&isSix != 0 }
func (c *client) odd() bool   { return c.torrent&isOdd != 0 }
func (c *client) extra() bool { return c.torrent&hasExtra != 0 }

// whole reports whether the client has nothing left.
func (c *client) whole() bool { return c.leftLow == 0 && c.leftHigh == 0 }

// kind is the list that the client is in, or belongs into.
func (c *client) kind() int { return kindOf(int64(c.leftHigh)<<32|int64(c.leftLow), c.paused()) }

func (c *client) flag(bit uint32, on bool) {
	c.torrent &^= bit
	if on {
		c.torrent |= bit
	}
}

// foldKey makes 32 bits of a key. They tell the clients of one member in one
// torrent apart, which are a handful.
func foldKey(key uint64) uint32 {
	if key == 0 {
		return 0
	}
	return max(uint32(key)^uint32(key>>32), 1)
}

// extra is what only some clients need: those with addresses of both families, those
// with an address that the last announce did not confirm, and those of a member with
// several clients.
type extra struct {
	place  uint32 // as of a client without an extra, but never among IPv6 entries
	place6 uint32 // 1 + its place among its torrent's IPv6 entries, 0 without; of a free one the next free one
	seen4  uint32 // when the IPv4 address was announced, in Unix seconds
	seen6  uint32 // the same of IPv6
	seeded uint32 // up to when seed time was counted that another client of the member could count again
}

// extras are handed out by index; 0 is none.
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

// chunkBits says how many slots lie in one piece: slabs grow by pieces, as
// growing by copying would leave holes of garbage.
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
	// dues says of each slot when something is to be done: a listed client to
	// be unlisted, an unlisted one to be forgotten. Unix seconds; never for free
	// slots. They lie by themselves because reaping reads all of them.
	dues []*dueChunk
	// soonest is a lower bound of the dues of each chunk.
	soonest []uint32
	used    uint32 // slots that ever were in use
	free    slot   // the first of those that are no more
	live    int
}

const never = math.MaxUint32

func (b *slab) at(s slot) *client { return &b.clients[s>>chunkBits][s&(chunkSlots-1)] }

func (b *slab) due(s slot) uint32 { return b.dues[s>>chunkBits][s&(chunkSlots-1)] }

func (b *slab) setDue(s slot, when uint32) {
	i := s >> chunkBits
	b.dues[i][s&(chunkSlots-1)] = when
	b.soonest[i] = min(b.soonest[i], when)
}

// full reports whether add has no slot left.
func (b *slab) full() bool { return b.free == 0 && b.used >= maxSlots }

// add takes a free slot; the shard must not be full.
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

// push appends e, and makes room for an eighth more where there is none: append
// itself would double short slices.
func push[E any](list []E, e E) []E {
	if len(list) == cap(list) {
		list = resize(list, len(list)+len(list)/8+2)
	}
	return append(list, e)
}

func resize[E any](list []E, room int) []E {
	return append(make([]E, 0, room), list...)
}
