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

// Drift is how many things in the roster were not what the database held.
type Drift struct {
	Members, Torrents int
	Rules             bool // the client list or the slots of classes
}

// Reconcile compares everything with the database, mends what differs and tells
// what that was. What is only on its way through the event log is no drift: a
// difference counts when it is there with every event handled.
//
// It also forgets the torrents whose deletion is too long ago to be told, and
// reads the freeleech schedule anew, of which no differences are told.
func (r *Roster) Reconcile(ctx context.Context) (Drift, error) {
	var d Drift
	members, err := r.oddMembers(ctx)
	if err != nil {
		return d, fmt.Errorf("reconcile members: %w", err)
	}
	for part := range slices.Chunk(members, mendAtOnce) {
		n, err := r.mendMembers(ctx, part)
		if d.Members += n; err != nil {
			return d, fmt.Errorf("reconcile members: %w", err)
		}
	}
	torrents, err := r.oddTorrents(ctx)
	if err != nil {
		return d, fmt.Errorf("reconcile torrents: %w", err)
	}
	for part := range slices.Chunk(torrents, mendAtOnce) {
		n, err := r.mendTorrents(ctx, part)
		if d.Torrents += n; err != nil {
			return d, fmt.Errorf("reconcile torrents: %w", err)
		}
	}
	if d.Rules, err = r.mendRules(ctx); err != nil {
		return d, fmt.Errorf("reconcile rules: %w", err)
	}
	return d, nil
}

const (
	mendAtOnce = 500 // things looked at while following events waits
	mendTries  = 50
	mendPause  = 20 * time.Millisecond
)

// oddMembers are those that look different, which may be because a change is on
// its way. Following events does not wait for it.
func (r *Roster) oddMembers(ctx context.Context) ([]core.MemberID, error) {
	missing := map[core.MemberID]bool{} // from the database
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

func (r *Roster) mendMembers(ctx context.Context, ids []core.MemberID) (n int, err error) {
	err = r.settled(ctx, func() (func(), error) {
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

// oddTorrents is oddMembers of torrents.
func (r *Roster) oddTorrents(ctx context.Context) ([]core.TorrentID, error) {
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

func (r *Roster) mendTorrents(ctx context.Context, ids []core.TorrentID) (n int, err error) {
	err = r.settled(ctx, func() (func(), error) {
		list, err := r.o.Torrents.TrackerTorrents(ctx, ids)
		if err != nil {
			return nil, err
		}
		// Those that a page leaves out though they are there were deleted long ago.
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

// has reports whether a torrent is known as it is, by all its hashes but those
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

func (r *Roster) mendRules(ctx context.Context) (differed bool, err error) {
	err = r.settled(ctx, func() (func(), error) {
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

// settled reads from the database and, when no event is on its way, applies what
// was read; else it tries again a little later. An event becomes visible together
// with its change and in the order of ids: when the newest, looked up after the
// reading, is one that the roster has handled, then what was read holds no change
// of which the roster should not know.
func (r *Roster) settled(ctx context.Context, read func() (apply func(), err error)) error {
	for range mendTries {
		done, err := r.trySettled(ctx, read)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(mendPause):
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
