package roster

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Follow keeps the roster true from position on, until ctx ends, whether the
// database is there or not. It tells the event log how far it is, so call it when
// announces are answered.
func (r *Roster) Follow(ctx context.Context, position int64) error {
	r.changing.Lock()
	r.position = position
	r.changing.Unlock()
	return r.o.Events.ConsumeFrom(ctx, position, eventlog.Consumer{Name: r.o.Consumer, Handle: r.handle, Batch: page, Log: r.o.Log})
}

// stale is what a batch of events says to read again.
type stale struct {
	members  map[core.MemberID]bool
	torrents map[core.TorrentID]bool
	clients  bool
	schedule bool
	slots    bool
	all      bool
}

// handle reads again what the events name, each thing once.
func (r *Roster) handle(ctx context.Context, events []eventlog.Event) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	defer r.tellGone()
	if err := r.apply(ctx, events); err != nil {
		return err
	}
	r.position = events[len(events)-1].ID
	return nil
}

func (r *Roster) apply(ctx context.Context, events []eventlog.Event) error {
	s := stale{members: map[core.MemberID]bool{}, torrents: map[core.TorrentID]bool{}}
	for _, e := range events {
		if err := s.note(e); err != nil {
			// What it says can't be known, so everything may have changed.
			r.o.Log.Error("an event can't be read; the roster is loaded anew", "event", e.ID, "err", err)
			s.all = true
		}
	}
	if s.all {
		if err := r.loadAll(ctx); err != nil {
			return err
		}
	}
	if s.clients {
		if err := r.loadClients(ctx); err != nil {
			return err
		}
	}
	if s.schedule {
		if err := r.loadSchedule(ctx); err != nil {
			return err
		}
	}
	if s.slots {
		if err := r.loadSlots(ctx); err != nil {
			return err
		}
	}
	if err := r.readMembers(ctx, slices.Sorted(maps.Keys(s.members))); err != nil {
		return err
	}
	delete(s.torrents, 0) // then only the group was edited
	return r.readTorrents(ctx, slices.Sorted(maps.Keys(s.torrents)))
}

func (s *stale) note(e eventlog.Event) error {
	switch e.Kind {
	case eventlog.MemberChanged{}.EventKind():
		body, err := eventlog.Decode[eventlog.MemberChanged](e)
		s.members[body.Member] = true
		return err
	case eventlog.TorrentAdded{}.EventKind():
		body, err := eventlog.Decode[eventlog.TorrentAdded](e)
		s.torrents[body.Torrent] = true
		return err
	case eventlog.TorrentChanged{}.EventKind():
		body, err := eventlog.Decode[eventlog.TorrentChanged](e)
		s.torrents[body.Torrent] = true
		return err
	case eventlog.TorrentDeleted{}.EventKind():
		body, err := eventlog.Decode[eventlog.TorrentDeleted](e)
		s.torrents[body.Torrent] = true
		return err
	case eventlog.ClassChanged{}.EventKind():
		s.slots = true
	case eventlog.ClientsChanged{}.EventKind():
		s.clients = true
	case eventlog.LeechWindowsChanged{}.EventKind():
		s.schedule = true
	}
	return nil // the others do not concern us
}

func (r *Roster) readMembers(ctx context.Context, ids []core.MemberID) error {
	for part := range slices.Chunk(ids, page) {
		list, err := r.o.Members.Roster(ctx, part)
		if err != nil {
			return fmt.Errorf("follow members: %w", err)
		}
		found := map[core.MemberID]bool{}
		for _, m := range list {
			found[m.ID] = true
			r.putMember(m)
		}
		for _, id := range part {
			if !found[id] {
				r.removeMember(id)
			}
		}
	}
	return nil
}

func (r *Roster) readTorrents(ctx context.Context, ids []core.TorrentID) error {
	for part := range slices.Chunk(ids, page) {
		list, err := r.o.Torrents.TrackerTorrents(ctx, part)
		if err != nil {
			return fmt.Errorf("follow torrents: %w", err)
		}
		found := map[core.TorrentID]bool{}
		for _, t := range list {
			found[t.ID] = true
			r.putTorrent(t)
		}
		for _, id := range part {
			if !found[id] {
				r.removeTorrent(id)
			}
		}
	}
	return nil
}
