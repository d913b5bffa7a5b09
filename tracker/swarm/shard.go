package swarm

import (
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
	brands   brands
	odd      map[slot]told // what clients tell that don't hold it themselves
	byID     map[core.TorrentID]uint32
	torrents []*torrent // nil where byID has none
	vacant   []uint32   // the indexes of those
	listed   [kinds]int // of all torrents
	listed4  int        // entries of all lists, by family
	listed6  int
}

func (sh *shard) open(t times, perMember, numWant int) {
	sh.state = state{times: t, byID: map[core.TorrentID]uint32{}, odd: map[slot]told{}}
	sh.brands.open()
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
	return *st.place(c)
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
	if s := sh.named(&a.PeerID); s != 0 {
		return s
	}
	key := foldKey(a.Key)
	if key == 0 {
		return 0
	}
	var best slot
	var most told
	for _, s := range sh.mine {
		if sh.slab.at(s).key != key {
			continue
		}
		t := sh.told(s)
		if a.Uploaded >= t.up && a.Downloaded >= t.down && (best == 0 || t.countedMore(&most)) {
			best, most = s, t
		}
	}
	return best
}

// oldestUnlisted is the one of mine that has been unlisted for longest; 0 when
// all are listed.
func (sh *shard) oldestUnlisted() slot {
	var oldest slot
	for _, s := range sh.mine {
		if sh.slab.at(s).listed() {
			continue
		}
		if oldest == 0 || sh.off(s) < sh.off(oldest) ||
			sh.off(s) == sh.off(oldest) && sh.byPeerID(s, oldest) < 0 {
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
	*sh.slab.at(s) = client{member: uint32(a.Member), torrent: ti | isLive, place: now}
	sh.tell(s, &told{id: a.PeerID})
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
	if seeded := sh.seededBy(c); seeded != 0 && len(sh.mine) > 0 {
		heir := sh.needExtra(sh.slab.at(sh.mine[0]), sh.last(sh.mine[0], sh.slab.at(sh.mine[0])))
		heir.seeded = max(heir.seeded, seeded)
	}
	sh.dropExtra(c)
	if c.odd() {
		delete(sh.odd, s)
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

// apply makes the client p what a says.
func (sh *shard) apply(p slot, a *Announce) {
	c, now := sh.slab.at(p), unix(a.At)
	was := sh.where(p, c)
	seeded := sh.seeded()
	if c.listed() && c.whole() {
		seeded = max(seeded, now)
	}
	is, tells := was, sh.told(p)
	if !sh.overtaken(p, &tells, a) {
		tells.up, tells.down, tells.left = a.Uploaded, a.Downloaded, a.Left
	}
	tells.id = a.PeerID
	is.refresh(a, now, sh.times.timeout)
	stay := stays(a)
	t := sh.torrents[c.torrentIndex()]
	if tells.left > 0 || !c.whole() || t.lacking == 0 {
		t.lacking = max(t.lacking, now)
	}
	same := c.listed() && stay && c.kind() == kindOf(tells.left, a.partial()) && is.has4 == was.has4 && is.has6 == was.has6
	if same {
		sh.move(c, &is)
	} else {
		if c.listed() != stay || stay && c.whole() != (tells.left == 0) {
			sh.change(t)
		}
		sh.unlist(p, c)
	}
	sh.tell(p, &tells)
	c.flag(isPaused, a.partial())
	if stay && !same {
		sh.list(p, c, &is)
	}
	if a.Key != 0 {
		c.key = foldKey(a.Key)
	}
	c.flag(isOver6, a.Over6)
	if stay {
		sh.slab.setDue(p, now+sh.times.timeout)
	} else {
		*sh.place(c) = now
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
	if !is.extraordinary(now, seeded) {
		sh.dropExtra(c)
		return
	}
	x := sh.needExtra(c, now)
	x.seen4, x.seen6, x.seeded = is.seen4, is.seen6, seeded
}

// seeded is up to when the seed time of mine was counted.
func (sh *shard) seeded() uint32 {
	var latest uint32
	for _, s := range sh.mine {
		latest = max(latest, sh.seededBy(sh.slab.at(s)))
	}
	return latest
}

// seededBy is up to when seed time was counted of one client, 0 where none that
// another could count again.
func (st *state) seededBy(c *client) uint32 {
	if !c.extra() {
		return 0
	}
	return st.extras.all[c.place].seeded
}

// move changes the addresses of a listed client where they stand.
func (sh *shard) move(c *client, is *where) {
	t, kind := sh.torrents[c.torrentIndex()], c.kind()
	if is.has4 {
		t.four[kind][sh.place4(c)-1].addr = is.v4
	}
	if is.has6 {
		t.six[kind][sh.place6(c)-1].addr = is.v6
	}
}

// list puts an unlisted client among the seeders or leechers. Its due, and what
// has changed, are left to the caller.
func (st *state) list(s slot, c *client, is *where) {
	t, kind := st.torrents[c.torrentIndex()], c.kind()
	c.flag(isListed, true)
	*st.place(c) = 0
	if is.has4 {
		t.four[kind] = push(t.four[kind], makeEntry(s, is.v4))
		*st.place(c) = uint32(len(t.four[kind]))
		st.listed4++
	}
	if is.has6 {
		t.six[kind] = push(t.six[kind], makeEntry(s, is.v6))
		if is.has4 {
			st.needExtra(c, is.seen4)
		}
		c.flag(isSix, !c.extra())
		st.setPlace6(c, uint32(len(t.six[kind])))
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
	if place := st.place4(c); place != 0 {
		var moved slot
		t.four[kind], moved = cut(t.four[kind], place)
		st.listed4--
		if moved != 0 {
			*st.place(st.slab.at(moved)) = place
		}
	}
	if place := st.place6(c); place != 0 {
		var moved slot
		t.six[kind], moved = cut(t.six[kind], place)
		st.listed6--
		if moved != 0 {
			st.setPlace6(st.slab.at(moved), place)
		}
		st.setPlace6(c, 0)
	}
	c.flag(isSix, false)
	*st.place(c) = st.last(s, c)
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
