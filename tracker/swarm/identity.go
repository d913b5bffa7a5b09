package swarm

import (
	"slices"

	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// find returns the client of sh.mine that sent the announce, 0 if it is unknown.
func (sh *shard) find(a *Announce) slot {
	if s := sh.withPeerID(&a.PeerID); s != 0 {
		return s
	}
	key := foldKey(a.Key)
	if key == 0 {
		return 0
	}
	var best slot
	var most reported
	for _, s := range sh.mine {
		if sh.slab.at(s).key != key {
			continue
		}
		t := sh.reported(s)
		went := func(counter, before int64) bool { return counter == wire.Unknown || counter >= before }
		if went(a.Uploaded, t.up) && went(a.Downloaded, t.down) && (best == 0 || t.countedMore(&most)) {
			best, most = s, t
		}
	}
	return best
}

// findEnded sets sh.ended to the clients of sh.mine whose place the client p takes,
// because it listens where they did. p is 0 for an unknown client.
func (sh *shard) findEnded(p slot, a *Announce) {
	sh.ended = sh.ended[:0]
	if listedAfter(a) && (p == 0 || a.Event == wire.Started) {
		sh.appendEnded(p, a)
	}
}

func (sh *shard) appendEnded(p slot, a *Announce) {
	for _, s := range sh.mine {
		if s != p && sh.slab.at(s).listed() && sh.listensAt(s, a) {
			sh.ended = append(sh.ended, s)
		}
	}
}

// listensAt reports whether a listed client has an address of an announce.
func (sh *shard) listensAt(s slot, a *Announce) bool {
	is := sh.addresses(s, sh.slab.at(s))
	return is.has4 && a.V4.Is4() && [6]byte(a.V4.Bytes()) == is.v4 ||
		is.has6 && a.V6.Is6() && [18]byte(a.V6.Bytes()) == is.v6 ||
		is.private != 0 && is.private == a.private
}

// hasEnded reports whether a client of sh.mine is one whose place is taken.
func (sh *shard) hasEnded(s slot) bool { return slices.Contains(sh.ended, s) }

// endOthers unlists the clients of sh.ended.
func (sh *shard) endOthers(now uint32) {
	for _, s := range sh.ended {
		c := sh.slab.at(s)
		sh.unlistSilently(s, c, now)
	}
	sh.ended = sh.ended[:0]
}

// privateHash reduces an address that must not be given to others to 32 bits. They only
// have to distinguish the few clients of one member in one torrent.
func privateHash(e wire.Endpoint) uint32 {
	if e.IsZero() {
		return 0
	}
	h := uint32(2166136261)
	for _, b := range e.Bytes() { // FNV-1a
		h = (h ^ uint32(b)) * 16777619
	}
	return max(h, 1)
}
