package roster

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// sources are stores in memory, so that a test decides what stands in them at
// each moment.
type sources struct {
	mu       sync.Mutex
	members  map[core.MemberID]member.RosterEntry
	torrents map[core.TorrentID]catalog.TrackerTorrent
	rules    []client.Rule
	schedule economy.Schedule
	slots    map[int64]int
	fail     error
}

func pageOf[K ~int64, V any](s *sources, all map[K]V, after K, limit int) ([]V, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []V
	for id := after + 1; id < 10_000 && len(out) < limit; id++ {
		if v, ok := all[id]; ok {
			out = append(out, v)
		}
	}
	return out, s.fail
}

func byID[K ~int64, V any](s *sources, all map[K]V, ids []K) ([]V, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []V
	for _, id := range ids {
		if v, ok := all[id]; ok {
			out = append(out, v)
		}
	}
	return out, s.fail
}

func (s *sources) RosterPage(_ context.Context, after core.MemberID, limit int) ([]member.RosterEntry, error) {
	return pageOf(s, s.members, after, limit)
}

func (s *sources) Roster(_ context.Context, ids []core.MemberID) ([]member.RosterEntry, error) {
	return byID(s, s.members, ids)
}

func (s *sources) TrackerPage(_ context.Context, after core.TorrentID, limit int) ([]catalog.TrackerTorrent, error) {
	return pageOf(s, s.torrents, after, limit)
}

func (s *sources) TrackerTorrents(_ context.Context, ids []core.TorrentID) ([]catalog.TrackerTorrent, error) {
	return byID(s, s.torrents, ids)
}

func (s *sources) Rules(context.Context) ([]client.Rule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules, s.fail
}

func (s *sources) LeechSlots(context.Context) (map[int64]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.slots), s.fail
}

func (s *sources) Schedule(context.Context) (economy.Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule, s.fail
}

// world is a roster on such sources and a real event log.
type world struct {
	*Roster
	src    *sources
	t      testing.TB
	d      *db.DB
	events *eventlog.Log
	mu     sync.Mutex
	gone   []any
}

func newWorld(t testing.TB) *world {
	d := dbtest.SQLite(t)
	w := &world{t: t, d: d, events: eventlog.New(d, time.Now), src: &sources{
		members:  map[core.MemberID]member.RosterEntry{},
		torrents: map[core.TorrentID]catalog.TrackerTorrent{},
	}}
	note := func(id any) { w.mu.Lock(); defer w.mu.Unlock(); w.gone = append(w.gone, id) }
	w.Roster = New(Options{
		Consumer: Consumer,
		Events:   w.events, Members: w.src, Torrents: w.src, Clients: w.src, Economy: w.src, Clock: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		MembersGone: func(ids []core.MemberID) {
			for _, id := range ids {
				note(id)
			}
		},
		TorrentGone: func(id core.TorrentID) { note(id) },
	})
	return w
}

func (w *world) takeGone() []any {
	w.mu.Lock()
	defer w.mu.Unlock()
	gone := w.gone
	w.gone = nil
	return gone
}

func entry(id core.MemberID, announceKey string) member.RosterEntry {
	return member.RosterEntry{ID: id, AnnounceKey: announceKey}
}

func torrent(id core.TorrentID, hashes ...core.InfoHash) catalog.TrackerTorrent {
	return catalog.TrackerTorrent{ID: id, Hashes: hashes, Leech: core.LeechNormal}
}

// set changes the sources under their lock.
func (w *world) set(change func()) {
	w.src.mu.Lock()
	defer w.src.mu.Unlock()
	change()
}

// tell appends events and returns the last one's id.
func (w *world) tell(bodies ...eventlog.Body) int64 {
	w.t.Helper()
	var last int64
	for _, b := range bodies {
		err := w.d.Tx(w.t.Context(), func(tx *db.Tx) (err error) {
			last, err = w.events.Append(w.t.Context(), tx, b)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return last
}

// follow starts to follow, and returns a function that waits for an event.
func (w *world) follow(position int64) func(id int64) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Follow(ctx, position) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("follow: %v", err)
		}
	})
	return func(id int64) {
		w.t.Helper()
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		defer cancel()
		if err := w.events.WaitFor(ctx, Consumer, id); err != nil {
			w.t.Fatalf("event %d was not followed: %v", id, err)
		}
	}
}

