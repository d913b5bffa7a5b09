// Package roster knows who may announce what: members by announce key, torrents by
// info-hash, the client whitelist and the freeleech schedule. It is loaded once at the
// start, up to a position of the event log, and then follows the log. So no announce
// ever asks the database.
//
// Concurrency: lookups are safe for concurrent use and hold a short read lock on one of
// many shards. Load and Follow run one after the other. Reconcile may run beside
// Follow.
package roster

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Consumer is the name of the tracker's cursor in the event log. If several trackers
// share the torrents, each cursor's name is this, a colon and the name of the tracker.
// An upload is served once all these cursors have passed its event.
const Consumer = "tracker"

// Members is what the roster needs of the accounts; *member.Store has it.
type Members interface {
	RosterPage(ctx context.Context, after core.MemberID, limit int) ([]member.RosterEntry, error)
	Roster(ctx context.Context, ids []core.MemberID) ([]member.RosterEntry, error)
	LeechSlots(ctx context.Context) (map[int64]int, error)
}

// Torrents is what the roster needs of the catalogue; *catalog.Store has it.
type Torrents interface {
	TrackerPage(ctx context.Context, after core.TorrentID, limit int) ([]catalog.TrackerTorrent, error)
	TrackerTorrents(ctx context.Context, ids []core.TorrentID) ([]catalog.TrackerTorrent, error)
}

// Clients is what the roster needs of the whitelist; *client.Store has it.
type Clients interface {
	Rules(ctx context.Context) ([]client.Rule, error)
}

// Economy is what the roster needs of freeleech; *economy.Store has it.
type Economy interface {
	Schedule(ctx context.Context) (economy.Schedule, error)
}

// Options are what a roster needs.
type Options struct {
	Consumer string // the name of the cursor: Consumer, or that and ":name"
	Events   *eventlog.Log
	Members  Members
	Torrents Torrents
	Clients  Clients
	Economy  Economy
	Clock    core.Clock
	Log      *slog.Logger
	// MembersGone and TorrentGone are called for members and torrents that are no
	// longer served, after lookups have changed.
	MembersGone func([]core.MemberID)
	TorrentGone func(core.TorrentID)
}

// Member is what an announce needs to know about its member. Two that are equal are
// treated in the same way at any instant.
type Member struct {
	ID    core.MemberID
	Class int64
	first unique.Handle[phase] // the zero handle where nothing is ever held against the member
}

// phase is a time in which a member is treated in one way, and what comes after it.
type phase struct {
	member.Phase
	next unique.Handle[phase]
}

// NewMember returns a member with phases in the order of time.
func NewMember(id core.MemberID, class int64, phases ...member.Phase) Member {
	m := Member{ID: id, Class: class}
	for _, p := range slices.Backward(phases) {
		m.first = unique.Make(phase{p, m.first})
	}
	return m
}

// At is how the member is treated at an instant.
func (m Member) At(now time.Time) member.Phase {
	if m.first == (unique.Handle[phase]{}) {
		return member.Phase{}
	}
	at := now.Unix()
	p := m.first.Value()
	for p.Until != 0 && p.Until <= at {
		if p.next == (unique.Handle[phase]{}) {
			return member.Phase{}
		}
		p = p.next.Value()
	}
	return p.Phase
}

// Torrent is what an announce needs to know about its torrent.
type Torrent struct {
	ID      core.TorrentID
	Size    int64
	Leech   core.Leech // its own state, without freeleech windows
	Deleted bool
	Reason  string // why it was deleted; may be empty
	Slot    uint8  // the first four bits of its first info-hash, by which several trackers share the torrents
}

// account is a member with the announce key.
type account struct {
	Member
	announceKey string
}

