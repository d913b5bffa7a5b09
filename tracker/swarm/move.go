package swarm

import (
	"encoding/binary"
	"math"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Export tells f of each client in the torrents that move, as a record with which
// Replay takes it into other swarms, in whatever order. f must not keep the record
// or call back; its error ends the export. Announces wait for one shard at a time.
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

// Torrents returns those torrents with any client for which which says true.
func (s *Swarms) Torrents(which func(core.TorrentID) bool) []core.TorrentID {
	var ids []core.TorrentID
	for i := range s.shards {
		ids = append(ids, s.shards[i].unknown(func(id core.TorrentID) bool { return !which(id) })...)
	}
	return ids
}

// LeaveRecord is what makes Replay remove a torrent that another tracker has taken
// over. Nobody is told that its clients have gone, as they have not.
func LeaveRecord(id core.TorrentID) []byte {
	return binary.AppendUvarint([]byte{recordLeft}, uint64(id))
}

// replayClient takes a client in that was in other swarms. One with its name
// gives way: it is the same, brought over before.
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
		sh.gather(ti, c.member)
		if p := sh.named(&c.id); p != 0 {
			sh.remove(p)
		}
	}
	return sh.restore(&c)
}

func (s *Swarms) replayLeft(in *reader) error {
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
			sh.gather(ti, c.member)
			sh.remove(s)
		}
	}
	delete(sh.changed, id) // its counts are the other tracker's to tell
	return nil
}

// remove forgets a client, listed or not; mine are those of its member.
func (sh *shard) remove(s slot) {
	sh.unlist(s, sh.slab.at(s))
	sh.forget(s)
}
