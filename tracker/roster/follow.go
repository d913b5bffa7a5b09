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
	return r.o.Events.ConsumeFrom(ctx, position, r.consumer())
}

// consumer notes what the events of a batch name, and then reads each thing once.
func (r *Roster) consumer() eventlog.Consumer {
	s := newStale()
	return eventlog.Consumer{
		Name: r.o.Consumer, Batch: page, Log: r.o.Log,
		Handlers: []eventlog.Handler{
			eventlog.Note(func(e eventlog.MemberChanged) { s.members[e.Member] = true }),
			eventlog.Note(func(e eventlog.TorrentAdded) { s.torrents[e.Torrent] = true }),
			eventlog.Note(func(e eventlog.TorrentChanged) { s.torrents[e.Torrent] = true }),
			eventlog.Note(func(e eventlog.TorrentDeleted) { s.torrents[e.Torrent] = true }),
			eventlog.Note(func(eventlog.ClassChanged) { s.slots = true }),
			eventlog.Note(func(eventlog.ClientsChanged) { s.clients = true }),
			eventlog.Note(func(eventlog.LeechWindowsChanged) { s.schedule = true }),
		},
		// What it would have said can't be known, so everything may have changed.
		Missed: func(eventlog.Event, error) { s.all = true },
		Flush: func(ctx context.Context, upTo int64) error {
			noted := *s
			*s = *newStale()
			return r.apply(ctx, &noted, upTo)
		},
	}
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

func newStale() *stale {
	return &stale{members: map[core.MemberID]bool{}, torrents: map[core.TorrentID]bool{}}
}

// apply reads again what events up to upTo name.
func (r *Roster) apply(ctx context.Context, s *stale, upTo int64) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	defer r.tellGone()
	if err := r.read(ctx, s); err != nil {
		return err
	}
	r.position = upTo
	return nil
}

func (r *Roster) read(ctx context.Context, s *stale) error {
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