// Roster is everything that announces are checked against.
type Roster struct {
	o          Options
	members    *table[string, Member] // by announce key
	accounts   *table[core.MemberID, account]
	torrents   *table[core.InfoHash, Torrent]
	clients    atomic.Pointer[client.Set]
	schedule   atomic.Pointer[economy.Schedule]
	slots      atomic.Pointer[map[int64]int]
	generation atomic.Int64

	// changing is held while the roster is brought to a newer state of the database,
	// by a batch of events or by a reconciliation.
	changing sync.Mutex
	position int64           // of the event log, up to which the roster has followed
	rules    []client.Rule   // from which clients was made
	gone     []core.MemberID // for the next call of MembersGone

	mu     sync.Mutex // guards hashes
	hashes map[core.TorrentID][]core.InfoHash
}

// New returns an empty roster. Nothing is found in it until it is loaded.
func New(o Options) *Roster {
	r := &Roster{
		o:        o,
		members:  newTable[string, Member](lastByte),
		accounts: newTable[core.MemberID, account](func(id core.MemberID) byte { return byte(id) }),
		torrents: newTable[core.InfoHash, Torrent](func(h core.InfoHash) byte { return h[len(h)-1] }),
		hashes:   map[core.TorrentID][]core.InfoHash{},
	}
	r.clients.Store(&client.Set{})
	r.schedule.Store(&economy.Schedule{})
	r.slots.Store(&map[int64]int{})
	return r
}

func lastByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}

// Member returns the member with an announce key.
func (r *Roster) Member(announceKey string) (Member, bool) { return r.members.get(announceKey) }

// Account returns a member by id, with the announce key.
func (r *Roster) Account(id core.MemberID) (m Member, announceKey string, ok bool) {
	a, ok := r.accounts.get(id)
	return a.Member, a.announceKey, ok
}

// LeechSlots returns how many torrents a member may download at once; 0 is any number.
func (r *Roster) LeechSlots(m Member) int { return (*r.slots.Load())[m.Class] }

// Torrent returns the torrent with an info-hash. A hybrid torrent is found by
// both of its hashes.
func (r *Roster) Torrent(h core.InfoHash) (Torrent, bool) { return r.torrents.get(h) }

// Allowed reports whether the client with this peer-id is on the whitelist. If it is
// only too old, tooOld is the rule that says so.
func (r *Roster) Allowed(peerID [20]byte) (ok bool, tooOld *client.Rule) {
	return r.clients.Load().Allowed(peerID)
}

// Leech returns how a transfer counts that is announced at a given instant.
func (r *Roster) Leech(t Torrent, m core.MemberID, at time.Time) core.Leech {
	return r.schedule.Load().Effective(t.Leech, t.ID, m, at).State
}

// Generation changes whenever a lookup may give another result than before.
func (r *Roster) Generation() int64 { return r.generation.Load() }

// Sizes returns how many members and info-hashes are known.
func (r *Roster) Sizes() (members, hashes int) { return r.members.len(), r.torrents.len() }

const page = 1000

