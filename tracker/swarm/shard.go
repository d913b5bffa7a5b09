package swarm

import (
	"bytes"
	"math/rand/v2"
	"sync"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// shard holds the torrents of one lock.
type shard struct {
	mu sync.Mutex
	state
	changed map[core.TorrentID]struct{} // whose counts have changed since TakeChanged
	mine    []slot                      // the clients of the member and torrent at hand
	rng     rand.PCG
	sample  sample
	paired  []slot // peers that were chosen with both their addresses
	record  []byte // of the change at hand
	leeches *leeches
}

// state is what a shard knows. It can be copied.
type state struct {
	times    times
	slab     slab
	index    index
	extras   extras
	byID     map[core.TorrentID]uint32
	torrents []*torrent // nil where byID has none
	vacant   []uint32   // the indexes of those
	listed   [kinds]int // of all torrents
	listed4  int        // entries of all lists, by family
	listed6  int
}

func (sh *shard) open(t times, perMember, numWant int) {
	sh.state = state{times: t, byID: map[core.TorrentID]uint32{}}
	sh.changed = map[core.TorrentID]struct{}{}
	sh.rng.Seed(rand.Uint64(), rand.Uint64()) //nolint:gosec // it chooses peers, not secrets
	sh.sample.open(2*numWant + perMember)
	sh.record = make([]byte, 0, maxRecord)
}

// last is when a client last announced, in Unix seconds.
func (st *state) last(s slot, c *client) uint32 {
	if c.listed() {
		return st.slab.due(s) - st.times.timeout
	}
	return c.place
}

// off is when an unlisted client was unlisted, in Unix seconds.
func (st *state) off(s slot) uint32 { return st.slab.due(s) - st.times.forget }

func (st *state) count(id core.TorrentID) Count {
	n := Count{Torrent: id}
	if i, ok := st.byID[id]; ok {
		t := st.torrents[i]
		n.Seeders, n.Leechers = t.seeders(), t.leechers()
	}
	return n
}

func (st *state) result(torrent uint32, known bool, peers []wire.Peer) Result {
	if !known {
		return Result{Peers: peers}
	}
	t := st.torrents[torrent]
	return Result{Seeders: t.seeders(), Leechers: t.leechers(), Peers: peers}
}

// find returns the one of mine that announces, 0 when it is not known.
func (sh *shard) find(a *Announce) slot {
	for _, s := range sh.mine {
		if sh.slab.at(s).id == a.PeerID {
			return s
		}
	}
	key := foldKey(a.Key)
	if key == 0 {
		return 0
	}
	var best slot
	for _, s := range sh.mine {
		c := sh.slab.at(s)
		if c.key == key && a.Uploaded >= c.up && a.Downloaded >= c.down && (best == 0 || c.countedMore(sh.slab.at(best))) {
			best = s
		}
	}
	return best
}

// countedMore orders the clients that an announce with a new peer-id may be of:
// the first is the one that leaves the least to credit.
func (c *client) countedMore(d *client) bool {
	if c.up != d.up {
		return c.up > d.up
	}
	if c.down != d.down {
		return c.down > d.down
	}
	return bytes.Compare(c.id[:], d.id[:]) < 0
}

// oldestUnlisted is the one of mine that has been unlisted for longest; 0 when
// all are listed.
func (sh *shard) oldestUnlisted() slot {
	var oldest slot
	for _, s := range sh.mine {
		c := sh.slab.at(s)
		if c.listed() {
			continue
		}
		if oldest == 0 || sh.off(s) < sh.off(oldest) ||
			sh.off(s) == sh.off(oldest) && bytes.Compare(c.id[:], sh.slab.at(oldest).id[:]) < 0 {
			oldest = s
		}
	}
	return oldest
}

func (sh *shard) torrentsFull() bool {
	return len(sh.vacant) == 0 && len(sh.torrents) >= maxTorrents
}

// torrent finds or makes a torrent.
func (sh *shard) torrent(id core.TorrentID) uint32 {
	if i, ok := sh.byID[id]; ok {
		return i
	}
	t := &torrent{id: id}
	i := uint32(len(sh.torrents))
	if n := len(sh.vacant); n > 0 {
		i = sh.vacant[n-1]
		sh.vacant = sh.vacant[:n-1]
		sh.torrents[i] = t
	} else {
		sh.torrents = push(sh.torrents, t)
	}
	sh.byID[id] = i
	return i
}

// add makes a client that is known from now on and not yet listed, if need be in
// the place of the one of mine that was unlisted first. It becomes one of mine.
func (sh *shard) add(a *Announce, limit int) slot {
	ti := sh.torrent(a.Torrent)
	// The torrent counts the new client first, or it could be forgotten with
	// the old one.
	sh.torrents[ti].clients++
	if len(sh.mine) >= limit {
		sh.forget(sh.oldestUnlisted())
	}
	now := unix(a.At)
	s := sh.slab.add()
	*sh.slab.at(s) = client{id: a.PeerID, member: uint32(a.Member), torrent: ti | isLive, place: now}
	sh.slab.setDue(s, now+sh.times.forget)
	sh.index.add(&sh.slab, s)
	sh.mine = append(sh.mine, s)
	return s
}

// forget removes an unlisted client, which is one of mine, and its torrent with
// the last.
func (sh *shard) forget(s slot) {
	c := sh.slab.at(s)
	for i, m := range sh.mine {
		if m == s {
			sh.mine[i] = sh.mine[len(sh.mine)-1]
			sh.mine = sh.mine[:len(sh.mine)-1]
			break
		}
	}
	if c.extra != 0 {
		if seeded := sh.extras.all[c.extra].seeded; seeded != 0 && len(sh.mine) > 0 {
			heir := sh.needExtra(sh.slab.at(sh.mine[0]), sh.last(sh.mine[0], sh.slab.at(sh.mine[0])))
			heir.seeded = max(heir.seeded, seeded)
		}
		sh.extras.remove(c.extra)
	}
	ti := c.torrentIndex()
	sh.index.remove(&sh.slab, s)
	sh.slab.remove(s)
	t := sh.torrents[ti]
	if t.clients--; t.clients == 0 {
		delete(sh.byID, t.id)
		sh.torrents[ti] = nil
		sh.vacant = append(sh.vacant, ti)
	}
}

// needExtra returns the extra of a client that last announced at last. Without
// one, that is when its IPv4 address was seen.
func (st *state) needExtra(c *client, last uint32) *extra {
	if c.extra == 0 {
		c.extra = st.extras.add()
		st.extras.all[c.extra].seen4 = last
	}
	return &st.extras.all[c.extra]
}

// apply makes the client p what a says.
func (sh *shard) apply(p slot, a *Announce) {
	c, now := sh.slab.at(p), unix(a.At)
	was := sh.where(p, c)
	seeded := sh.seeded()
	if c.listed() && c.left == 0 {
		seeded = max(seeded, now)
	}
	up, down, left := a.Uploaded, a.Downloaded, a.Left
	if sh.overtaken(p, c, a) {
		up, down, left = c.up, c.down, c.left
	}
	is := was
	is.refresh(a, now, sh.times.timeout)
	stay := stays(a)
	t := sh.torrents[c.torrentIndex()]
	if left > 0 || c.left > 0 || t.lacking == 0 {
		t.lacking = max(t.lacking, now)
	}
	if c.listed() && stay && c.kind() == kindOf(left, a.partial()) && is.has4 == was.has4 && is.has6 == was.has6 {
		sh.move(c, &is)
	} else {
		if c.listed() != stay || stay && (c.left == 0) != (left == 0) {
			sh.change(t)
		}
		sh.unlist(p, c)
		c.left = left // it says into which list, as does the flag
		c.flag(isPaused, a.partial())
		if stay {
			sh.list(p, c, &is)
		}
	}
	c.id = a.PeerID
	if a.Key != 0 {
		c.key = foldKey(a.Key)
	}
	c.up, c.down, c.left = up, down, left
	c.flag(isOver6, a.Over6)
	c.flag(isPaused, a.partial())
	if stay {
		sh.slab.setDue(p, now+sh.times.timeout)
	} else {
		c.place = now
		sh.slab.setDue(p, now+sh.times.forget)
	}
	sh.note(c, &is, now, seeded)
}

// note keeps in the client's extra what only that can hold, and gives it back
// when there is nothing.
func (sh *shard) note(c *client, is *where, now, seeded uint32) {
	if len(sh.mine) == 1 {
		seeded = 0 // no other client could count it again
	}
	if !c.listed() {
		is.has4, is.has6 = false, false
	}
	if seeded == 0 && !is.has6 && (!is.has4 || is.seen4 == now) {
		if c.extra != 0 {
			sh.extras.remove(c.extra)
			c.extra = 0
		}
		return
	}
	x := sh.needExtra(c, now)
	x.seen4, x.seen6, x.seeded = is.seen4, is.seen6, seeded
}

// seeded is up to when the seed time of mine was counted.
func (sh *shard) seeded() uint32 {
	var latest uint32
	for _, s := range sh.mine {
		if x := sh.slab.at(s).extra; x != 0 {
			latest = max(latest, sh.extras.all[x].seeded)
		}
	}
	return latest
}

// move changes the addresses of a listed client where they stand.
func (sh *shard) move(c *client, is *where) {
	t, kind := sh.torrents[c.torrentIndex()], c.kind()
	if is.has4 {
		t.four[kind][c.place-1].addr = is.v4
	}
	if is.has6 {
		t.six[kind][sh.extras.all[c.extra].place6-1].addr = is.v6
	}
}

// list puts an unlisted client among the seeders or leechers. Its due, and what
// has changed, are left to the caller.
func (st *state) list(s slot, c *client, is *where) {
	t, kind := st.torrents[c.torrentIndex()], c.kind()
	c.flag(isListed, true)
	c.place = 0
	if is.has4 {
		t.four[kind] = push(t.four[kind], makeEntry(s, is.v4))
		c.place = uint32(len(t.four[kind]))
		st.listed4++
	}
	if is.has6 {
		t.six[kind] = push(t.six[kind], makeEntry(s, is.v6))
		st.needExtra(c, is.seen4).place6 = uint32(len(t.six[kind]))
		st.listed6++
	}
	t.listed[kind]++
	st.listed[kind]++
}

// unlist takes a client out of its list, if it is in one; it keeps what it last
// announced. Its due, and what has changed, are left to the caller.
func (st *state) unlist(s slot, c *client) {
	if !c.listed() {
		return
	}
	t, kind := st.torrents[c.torrentIndex()], c.kind()
	if c.place != 0 {
		var moved slot
		t.four[kind], moved = cut(t.four[kind], c.place)
		st.listed4--
		if moved != 0 {
			st.slab.at(moved).place = c.place
		}
	}
	if c.extra != 0 {
		x := &st.extras.all[c.extra]
		if x.place6 != 0 {
			var moved slot
			t.six[kind], moved = cut(t.six[kind], x.place6)
			st.listed6--
			if moved != 0 {
				st.extras.all[st.slab.at(moved).extra].place6 = x.place6
			}
			x.place6 = 0
		}
	}
	c.place = st.last(s, c)
	c.flag(isListed, false)
	t.listed[kind]--
	st.listed[kind]--
}

func (sh *shard) change(t *torrent) {
	if !t.changed {
		t.changed = true
		sh.changed[t.id] = struct{}{}
	}
}