func (w *world) wantMember(announceKey string, want Member, known bool) {
	w.t.Helper()
	if got, ok := w.Member(announceKey); ok != known || got != want {
		w.t.Errorf("member %q: %+v, %v; want %+v, %v", announceKey, got, ok, want, known)
	}
}

func (w *world) wantTorrent(h core.InfoHash, want Torrent, known bool) {
	w.t.Helper()
	if got, ok := w.Torrent(h); ok != known || got != want {
		w.t.Errorf("torrent %s: %+v, %v; want %+v, %v", h, got, ok, want, known)
	}
}

var h1, h2, h3 = core.InfoHash{1}, core.InfoHash{2}, core.InfoHash{3}

func TestLoadAndFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id := core.MemberID(100); id < 100+2*page; id++ { // more than a page
		w.src.members[id] = entry(id, "other-"+time.Unix(int64(id), 0).String())
	}
	w.src.members[1] = entry(1, "alice")
	w.src.torrents[1] = torrent(1, h1, h2)
	w.src.rules = []client.Rule{{Prefix: "-TR3"}}
	w.tell(eventlog.MemberChanged{Member: 1}, eventlog.ClientsChanged{})
	w.wantMember("alice", Member{}, false)
	position, err := w.Load(t.Context())
	if err != nil || position != 2 {
		t.Fatalf("position %d, %v", position, err)
	}
	served := Torrent{ID: 1, Leech: core.LeechNormal}
	w.wantMember("alice", Member{ID: 1}, true)
	w.wantMember("", Member{}, false)
	w.wantTorrent(h1, served, true)
	w.wantTorrent(h2, served, true)
	if n, hashes := w.Sizes(); n != 2*page+1 || hashes != 2 {
		t.Errorf("%d members, %d hashes", n, hashes)
	}
	wait := w.follow(position)

	w.set(func() {
		w.src.members[1] = member.RosterEntry{ID: 1, AnnounceKey: "alice2", Phases: []member.Phase{{NoLeech: true}}}
		w.src.members[2] = entry(2, "bob")
		w.src.torrents[2] = torrent(2, h3)
		w.src.rules = []client.Rule{{Prefix: "A2-"}}
		w.src.schedule = economy.NewSchedule(economy.Config{}, []economy.Window{{
			ID: 1, Source: economy.SourceStaff, State: core.LeechFree, Torrent: 2, Starts: epoch, Ends: epoch.Add(time.Hour)}}, epoch)
	})
	wait(w.tell(eventlog.MemberChanged{Member: 1}, eventlog.MemberChanged{Member: 2}, eventlog.TorrentAdded{Torrent: 2},
		eventlog.ClientsChanged{}, eventlog.LeechWindowsChanged{}, eventlog.JobFailed{}))
	w.wantMember("alice", Member{}, false)
	w.wantMember("alice2", NewMember(1, 0, member.Phase{NoLeech: true}), true)
	w.wantMember("bob", Member{ID: 2}, true)
	w.wantTorrent(h3, Torrent{ID: 2, Leech: core.LeechNormal}, true)
	old, _ := w.Allowed([20]byte{'-', 'T', 'R', '3'})
	if now, _ := w.Allowed([20]byte{'A', '2', '-'}); old || !now {
		t.Error("the whitelist did not follow")
	}
	two, _ := w.Torrent(h3)
	if w.Leech(two, 1, epoch) != core.LeechFree || w.Leech(two, 1, epoch.Add(time.Hour)) != core.LeechNormal || w.Leech(served, 1, epoch) != core.LeechNormal {
		t.Error("the freeleech window did not follow")
	}
	if gone := w.takeGone(); gone != nil {
		t.Errorf("gone: %v", gone)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.src.members[1], w.src.members[2], w.src.members[3] = entry(1, "alice"), entry(2, "bob"), entry(3, "carol")
	w.src.torrents[1], w.src.torrents[2] = torrent(1, h1, h2), torrent(2, h3)
	position, err := w.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wait := w.follow(position)
	before := w.Generation()
	w.set(func() {
		w.src.members[1] = member.RosterEntry{ID: 1, AnnounceKey: "alice", Phases: []member.Phase{{Shut: true, Why: "left the lab"}}}
		delete(w.src.members, 2)
		w.src.torrents[1] = catalog.TrackerTorrent{ID: 1, Hashes: []core.InfoHash{h1, h2}, Deleted: true, DeleteReason: "mislabelled"}
		delete(w.src.torrents, 2)
	})
	events := []eventlog.Body{eventlog.MemberChanged{Member: 1}, eventlog.MemberChanged{Member: 2},
		eventlog.TorrentDeleted{Torrent: 1}, eventlog.TorrentChanged{Torrent: 2}, eventlog.TorrentChanged{Group: 5}}
	wait(w.tell(events...))
	w.wantMember("alice", NewMember(1, 0, member.Phase{Shut: true, Why: "left the lab"}), true)
	w.wantMember("bob", Member{}, false)
	w.wantMember("carol", Member{ID: 3}, true)
	deleted := Torrent{ID: 1, Deleted: true, Reason: "mislabelled"}
	w.wantTorrent(h1, deleted, true)
	w.wantTorrent(h2, deleted, true)
	w.wantTorrent(h3, Torrent{}, false)
	if w.Generation() == before {
		t.Error("the generation did not change")
	}
	seen := map[any]int{}
	for _, id := range w.takeGone() {
		seen[id]++
	}
	if diff := cmp.Diff(map[any]int{core.MemberID(1): 1, core.MemberID(2): 1, core.TorrentID(1): 1, core.TorrentID(2): 1}, seen); diff != "" {
		t.Errorf("gone\n%s", diff)
	}
	wait(w.tell(events...)) // again: nothing is gone twice
	if gone := w.takeGone(); gone != nil {
		t.Errorf("gone again: %v", gone)
	}
	w.set(func() { w.src.torrents[4] = torrent(4, h1) }) // uploaded again after the deletion
	wait(w.tell(eventlog.TorrentAdded{Torrent: 4}))
	wait(w.tell(eventlog.TorrentChanged{Torrent: 1}))
	w.wantTorrent(h1, Torrent{ID: 4, Leech: core.LeechNormal}, true)
	w.wantTorrent(h2, deleted, true)
}

func TestFollowSurvivesFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.src.fail = errors.New("database away")
	if _, err := w.Load(t.Context()); err == nil {
		t.Fatal("loading from a broken source succeeded")
	}
	wait := w.follow(0)
	w.set(func() { w.src.members[7] = entry(7, "grace") })
	id := w.tell(eventlog.MemberChanged{Member: 7})
	w.set(func() { w.src.fail = nil })
	wait(id)
	w.wantMember("grace", Member{ID: 7}, true)

	w.set(func() { w.src.torrents[5] = torrent(5, h1) })
	err := w.d.Tx(t.Context(), func(tx *db.Tx) error {
		if _, err := w.events.Append(t.Context(), tx, eventlog.MemberChanged{Member: 1}); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "UPDATE event SET body = 'torn' WHERE id = 2")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(2) // an event that can't be read makes it load everything
	w.wantTorrent(h1, Torrent{ID: 5, Leech: core.LeechNormal}, true)
}

func BenchmarkLookups(b *testing.B) {
	r := New(Options{Clock: time.Now, MembersGone: func([]core.MemberID) {}, TorrentGone: func(core.TorrentID) {}})
	r.putMember(entry(1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"))
	r.putTorrent(torrent(1, h1))
	b.ReportAllocs()
	for b.Loop() {
		m, ok := r.Member("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")
		t, found := r.Torrent(h1)
		if !ok || !found || r.Leech(t, m.ID, epoch) != core.LeechNormal {
			b.Fatal("not found")
		}
	}
}
