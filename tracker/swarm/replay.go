package swarm

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// A record is what Replay needs to repeat what an announce or a time-out has done to
// the swarms. Numbers of fixed size are little-endian.
//
//	announce   kind 1, flags (1), event with more flags (1), torrent and member
//	           (uvarint), peer-id (20), key (4), uploaded, downloaded and left
//	           (uvarint), arrival (4), then, if their flags are set: the peer-id
//	           that the client had before (20); the peer-id of a client that was
//	           forgotten to make room (20); IPv4 (6); IPv6 (18); a hash of the
//	           address that is not given to others (4); a mask of the allowances
//	           that were used (1), and for each of them when it is whole again, in
//	           microseconds since the arrival (varint)
//	unlisting  kind 2, torrent and member (uvarint), peer-id (20), when (4)
//	client     kind 3, as in a snapshot: another tracker has handed it over
//	removal    kind 4, torrent (uvarint): another tracker has taken it over
//
// The record says which client announced and which one was forgotten, because the
// settings may have changed when it is replayed.
const (
	recordAnnounce = 1
	recordUnlisted = 2
	recordClient   = 3
	recordRemoved  = 4

	maxRecord = 224 // bytes
)

const (
	recordOver6 = 1 << iota
	recordBarred
	recordNew // the client was not known
	recordRenamed
	recordForgets
	record4
	record6
	recordKnown = 1<<iota - 1
)

// These are in the byte of the event.
const (
	recordEnds    = 1 << (iota + 4) // the client takes the place of others at its addresses
	recordPrivate                   // it has an address that is not given to others
	recordUsed                      // it has used up allowances
	recordEvent   = 1<<4 - 1        // the event itself
)

// The allowances in a mask: each has a bit for upload and one for download.
const (
	maskLine = 1 << (2 * iota)
	maskGrace
	maskTorrent
	maskKnown = 1<<(2*iota) - 1
)

// errRecord is the error for a record that this package has not made.
var errRecord = errors.New("a record of the swarms can't be read")

// Record returns what Replay needs to repeat a change. Only the callback that is given
// the change may call it, with the change's torrent. The bytes are valid until that
// callback returns.
func (s *Swarms) Record(id core.TorrentID) []byte { return s.shard(id).record }

// writeAnnounceRecord makes the record of an announce of p that is about to be applied.
func (sh *shard) writeAnnounceRecord(p, evicted slot, a *Announce, v *verdict) {
	var was, forgotten wire.PeerID
	if p != 0 {
		was = sh.peerID(p)
	}
	if evicted != 0 {
		forgotten = sh.peerID(evicted)
	}
	mask := v.settled.changed
	for d := range directions {
		if v.claims[d].counts > 0 && v.claims[d].torrent.bytes < math.MaxInt64 {
			mask |= maskTorrent << d
		}
	}
	flags := flag(recordOver6, a.Over6) | flag(recordBarred, a.barred) | flag(recordNew, p == 0) | flag(recordRenamed, p != 0 && was != a.PeerID) |
		flag(recordForgets, evicted != 0) | flag(record4, !a.V4.IsZero()) | flag(record6, !a.V6.IsZero())
	more := flag(recordEnds, len(sh.ended) > 0) | flag(recordPrivate, a.private != 0) | flag(recordUsed, mask != 0)
	b := sh.record[:0]
	b = append(b, recordAnnounce, flags, byte(a.Event)|more)
	b = binary.AppendUvarint(b, uint64(a.Torrent))
	b = binary.AppendUvarint(b, uint64(a.Member))
	b = append(b, a.PeerID[:]...)
	b = binary.LittleEndian.AppendUint32(b, foldKey(a.Key))
	b = binary.AppendUvarint(b, uint64(a.Uploaded))
	b = binary.AppendUvarint(b, uint64(a.Downloaded))
	b = binary.AppendUvarint(b, uint64(a.Left))
	b = binary.LittleEndian.AppendUint32(b, unix(a.At))
	if flags&recordRenamed != 0 {
		b = append(b, was[:]...)
	}
	if flags&recordForgets != 0 {
		b = append(b, forgotten[:]...)
	}
	b = append(b, a.V4.Bytes()...)
	b = append(b, a.V6.Bytes()...)
	if more&recordPrivate != 0 {
		b = binary.LittleEndian.AppendUint32(b, a.private)
	}
	if more&recordUsed != 0 {
		b = appendUsed(b, mask, int64(unix(a.At))*1e6, v)
	}
	sh.record = b
}

