package swarm

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// The lists of a torrent.
const (
	seeding = iota
	partial
	leeching
	kinds
)

// kindOf is the list that a client belongs in.
func kindOf(left int64, isPartial bool) int {
	switch {
	case left == 0:
		return seeding
	case isPartial:
		return partial
	default:
		return leeching
	}
}

// torrent is one swarm. Its listed clients have entries, one for each address, in
// lists by kind and address family. Peers are chosen from these lists alone.
type torrent struct {
	id      core.TorrentID
	four    [kinds][]entry4
	six     [kinds][]entry6
	listed  [kinds]uint32 // clients, with an address or without
	clients uint32        // listed or not
	lacking uint32        // when a client was last known to lack something, in Unix seconds; 0 is unknown
	changed bool          // it is in the shard's changed
}

// seeders and leechers count the listed clients.
func (t *torrent) seeders() int  { return int(t.listed[seeding]) }
func (t *torrent) leechers() int { return int(t.listed[leeching] + t.listed[partial]) }

// entry is an address and the client that it belongs to.
type entry[A [6]byte | [18]byte] struct {
	owner [3]byte
	addr  A // in network byte order with the port last, as in replies
}

type (
	entry4 = entry[[6]byte]
	entry6 = entry[[18]byte]
)

func makeEntry[A [6]byte | [18]byte](s slot, addr A) entry[A] {
	return entry[A]{owner: [3]byte{byte(s), byte(s >> 8), byte(s >> 16)}, addr: addr}
}

func (e *entry[A]) slot() slot {
	return slot(e.owner[0]) | slot(e.owner[1])<<8 | slot(e.owner[2])<<16
}

// removeEntry removes the entry at place (from 1) from list and moves the last entry
// there. moved is the client of the entry that was moved, 0 if none was.
func removeEntry[A [6]byte | [18]byte](list []entry[A], place uint32) (rest []entry[A], moved slot) {
	last := len(list) - 1
	if int(place-1) != last {
		list[place-1] = list[last]
		moved = list[last].slot()
	}
	list = list[:last]
	if cap(list) > 64 && last < cap(list)/4 {
		list = resize(list, last+last/4) // give back the memory of a swarm that was large
	}
	return list, moved
}

// addresses are those at which a client can be reached, and when it last announced
// each, in Unix seconds.
type addresses struct {
	v4           [6]byte
	v6           [18]byte
	has4, has6   bool
	seen4, seen6 uint32
	private      uint32 // a hash of where it is besides, which is not given to others; 0 is none
}

// refresh takes over the addresses of an announce, and drops an address that was not
// announced for longer than timeout.
func (w *addresses) refresh(a *Announce, now, timeout uint32) {
	switch {
	case !a.V4.IsZero():
		w.has4, w.seen4 = true, now
		copy(w.v4[:], a.V4.Bytes())
	case w.has4 && expired(w.seen4, now, timeout):
		w.has4 = false
	}
	switch {
	case !a.V6.IsZero():
		w.has6, w.seen6 = true, now
		copy(w.v6[:], a.V6.Bytes())
	case w.has6 && expired(w.seen6, now, timeout):
		w.has6 = false
	}
	if a.private != 0 {
		w.private = a.private
	}
}

func expired(seen, now, timeout uint32) bool { return int64(now)-int64(seen) > int64(timeout) }

// addresses returns the addresses of a client. An unlisted client has none, because it
// may come back from elsewhere.
func (st *state) addresses(s slot, c *client) (w addresses) {
	if !c.listed() {
		return w
	}
	t, kind := st.torrents[c.torrentIndex()], c.kind()
	seen4 := st.last(s, c)
	seen6 := seen4
	if c.extra() {
		x := &st.extras.all[c.place]
		seen4, seen6, w.private = x.seen4, x.seen6, x.private
	}
	if place := st.place4(c); place != 0 {
		w.has4, w.v4, w.seen4 = true, t.four[kind][place-1].addr, seen4
	}
	if place := st.place6(c); place != 0 {
		w.has6, w.v6, w.seen6 = true, t.six[kind][place-1].addr, seen6
	}
	return w
}

// needsExtra reports whether a client that last announced at last needs an extra to
// store its addresses and seeded.
func (w *addresses) needsExtra(last, seeded uint32) bool {
	return seeded != 0 || w.private != 0 || w.has4 && w.has6 || w.has4 && w.seen4 != last || w.has6 && w.seen6 != last
}

// place returns the place of a client, in the client itself or in its extra.
func (st *state) place(c *client) *uint32 {
	if c.extra() {
		return &st.extras.all[c.place].place
	}
	return &c.place
}

// place4 is the place of a listed client among IPv4 entries, from 1; 0 is none.
func (st *state) place4(c *client) uint32 {
	if c.six() {
		return 0
	}
	return *st.place(c)
}

// place6 is the same for IPv6.
func (st *state) place6(c *client) uint32 {
	switch {
	case c.six():
		return c.place
	case c.extra():
		return st.extras.all[c.place].place6
	default:
		return 0
	}
}

// setPlace6 changes the place of a client with an IPv6 address.
func (st *state) setPlace6(c *client, place uint32) {
	if c.six() {
		c.place = place
		return
	}
	st.extras.all[c.place].place6 = place
}

// ensureExtra returns the extra of a client that last announced at last. It makes one
// if there is none; then its addresses were last seen at that time.
func (st *state) ensureExtra(c *client, last uint32) *extra {
	if !c.extra() {
		i := st.extras.add()
		x := &st.extras.all[i]
		x.seen4, x.seen6 = last, last
		if c.six() {
			x.place6 = c.place
		} else {
			x.place = c.place
		}
		c.place = i
		c.flag(isSix, false)
		c.flag(hasExtra, true)
	}
	return &st.extras.all[c.place]
}

// dropExtra gives back the client's extra, if it has one.
func (st *state) dropExtra(c *client) {
	if !c.extra() {
		return
	}
	x := st.extras.all[c.place]
	st.extras.remove(c.place)
	c.place = x.place
	c.flag(hasExtra, false)
	if x.place6 != 0 {
		c.place = x.place6
		c.flag(isSix, true)
	}
}

// endpoint6 is the IPv6 address of a listed client, if it has one.
func (st *state) endpoint6(t *torrent, kind int, c *client) wire.Endpoint {
	place := st.place6(c)
	if place == 0 {
		return wire.Endpoint{}
	}
	return wire.EndpointOf6(t.six[kind][place-1].addr)
}