// Load reads everything and returns the position of the event log up to which it has
// read everything for certain. It may have read changes of later events too. Following
// from that position reads those again, which does no harm.
func (r *Roster) Load(ctx context.Context) (position int64, err error) {
	// Read the position first: what is committed by then is in the tables.
	if position, err = r.o.Events.Last(ctx); err != nil {
		return 0, fmt.Errorf("read the position of the event log: %w", err)
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	defer r.tellGone()
	r.position = position
	return position, r.loadAll(ctx)
}

func (r *Roster) loadAll(ctx context.Context) error {
	if err := r.loadClients(ctx); err != nil {
		return err
	}
	if err := r.loadSchedule(ctx); err != nil {
		return err
	}
	if err := r.loadSlots(ctx); err != nil {
		return err
	}
	for after := core.MemberID(0); ; {
		list, err := r.o.Members.RosterPage(ctx, after, page)
		if err != nil {
			return err
		}
		for _, m := range list {
			r.putMember(m)
			after = m.ID
		}
		if len(list) < page {
			break
		}
	}
	for after := core.TorrentID(0); ; {
		list, err := r.o.Torrents.TrackerPage(ctx, after, page)
		if err != nil {
			return err
		}
		for _, t := range list {
			r.putTorrent(t)
			after = t.ID
		}
		if len(list) < page {
			return nil
		}
	}
}

func (r *Roster) loadClients(ctx context.Context) error {
	rules, err := r.o.Clients.Rules(ctx)
	if err != nil {
		return err
	}
	r.putRules(rules)
	return nil
}

func (r *Roster) putRules(rules []client.Rule) {
	r.rules = rules
	set := client.NewSet(rules)
	r.clients.Store(&set)
	r.generation.Add(1)
}

func (r *Roster) loadSchedule(ctx context.Context) error {
	s, err := r.o.Economy.Schedule(ctx)
	if err != nil {
		return err
	}
	r.schedule.Store(&s)
	return nil
}

func (r *Roster) loadSlots(ctx context.Context) error {
	slots, err := r.o.Members.LeechSlots(ctx)
	if err != nil {
		return err
	}
	r.slots.Store(&slots)
	return nil
}

func accountOf(e member.RosterEntry) account {
	return account{NewMember(e.ID, e.Class, e.Phases...), e.AnnounceKey}
}

func (r *Roster) putMember(e member.RosterEntry) {
	a := accountOf(e)
	before, known := r.accounts.get(e.ID)
	if known && before.announceKey != a.announceKey {
		r.members.remove(before.announceKey)
	}
	r.accounts.put(e.ID, a)
	r.members.put(a.announceKey, a.Member)
	r.generation.Add(1)
	if now := r.o.Clock(); known && !before.At(now).Shut && a.At(now).Shut {
		r.gone = append(r.gone, e.ID)
	}
}

func (r *Roster) removeMember(id core.MemberID) {
	if a, known := r.accounts.get(id); known {
		r.members.remove(a.announceKey)
		r.accounts.remove(id)
		r.generation.Add(1)
		r.gone = append(r.gone, id)
	}
}

// tellGone calls MembersGone for all members that are no longer served.
func (r *Roster) tellGone() {
	if len(r.gone) > 0 {
		r.o.MembersGone(r.gone)
		r.gone = nil
	}
}

func torrentOf(e catalog.TrackerTorrent) Torrent {
	t := Torrent{ID: e.ID, Size: int64(e.Size), Leech: e.Leech, Deleted: e.Deleted, Reason: e.DeleteReason}
	if len(e.Hashes) > 0 {
		t.Slot = e.Hashes[0][0] >> 4
	}
	return t
}

func (r *Roster) putTorrent(e catalog.TrackerTorrent) {
	t := torrentOf(e)
	r.mu.Lock()
	served := r.served(e.ID)
	var hashes []core.InfoHash
	for _, h := range e.Hashes {
		// A new upload of a deleted torrent may have the same hash.
		if other, ok := r.torrents.get(h); ok && other.ID != t.ID && t.Deleted && !other.Deleted {
			continue
		}
		r.torrents.put(h, t)
		hashes = append(hashes, h)
	}
	r.setHashes(e.ID, hashes)
	r.generation.Add(1)
	r.mu.Unlock()
	if served && t.Deleted {
		r.o.TorrentGone(e.ID)
	}
}

func (r *Roster) removeTorrent(id core.TorrentID) {
	r.mu.Lock()
	served := r.served(id)
	r.setHashes(id, nil)
	r.generation.Add(1)
	r.mu.Unlock()
	if served {
		r.o.TorrentGone(id)
	}
}

// served reports whether a torrent exists and is not deleted. mu must be held.
func (r *Roster) served(id core.TorrentID) bool {
	for _, h := range r.hashes[id] {
		if t, ok := r.torrents.get(h); ok && t.ID == id && !t.Deleted {
			return true
		}
	}
	return false
}

// setHashes sets the hashes of a torrent and removes its others. mu must be held.
func (r *Roster) setHashes(id core.TorrentID, hashes []core.InfoHash) {
	for _, h := range r.hashes[id] {
		if t, ok := r.torrents.get(h); ok && t.ID == id && !slices.Contains(hashes, h) {
			r.torrents.remove(h)
		}
	}
	if len(hashes) == 0 {
		delete(r.hashes, id)
		return
	}
	r.hashes[id] = hashes
}
