package swarm

import (
	"math/rand/v2"
	"sync"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// shard holds the torrents that share one lock.
type shard struct {
	mu sync.Mutex
	state
	changed   map[core.TorrentID]struct{} // torrents whose size has changed since TakeChanged
	mine      []slot                      // the clients of the member and torrent that are being worked on
	ended     []slot                      // those of them whose place an announce takes
	rng       rand.PCG
	sample    sample
	paired    []slot // peers that were chosen with both their addresses
	sweepAt   int    // how many pairs used may have before those that are whole are dropped
	record    []byte // of the change that is being made
	downloads *downloads
}

// state is what a shard knows. A snapshot copies it.
type state struct {
	times    times
	slab     slab
	index    index
	extras   extras
	prefixes idPrefixes
	oversize map[slot]reported // what clients report that does not fit into their structs
	used     map[pair]used     // what is used of allowances that are not whole
	byID     map[core.TorrentID]uint32
	torrents []*torrent // nil where byID has no torrent
	vacant   []uint32   // the indexes that are nil
	listed   [kinds]int // clients of all torrents
	listed4  int        // entries of all lists, by address family
	listed6  int
}

func (sh *shard) open(t times, perMember, numWant int) {
	sh.state = state{times: t, byID: map[core.TorrentID]uint32{}, oversize: map[slot]reported{}, used: map[pair]used{}}
	sh.prefixes.open()
	sh.changed = map[core.TorrentID]struct{}{}
	sh.rng.Seed(rand.Uint64(), rand.Uint64()) //nolint:gosec // it chooses peers, not secrets
	sh.sample.open(2*numWant + perMember)
	sh.mine, sh.ended = make([]slot, 0, 2*perMember), make([]slot, 0, perMember)
	sh.record = make([]byte, 0, maxRecord)
}

// last is when a client last announced, in Unix seconds.
func (st *state) last(s slot, c *client) uint32 {
	if c.listed() {
		return st.slab.due(s) - st.times.timeout
	}
	return *st.place(c)
}

// off is when a client was unlisted, in Unix seconds. It must be unlisted.
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

// oldestUnlisted returns the client of sh.mine that has been unlisted for longest, 0
// if all are listed. Those of sh.ended are being unlisted.
func (sh *shard) oldestUnlisted() slot {
	var oldest slot
	since := uint32(never)
	for _, s := range sh.mine {
		off := uint32(never)
		switch {
		case !sh.slab.at(s).listed():
			off = sh.off(s)
		case !sh.hasEnded(s):
			continue
		}
		if oldest == 0 || off < since || off == since && sh.comparePeerIDs(s, oldest) < 0 {
			oldest, since = s, off
		}
	}
	return oldest
}

func (sh *shard) torrentsFull() bool {
	return len(sh.vacant) == 0 && len(sh.torrents) >= maxTorrents
}

// torrent returns the index of a torrent, and adds the torrent if it is new.
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

// add adds an unlisted client to the shard and to sh.mine, in place of the unlisted
// client old, if that is not 0.
func (sh *shard) add(a *Announce, old slot) slot {
	ti := sh.torrent(a.Torrent)
	// Count the new client first, so that the torrent is not forgotten together
	// with the old one.
	sh.torrents[ti].clients++
	if old != 0 {
		sh.forget(old)
	}
	now := unix(a.At)
	s := sh.slab.add()
	*sh.slab.at(s) = client{member: uint32(a.Member), torrent: ti | isLive, place: now}
	sh.setReported(s, &reported{id: a.PeerID})
	sh.slab.setDue(s, now+sh.times.forget)
	sh.index.add(&sh.slab, s)
	sh.mine = append(sh.mine, s)
	return s
}

// forget removes an unlisted client of sh.mine, and with the last client its torrent.
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
		heir := sh.ensureExtra(sh.slab.at(sh.mine[0]), sh.last(sh.mine[0], sh.slab.at(sh.mine[0])))
		heir.seeded = max(heir.seeded, seeded)
	}
	sh.dropExtra(c)
	if c.oversize() {
		delete(sh.oversize, s)
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

// apply changes the client p as the announce a says.
func (sh *shard) apply(p slot, a *Announce) {
	c, now := sh.slab.at(p), unix(a.At)
	was := sh.addresses(p, c)
	seeded := sh.seeded()
	if c.listed() && c.whole() {
		seeded = max(seeded, now)
	}
	is, report := was, sh.reported(p)
	report = sh.next(p, &report, a)
	is.refresh(a, now, sh.times.timeout)
	stay := listedAfter(a)
	t := sh.torrents[c.torrentIndex()]
	if report.left > 0 || !c.whole() || t.lacking == 0 {
		t.lacking = max(t.lacking, now)
	}
	same := c.listed() && stay && c.kind() == kindOf(report.left, a.partial()) && is.has4 == was.has4 && is.has6 == was.has6
	if same {
		sh.move(c, &is)
	} else {
		if c.listed() != stay || stay && c.whole() != (report.left == 0) {
			sh.markChanged(t)
		}
		sh.unlist(p, c)
	}
	sh.setReported(p, &report)
	c.flag(isPaused, a.partial())
	if stay && !same {
		sh.list(p, c, &is)
	}
	if a.Key != 0 {
		c.key = foldKey(a.Key)
	}
	c.flag(isOver6, a.Over6)
	c.setMicroseconds(a.At)
	if stay {
		sh.slab.setDue(p, now+sh.times.timeout)
	} else {
		*sh.place(c) = now
		sh.slab.setDue(p, now+sh.times.forget)
	}
	sh.updateExtra(c, &is, now, seeded)
}

// updateExtra stores in the client's extra what only an extra can hold, and gives the
// extra back if there is nothing to store.
func (sh *shard) updateExtra(c *client, is *addresses, now, seeded uint32) {
	if len(sh.mine) == 1 {
		seeded = 0 // there is no other client that could count it again
	}
	if !c.listed() {
		is.has4, is.has6, is.private = false, false, 0
	}
	if !is.needsExtra(now, seeded) {
		sh.dropExtra(c)
		return
	}
	x := sh.ensureExtra(c, now)
	x.seen4, x.seen6, x.seeded, x.private = is.seen4, is.seen6, seeded, is.private
}

// seeded is the time up to which the seed time of sh.mine was counted.
func (sh *shard) seeded() uint32 {
	var latest uint32
	for _, s := range sh.mine {
		latest = max(latest, sh.seededBy(sh.slab.at(s)))
	}
	return latest
}

// seededBy is the time up to which one client's seed time was counted, if another
// client could count it again, else 0.
func (st *state) seededBy(c *client) uint32 {
	if !c.extra() {
		return 0
	}
	return st.extras.all[c.place].seeded
}

// move changes the addresses of a listed client in place.
func (sh *shard) move(c *client, is *addresses) {
	t, kind := sh.torrents[c.torrentIndex()], c.kind()
	if is.has4 {
		t.four[kind][sh.place4(c)-1].addr = is.v4
	}
	if is.has6 {
		t.six[kind][sh.place6(c)-1].addr = is.v6
	}
}

// list adds an unlisted client to the list of its kind. The caller sets its due and
// calls markChanged.
func (st *state) list(s slot, c *client, is *addresses) {
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
			st.ensureExtra(c, is.seen4)
		}
		c.flag(isSix, !c.extra())
		st.setPlace6(c, uint32(len(t.six[kind])))
		st.listed6++
	}
	t.listed[kind]++
	st.listed[kind]++
}

// unlist removes a client from its list, if it is listed. The client keeps what it has
// reported. The caller sets its due and calls markChanged.
func (st *state) unlist(s slot, c *client) {
	if !c.listed() {
		return
	}
	t, kind := st.torrents[c.torrentIndex()], c.kind()
	if place := st.place4(c); place != 0 {
		var moved slot
		t.four[kind], moved = removeEntry(t.four[kind], place)
		st.listed4--
		if moved != 0 {
			*st.place(st.slab.at(moved)) = place
		}
	}
	if place := st.place6(c); place != 0 {
		var moved slot
		t.six[kind], moved = removeEntry(t.six[kind], place)
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

func (sh *shard) markChanged(t *torrent) {
	if !t.changed {
		t.changed = true
		sh.changed[t.id] = struct{}{}
	}
}
