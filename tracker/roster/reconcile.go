package roster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Drift is how much of the roster differed from the database.
type Drift struct {
	Members, Torrents int
	Rules             bool // the client list or the slots of classes
}

// Reconcile compares everything with the database, repairs what differs and returns how
// much that was. A change that is still on its way through the event log is not a
// difference: something differs only if it does so after every event was handled.
//
// Reconcile also forgets torrents whose deletion is too long ago to be reported to
// clients, and reads the freeleech schedule again without counting differences.
func (r *Roster) Reconcile(ctx context.Context) (Drift, error) {
	var d Drift
	members, err := r.differingMembers(ctx)
	if err != nil {
		return d, fmt.Errorf("reconcile members: %w", err)
	}
	for part := range slices.Chunk(members, repairAtOnce) {
		n, err := r.repairMembers(ctx, part)
		if d.Members += n; err != nil {
			return d, fmt.Errorf("reconcile members: %w", err)
		}
	}
	torrents, err := r.differingTorrents(ctx)
	if err != nil {
		return d, fmt.Errorf("reconcile torrents: %w", err)
	}
	for part := range slices.Chunk(torrents, repairAtOnce) {
		n, err := r.repairTorrents(ctx, part)
		if d.Torrents += n; err != nil {
			return d, fmt.Errorf("reconcile torrents: %w", err)
		}
	}
	if d.Rules, err = r.repairRules(ctx); err != nil {
		return d, fmt.Errorf("reconcile rules: %w", err)
	}
	return d, nil
}

const (
	repairAtOnce = 500 // how many things are compared while following events waits
	repairTries  = 50
	repairPause  = 20 * time.Millisecond
)

// differingMembers returns the members that seem to differ, perhaps because a change is
// still on its way. Following events goes on meanwhile.
func (r *Roster) differingMembers(ctx context.Context) ([]core.MemberID, error) {
	missing := map[core.MemberID]bool{} // members that are not in the database
	r.accounts.each(func(id core.MemberID, _ account) { missing[id] = true })
	var odd []core.MemberID
	for after := core.MemberID(0); ; {
		list, err := r.o.Members.RosterPage(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			delete(missing, e.ID)
			if known, _ := r.accounts.get(e.ID); known != accountOf(e) {
				odd = append(odd, e.ID)
			}
			after = e.ID
		}
		if len(list) < page {
			return slices.AppendSeq(odd, maps.Keys(missing)), nil
		}
	}
}

func (r *Roster) repairMembers(ctx context.Context, ids []core.MemberID) (n int, err error) {
	err = r.whenSettled(ctx, func() (func(), error) {
		list, err := r.o.Members.Roster(ctx, ids)
		return func() {
			missing := map[core.MemberID]bool{}
			for _, id := range ids {
				missing[id] = true
			}
			for _, e := range list {
				delete(missing, e.ID)
				if known, _ := r.accounts.get(e.ID); known != accountOf(e) {
					n++
					r.putMember(e)
				}
			}
			for id := range missing {
				if _, known := r.accounts.get(id); known {
					n++
					r.removeMember(id)
				}
			}
		}, err
	})
	return n, err
}

// differingTorrents returns the torrents that seem to differ.
func (r *Roster) differingTorrents(ctx context.Context) ([]core.TorrentID, error) {
	missing := map[core.TorrentID]bool{}
	r.mu.Lock()
	for id := range r.hashes {
		missing[id] = true
	}
	r.mu.Unlock()
	var odd []core.TorrentID
	for after := core.TorrentID(0); ; {
		list, err := r.o.Torrents.TrackerPage(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			delete(missing, e.ID)
			if !r.has(torrentOf(e), e.Hashes) {
				odd = append(odd, e.ID)
			}
			after = e.ID
		}
		if len(list) < page {
			return slices.AppendSeq(odd, maps.Keys(missing)), nil
		}
	}
}

func (r *Roster) repairTorrents(ctx context.Context, ids []core.TorrentID) (n int, err error) {
	err = r.whenSettled(ctx, func() (func(), error) {
		list, err := r.o.Torrents.TrackerTorrents(ctx, ids)
		if err != nil {
			return nil, err
		}
		// Torrents that exist but are not in a page were deleted long ago.
		served := map[core.TorrentID]bool{}
		for _, e := range list {
			if !e.Deleted {
				continue
			}
			near, err := r.o.Torrents.TrackerPage(ctx, e.ID-1, 1)
			if err != nil {
				return nil, err
			}
			served[e.ID] = len(near) == 1 && near[0].ID == e.ID
		}
		return func() {
			missing := map[core.TorrentID]bool{}
			for _, id := range ids {
				missing[id] = true
			}
			for _, e := range list {
				delete(missing, e.ID)
				switch same := r.has(torrentOf(e), e.Hashes); {
				case e.Deleted && !served[e.ID]:
					r.removeTorrent(e.ID)
				case !same:
					n++
					r.putTorrent(e)
				}
			}
			for id := range missing {
				if r.knows(id) {
					n++
					r.removeTorrent(id)
				}
			}
		}, nil
	})
	return n, err
}

func (r *Roster) knows(id core.TorrentID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.hashes[id]
	return ok
}

// has reports whether exactly this torrent is known by exactly these hashes, except those
// that another torrent has taken over.
func (r *Roster) has(t Torrent, hashes []core.InfoHash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range hashes {
		known, _ := r.torrents.get(h)
		if known != t && (known.ID == t.ID || known.ID == 0 || !t.Deleted) {
			return false
		}
	}
	for _, h := range r.hashes[t.ID] {
		if !slices.Contains(hashes, h) {
			return false
		}
	}
	return true
}

func (r *Roster) repairRules(ctx context.Context) (differed bool, err error) {
	err = r.whenSettled(ctx, func() (func(), error) {
		rules, err := r.o.Clients.Rules(ctx)
		if err != nil {
			return nil, err
		}
		slots, err := r.o.Members.LeechSlots(ctx)
		if err != nil {
			return nil, err
		}
		schedule, err := r.o.Economy.Schedule(ctx)
		return func() {
			differed = !slices.Equal(rules, r.rules) || !maps.Equal(slots, *r.slots.Load())
			r.putRules(rules)
			r.slots.Store(&slots)
			r.schedule.Store(&schedule)
		}, err
	})
	return differed, err
}

// whenSettled reads from the database and applies what it has read if no event is on its
// way; else it tries again a little later. An event becomes visible together with its
// change, and in the order of ids. If the newest event, looked up after reading, is one
// that the roster has handled, then the roster knows every change that was read.
func (r *Roster) whenSettled(ctx context.Context, read func() (apply func(), err error)) error {
	for range repairTries {
		done, err := r.trySettled(ctx, read)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(repairPause):
		}
	}
	return errors.New("changes come too fast to compare anything; the next reconciliation tries again")
}

func (r *Roster) trySettled(ctx context.Context, read func() (apply func(), err error)) (done bool, err error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	defer r.tellGone()
	apply, err := read()
	if err != nil {
		return false, err
	}
	last, err := r.o.Events.Last(ctx)
	if err != nil || last != r.position {
		return false, err
	}
	apply()
	return true, nil
}
