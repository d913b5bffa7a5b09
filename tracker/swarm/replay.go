package swarm

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// A record is what Replay needs to do again what an announce or a time-out has
// done to the swarms. Numbers of fixed size are little-endian.
//
//	an announce    kind 1, flags (1), event (1), torrent and member (uvarint),
//	               peer-id (20), key (4), uploaded, downloaded and left (uvarint),
//	               arrival (4), then by its flags: the peer-id that the client had
//	               before (20); the one of a client that was forgotten for it (20);
//	               IPv4 (6); IPv6 (18)
//	an unlisting   kind 2, torrent and member (uvarint), peer-id (20), when (4)
//	a client       kind 3, as in a snapshot: another tracker has handed it over
//	a handing over kind 4, torrent (uvarint): to another tracker
//
// Which client announced, and whom the limit of clients forgot, is written down as
// it was decided: settings may be others when it is replayed.
const (
	recordAnnounce = 1
	recordUnlisted = 2
	recordClient   = 3
	recordLeft     = 4

	maxRecord = 160 // bytes
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

// errRecord is what a record gets that no Announce or Reap made.
var errRecord = errors.New("a record of the swarms can't be read")

// Record returns what Replay needs to do a change again. Only the callback that is
// told of the change may ask, with the change's torrent, and the bytes hold until
// it returns.
func (s *Swarms) Record(id core.TorrentID) []byte { return s.shard(id).record }

// announced makes the record of an announce of p that is about to happen.
func (s *Swarms) announced(sh *shard, p slot, a *Announce) {
	var flags byte
	var was, forgotten wire.PeerID
	if p != 0 {
		was = sh.peerID(p)
	}
	switch {
	case p != 0 && was != a.PeerID:
		flags |= recordRenamed
	case p == 0 && len(sh.mine) >= s.c.PerMember:
		forgotten = sh.peerID(sh.oldestUnlisted())
		flags |= recordNew | recordForgets
	case p == 0:
		flags |= recordNew
	}
	for _, f := range []struct {
		bit byte
		on  bool
	}{{recordOver6, a.Over6}, {recordBarred, a.Barred}, {record4, !a.V4.IsZero()}, {record6, !a.V6.IsZero()}} {
		if f.on {
			flags |= f.bit
		}
	}
	b := sh.record[:0]
	b = append(b, recordAnnounce, flags, byte(a.Event))
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
	sh.record = b
}

// unlisted makes the record of a client that was unlisted without an announce.
func (sh *shard) unlisted(s slot, now uint32) {
	c, id := sh.slab.at(s), sh.peerID(s)
	b := sh.record[:0]
	b = append(b, recordUnlisted)
	b = binary.AppendUvarint(b, uint64(sh.torrents[c.torrentIndex()].id))
	b = binary.AppendUvarint(b, uint64(c.member))
	b = append(b, id[:]...)
	sh.record = binary.LittleEndian.AppendUint32(b, now)
}

// Replay does again what a Record says. Records of a torrent must come in
// their order, each once; those that a restored snapshot holds already must be
// left out. Then the swarm is as it was when the last one was made, but for
// clients that were to be forgotten: Reap does that. All torrents that occur count
// as changed. Nothing of it is judged, and rec is not kept.
func (s *Swarms) Replay(rec []byte) error {
	in := reader{data: rec}
	switch kind := in.take(1)[0]; kind {
	case recordAnnounce:
		r := in.announced()
		if in.bad || len(in.data) > 0 {
			return errRecord
		}
		return s.shard(r.Torrent).replay(&r)
	case recordUnlisted:
		torrent, member, id, now := core.TorrentID(in.number(math.MaxUint64)), in.number(math.MaxUint32), in.peerID(), in.instant()
		if in.bad || len(in.data) > 0 {
			return errRecord
		}
		s.shard(torrent).hideClient(torrent, uint32(member), id, now, func(Change) {})
		return nil
	case recordClient:
		return s.replayClient(&in)
	case recordLeft:
		return s.replayLeft(&in)
	default:
		return errRecord
	}
}

// happened is an announce out of a record.
type happened struct {
	Announce
	fresh     bool         // the client was not known
	was       *wire.PeerID // which peer-id the client had before; nil is the same
	forgotten *wire.PeerID // the client that made room for it; nil is none
}

// announced reads the rest of such a record.
func (in *reader) announced() (r happened) {
	flags := in.take(1)[0]
	in.bad = in.bad || flags&^recordKnown != 0
	r.Event = wire.Event(in.take(1)[0])
	r.Torrent, r.Member = core.TorrentID(in.number(math.MaxUint64)), core.MemberID(in.number(math.MaxUint32))
	r.PeerID = in.peerID()
	r.Key = uint64(binary.LittleEndian.Uint32(in.take(4)))
	r.Uploaded, r.Downloaded, r.Left = int64(in.number(math.MaxInt64)), int64(in.number(math.MaxInt64)), int64(in.number(math.MaxInt64))
	r.At = time.Unix(int64(in.instant()), 0)
	r.Over6, r.Barred, r.fresh = flags&recordOver6 != 0, flags&recordBarred != 0, flags&recordNew != 0
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
	return r
}

func (sh *shard) replay(r *happened) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ti, known := sh.byID[r.Torrent]
	sh.mine = sh.mine[:0]
	if known {
		sh.gather(ti, uint32(r.Member))
	}
	p := sh.named(&r.PeerID)
	if (r.fresh || r.was != nil) && p != 0 && !sh.slab.at(p).listed() {
		sh.forget(p) // as Reap had done
		p = 0
	}
	if r.was != nil && p == 0 {
		p = sh.named(r.was)
	}
	if p == 0 {
		if sh.slab.full() || !known && sh.torrentsFull() {
			return errors.New("the journal holds more clients than swarms can")
		}
		p = sh.add(&r.Announce, math.MaxInt)
		if r.forgotten != nil {
			if old := sh.named(r.forgotten); old != 0 && old != p && !sh.slab.at(old).listed() {
				sh.forget(old)
			}
		}
	}
	sh.apply(p, &r.Announce)
	sh.change(sh.torrents[sh.slab.at(p).torrentIndex()])
	return nil
}

// named is the one of mine with a peer-id, 0 when there is none.
func (sh *shard) named(id *wire.PeerID) slot {
	for _, s := range sh.mine {
		if sh.peerID(s) == *id {
			return s
		}
	}
	return 0
}

// Keep unlists and forgets what is served no more: clients of torrents and members
// for which the two functions say false. gone is told as by Drop and Hide. It is
// for swarms that were just restored, whose torrents and members may have gone
// meanwhile.
func (s *Swarms) Keep(now time.Time, torrent func(core.TorrentID) bool, member func(core.MemberID) bool, gone func(Change)) {
	s.recountLeeches()
	members := map[uint32]bool{}
	for i := range s.shards {
		for _, id := range s.shards[i].unknown(torrent) {
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

func (sh *shard) unknown(torrent func(core.TorrentID) bool) (ids []core.TorrentID) {
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
			sh.gather(c.torrentIndex(), c.member)
			sh.hide(now, gone, all)
		}
	}
}
