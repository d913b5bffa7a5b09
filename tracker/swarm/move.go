package swarm

import (
	"encoding/binary"
	"math"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Export calls f for each client of the torrents that move, with a record from which
// Replay adds the client to other swarms. The records may be replayed in any order. f
// must not keep the record or call this package; its error ends the export. Announces
// have to wait for one shard at a time.
func (s *Swarms) Export(moves func(core.TorrentID) bool, f func(id core.TorrentID, rec []byte) error) error {
	for i := range s.shards {
		if err := s.shards[i].export(moves, f); err != nil {
			return err
		}
	}
	return nil
}

func (sh *shard) export(moves func(core.TorrentID) bool, f func(id core.TorrentID, rec []byte) error) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var rec []byte
	for s := slot(1); uint32(s) < sh.slab.used; s++ {
		c := sh.slab.at(s)
		if !c.live() {
			continue
		}
		id := sh.torrents[c.torrentIndex()].id
		if !moves(id) {
			continue
		}
		rec = sh.appendClient(append(rec[:0], recordClient), s, c)
		if err := f(id, rec); err != nil {
			return err
		}
	}
	return nil
}

// Torrents returns the torrents with any client that which selects.
func (s *Swarms) Torrents(which func(core.TorrentID) bool) []core.TorrentID {
	var ids []core.TorrentID
	for i := range s.shards {
		ids = append(ids, s.shards[i].unserved(func(id core.TorrentID) bool { return !which(id) })...)
	}
	return ids
}

// RemovalRecord returns a record that makes Replay remove a torrent which another
// tracker has taken over. The books are not told that its clients are gone, because
// they are not.
func RemovalRecord(id core.TorrentID) []byte {
	return binary.AppendUvarint([]byte{recordRemoved}, uint64(id))
}

// replayClient adds a client from other swarms. If there is one with its peer-id
// already, it is the same client from an earlier try, and is replaced.
func (s *Swarms) replayClient(in *reader) error {
	c, err := in.client()
	if err != nil || in.bad || len(in.data) > 0 {
		return errRecord
	}
	sh := s.shard(c.torrent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.mine = sh.mine[:0]
	if ti, known := sh.byID[c.torrent]; known {
		sh.findMine(ti, c.member)
		if p := sh.withPeerID(&c.id); p != 0 {
			sh.remove(p)
		}
	}
	return sh.restore(&c)
}

func (s *Swarms) replayRemoved(in *reader) error {
	id := core.TorrentID(in.number(math.MaxUint64))
	if in.bad || len(in.data) > 0 {
		return errRecord
	}
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ti, known := sh.byID[id]
	if !known {
		return nil
	}
	for s := slot(1); uint32(s) < sh.slab.used && sh.torrents[ti] != nil; s++ {
		if c := sh.slab.at(s); c.live() && c.torrentIndex() == ti {
			sh.findMine(ti, c.member)
			sh.remove(s)
		}
	}
	delete(sh.changed, id) // the other tracker reports its size
	return nil
}

// remove forgets a client, listed or not. sh.mine must be the clients of its member.
func (sh *shard) remove(s slot) {
	sh.unlist(s, sh.slab.at(s))
	sh.forget(s)
}