// flag returns bit if on is true.
func flag(bit byte, on bool) byte {
	if on {
		return bit
	}
	return 0
}

// appendUsed appends which allowances are whole again when.
func appendUsed(b []byte, mask byte, at int64, v *verdict) []byte {
	b = append(b, mask)
	for d := range directions {
		for _, of := range [...]struct {
			bit   byte
			whole int64
		}{{maskLine, v.settled.line[d]}, {maskGrace, v.settled.grace[d]}, {maskTorrent, v.claims[d].whole}} {
			if mask&(of.bit<<d) != 0 {
				b = binary.AppendVarint(b, of.whole-at)
			}
		}
	}
	return b
}

// takeUsed reads what appendUsed wrote. What is not in the mask is 0.
func (in *reader) takeUsed(at int64) (account account, torrent used) {
	mask := in.take(1)[0]
	in.bad = in.bad || mask&^maskKnown != 0
	for d := range directions {
		for _, of := range [...]struct {
			bit   byte
			whole *int64
		}{{maskLine, &account.line[d]}, {maskGrace, &account.grace[d]}, {maskTorrent, &torrent[d]}} {
			if mask&(of.bit<<d) == 0 {
				continue
			}
			v, n := binary.Varint(in.data)
			if n <= 0 {
				in.bad = true
				return account, torrent
			}
			*of.whole, in.data = at+v, in.data[n:]
		}
	}
	return account, torrent
}

// writeUnlistRecord makes the record of a client that was unlisted without an announce.
func (sh *shard) writeUnlistRecord(s slot, now uint32) {
	c, id := sh.slab.at(s), sh.peerID(s)
	b := sh.record[:0]
	b = append(b, recordUnlisted)
	b = binary.AppendUvarint(b, uint64(sh.torrents[c.torrentIndex()].id))
	b = binary.AppendUvarint(b, uint64(c.member))
	b = append(b, id[:]...)
	sh.record = binary.LittleEndian.AppendUint32(b, now)
}

// Replay repeats what a record says. The records of a torrent must come in their
// order, each once, without those that a restored snapshot includes. Afterwards the
// swarm is as it was when the last record was made, except that clients whose time is
// over are left for Reap to forget. All torrents of records count as changed. Replay
// checks no limits and does not keep rec.
func (s *Swarms) Replay(rec []byte) error {
	in := reader{data: rec}
	switch kind := in.take(1)[0]; kind {
	case recordAnnounce:
		r := in.announceRecord()
		if in.bad || len(in.data) > 0 {
			return errRecord
		}
		r.account.seen = unix(r.At)
		s.accounts.raise(uint32(r.Member), &r.account)
		return s.shard(r.Torrent).replay(&r, s.accounts.grace.period)
	case recordUnlisted:
		torrent, member, id, now := core.TorrentID(in.number(math.MaxUint64)), in.number(math.MaxUint32), in.peerID(), in.instant()
		if in.bad || len(in.data) > 0 {
			return errRecord
		}
		s.shard(torrent).hideClient(torrent, uint32(member), id, now, func(Change) {})
		return nil
	case recordClient:
		return s.replayClient(&in)
	case recordRemoved:
		return s.replayRemoved(&in)
	default:
		return errRecord
	}
}

// announceRecord is an announce that was read from a record.
type announceRecord struct {
	Announce
	fresh     bool         // the client was not known
	was       *wire.PeerID // the peer-id that the client had before; nil is the same
	forgotten *wire.PeerID // the client that was forgotten to make room; nil is none
	ends      bool         // it takes the place of others
	uses      bool         // it has used up allowances
	account   account
	used      used
}

// announceRecord reads the rest of a record of an announce.
func (in *reader) announceRecord() (r announceRecord) {
	flags := in.take(1)[0]
	in.bad = in.bad || flags&^recordKnown != 0
	event := in.take(1)[0]
	r.Event = wire.Event(event & recordEvent)
	r.Torrent, r.Member = core.TorrentID(in.number(math.MaxUint64)), core.MemberID(in.number(math.MaxUint32))
	r.PeerID = in.peerID()
	r.Key = uint64(binary.LittleEndian.Uint32(in.take(4)))
	r.Uploaded, r.Downloaded, r.Left = int64(in.number(math.MaxInt64)), int64(in.number(math.MaxInt64)), int64(in.number(math.MaxInt64))
	r.At = time.Unix(int64(in.instant()), 0)
	r.Over6, r.barred, r.fresh = flags&recordOver6 != 0, flags&recordBarred != 0, flags&recordNew != 0
	r.ends, r.uses = event&recordEnds != 0, event&recordUsed != 0
	if flags&recordRenamed != 0 {
		id := in.peerID()
		r.was = &id
	}
	if flags&recordForgets != 0 {
		id := in.peerID()
		r.forgotten = &id
	}
	if flags&record4 != 0 {
		r.V4 = wire.EndpointOf4([6]byte(in.take(6)))
	}
	if flags&record6 != 0 {
		r.V6 = wire.EndpointOf6([18]byte(in.take(18)))
	}
	if event&recordPrivate != 0 {
		r.private = binary.LittleEndian.Uint32(in.take(4))
	}
	if r.uses {
		r.account, r.used = in.takeUsed(r.At.Unix() * 1e6)
	}
	return r
}

func (sh *shard) replay(r *announceRecord, period int64) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ti, known := sh.byID[r.Torrent]
	sh.mine = sh.mine[:0]
	if known {
		sh.findMine(ti, uint32(r.Member))
	}
	p := sh.withPeerID(&r.PeerID)
	if (r.fresh || r.was != nil) && p != 0 && !sh.slab.at(p).listed() {
		sh.forget(p) // Reap had done so
		p = 0
	}
	if r.was != nil && p == 0 {
		p = sh.withPeerID(r.was)
	}
	if r.ends {
		sh.ended = sh.ended[:0]
		sh.appendEnded(p, &r.Announce)
		sh.endOthers(unix(r.At))
	}
	if p == 0 {
		if sh.slab.full() || !known && sh.torrentsFull() {
			return errors.New("the journal holds more clients than swarms can")
		}
		p = sh.add(&r.Announce, 0)
		if r.forgotten != nil {
			if old := sh.withPeerID(r.forgotten); old != 0 && old != p && !sh.slab.at(old).listed() {
				sh.forget(old)
			}
		}
	}
	sh.apply(p, &r.Announce)
	if r.used != (used{}) {
		sh.raiseUsed(pair{r.Torrent, uint32(r.Member)}, r.used)
		sh.limitUsed(micros(r.At), period)
	}
	sh.markChanged(sh.torrents[sh.slab.at(p).torrentIndex()])
	return nil
}

// withPeerID returns the client of sh.mine with a peer-id, 0 if there is none.
func (sh *shard) withPeerID(id *wire.PeerID) slot {
	for _, s := range sh.mine {
		if sh.peerID(s) == *id {
			return s
		}
	}
	return 0
}

// Keep drops the torrents for which torrent returns false, and unlists the clients of
// the members for which member returns false. It calls gone as Drop and HideMembers
// do. It is for swarms that were just restored: their torrents and members may have
// gone meanwhile.
func (s *Swarms) Keep(now time.Time, torrent func(core.TorrentID) bool, member func(core.MemberID) bool, gone func(Change)) {
	s.recountDownloads()
	members := map[uint32]bool{}
	for i := range s.shards {
		for _, id := range s.shards[i].unserved(torrent) {
			s.Drop(id, now, gone)
		}
		s.shards[i].keep(unix(now), func(m uint32) bool {
			served, known := members[m]
			if !known {
				served = member(core.MemberID(m))
				members[m] = served
			}
			return served
		}, gone)
	}
}

func (sh *shard) unserved(torrent func(core.TorrentID) bool) (ids []core.TorrentID) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for id := range sh.byID {
		if !torrent(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (sh *shard) keep(now uint32, member func(uint32) bool, gone func(Change)) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for s := slot(1); uint32(s) < sh.slab.used; s++ {
		if c := sh.slab.at(s); c.listed() && !member(c.member) {
			sh.findMine(c.torrentIndex(), c.member)
			sh.unlistMine(now, gone, every)
		}
	}
}
