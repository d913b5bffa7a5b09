package swarm

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testConfig() Config {
	return Config{Interval: 30 * time.Minute, Timeout: 75 * time.Minute, Forget: 6 * time.Hour, SeedCap: time.Hour, NumWant: 50, PerMember: 3, MaxRate: 1 << 30}
}

// book is swarms with the sums of all changes.
type book struct {
	*Swarms
	t       *testing.T
	now     time.Time
	last    Change
	commits int
	up      map[core.MemberID]core.Bytes
	down    map[core.MemberID]core.Bytes
	seed    map[core.MemberID]time.Duration
	done    int
}

func newBook(t *testing.T, c Config) *book {
	return &book{Swarms: New(c), t: t, now: epoch, up: map[core.MemberID]core.Bytes{},
		down: map[core.MemberID]core.Bytes{}, seed: map[core.MemberID]time.Duration{}}
}

func (b *book) record(c Change) {
	b.last = c
	b.commits++
	b.up[c.Member] += c.Up
	b.down[c.Member] += c.Down
	b.seed[c.Member] += c.SeedTime
	if c.Completion == Completed {
		b.done++
	}
}

func (b *book) announce(a Announce) Result {
	b.t.Helper()
	a.At = b.now
	r, err := b.Announce(&a, nil, func(c Change) error { b.record(c); return nil })
	if err != nil {
		b.t.Fatalf("announce %+v: %v", a, err)
	}
	return r
}

func (b *book) pass(d time.Duration) { b.now = b.now.Add(d) }

func (b *book) wantCounts(torrent core.TorrentID, seeders, leechers int) {
	b.t.Helper()
	want := Count{Torrent: torrent, Seeders: seeders, Leechers: leechers}
	if got := b.Counts(torrent); got != want {
		b.t.Errorf("counts %+v, want %+v", got, want)
	}
}

func id(n int) wire.PeerID { return wire.PeerID([]byte(fmt.Sprintf("-TR3000-%012d", n))) }

func v4(n int) wire.Endpoint {
	return wire.EndpointOf(netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}), 6881)
}

func v6(n int) wire.Endpoint {
	return wire.EndpointOf(netip.AddrFrom16([16]byte{0x20, 1, 13: byte(n >> 8), 15: byte(n)}), 6881)
}

// usual is an ordinary announce of member n on torrent 1.
func usual(n int, left int64) Announce {
	return Announce{Torrent: 1, Member: core.MemberID(n), PeerID: id(n), V4: v4(n), Left: left, NumWant: wire.NumWantUnset}
}

func with(a Announce, change func(a *Announce)) Announce {
	change(&a)
	return a
}

func counters(a Announce, up, down int64) Announce {
	a.Uploaded, a.Downloaded = up, down
	return a
}

func event(a Announce, e wire.Event) Announce {
	a.Event = e
	return a
}

func TestADownloadFromStartToStop(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	b.announce(event(usual(1, 0), wire.Started))
	r := b.announce(event(usual(2, 1000), wire.Started))
	if diff := cmp.Diff([]wire.PeerID{id(1)}, ids(r)); diff != "" {
		t.Errorf("the leecher must get the seeder\n%s", diff)
	}
	b.wantCounts(1, 1, 1)
	b.pass(time.Minute)
	b.announce(counters(usual(1, 0), 600, 0))
	b.announce(counters(usual(2, 400), 0, 600))
	b.pass(time.Minute)
	r = b.announce(event(counters(usual(2, 0), 50, 1000), wire.Completed))
	if r.Seeders != 2 || r.Leechers != 0 || len(r.Peers) != 0 {
		t.Errorf("a seeder got %+v", r)
	}
	b.announce(event(counters(usual(1, 0), 1000, 0), wire.Stopped))
	b.wantCounts(1, 1, 0)
	if b.up[1] != 1000 || b.down[2] != 1000 || b.up[2] != 50 || b.done != 1 {
		t.Errorf("credit %v up, %v down, %d snatches", b.up, b.down, b.done)
	}
	if b.seed[1] != 2*time.Minute || b.seed[2] != 0 {
		t.Errorf("seed time %v", b.seed)
	}
	if b.last.Active {
		t.Error("a stopped client must leave its member inactive")
	}
}

func ids(r Result) []wire.PeerID {
	var out []wire.PeerID
	for _, p := range r.Peers {
		out = append(out, p.ID)
	}
	return out
}

func TestCounters(t *testing.T) {
	t.Parallel()
	type step struct {
		after    time.Duration
		event    wire.Event
		up, down int64
	}
	const lost = wire.Unknown
	tests := []struct {
		name     string
		steps    []step
		up, down core.Bytes
	}{
		{"the first announce is where counting begins", []step{{0, wire.Started, 500, 700}, {time.Minute, wire.None, 600, 700}}, 100, 0},
		{"the same announce twice", []step{{0, wire.Started, 0, 0}, {time.Minute, wire.None, 9, 9}, {0, wire.None, 9, 9}}, 9, 9},
		{"an early announce counts", []step{{0, wire.Started, 0, 0}, {time.Millisecond, wire.None, 1, 2}, {time.Millisecond, wire.None, 3, 4}}, 3, 4},
		{"counters go back without started", []step{
			{0, wire.Started, 0, 0}, {time.Minute, wire.None, 100, 0}, {time.Minute, wire.None, 30, 0}, {time.Minute, wire.None, 80, 0}}, 150, 0},
		{"pieces failed their check: downloaded goes back a little, upload counts on", []step{
			{0, wire.Started, 0, 0}, {time.Minute, wire.None, 100, 1000}, {time.Minute, wire.None, 600, 996}, {time.Minute, wire.Completed, 700, 1024}}, 700, 1028},
		{"one counter starts over, the other goes on", []step{
			{0, wire.Started, 0, 0}, {time.Minute, wire.None, 100, 50}, {time.Minute, wire.None, 5, 60}, {time.Minute, wire.None, 6, 61}}, 101, 61},
		{"32 bits wrap, the other counter goes on", []step{
			{0, wire.Started, 1<<32 - 1000, 0}, {time.Minute, wire.None, 1<<32 - 1, 7}, {time.Minute, wire.None, 500, 9}, {time.Minute, wire.None, 600, 9}}, 1099, 9},
		{"both start over", []step{{0, wire.Started, 0, 0}, {time.Minute, wire.None, 100, 50}, {time.Minute, wire.None, 5, 6}, {time.Minute, wire.None, 7, 9}}, 102, 53},
		{"started again while the counters went on", []step{{0, wire.Started, 0, 0}, {time.Minute, wire.Started, 10, 20}, {time.Minute, wire.None, 11, 22}}, 11, 22},
		{"a counter that is not told stays where it was", []step{
			{0, wire.Started, 0, 0}, {time.Minute, wire.None, 100, lost}, {time.Minute, wire.None, lost, 30}, {time.Minute, wire.None, 150, 40}}, 150, 40},
		{"a counter that was not told at first begins where it is first told", []step{
			{0, wire.Started, lost, 5}, {time.Minute, wire.None, 1 << 50, 6}, {time.Minute, wire.None, 1<<50 + 3, 7}}, 3, 2},
		{"stopped twice, the second with more", []step{
			{0, wire.Started, 0, 0}, {time.Minute, wire.Stopped, 100, 1}, {time.Second, wire.Stopped, 110, 1}, {time.Second, wire.Stopped, 110, 1}}, 110, 1},
		{"stopped and started again from 0", []step{
			{0, wire.Started, 0, 0}, {time.Minute, wire.Stopped, 100, 0}, {time.Hour, wire.Started, 0, 0}, {time.Minute, wire.None, 7, 0}}, 107, 0},
		{"started twice", []step{{0, wire.Started, 0, 0}, {time.Millisecond, wire.Started, 0, 0}, {time.Minute, wire.None, 5, 5}}, 5, 5},
		{"more than a line carries", []step{{0, wire.Started, 0, 0}, {9 * time.Second, wire.None, math.MaxInt64, math.MaxInt64}}, 9<<30 + 64<<20, 9<<30 + 64<<20},
		{"the largest step down and up again", []step{
			{0, wire.Started, math.MaxInt64, 0}, {0, wire.None, 0, 0}, {0, wire.None, math.MaxInt64, 0}}, 64 << 20, 0},
		{"the clock goes back", []step{{time.Hour, wire.Started, 0, 0}, {-time.Minute, wire.None, 5, 0}, {time.Minute, wire.None, 9, 0}}, 9, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(t, testConfig())
			for _, s := range tt.steps {
				b.pass(s.after)
				b.announce(event(counters(usual(1, 10), s.up, s.down), s.event))
			}
			if b.up[1] != tt.up || b.down[1] != tt.down {
				t.Errorf("credited %d up, %d down; want %d, %d", b.up[1], b.down[1], tt.up, tt.down)
			}
		})
	}
}

// TestSnatches counts a change from left>0 to left=0, whatever the event is.
func TestSnatches(t *testing.T) {
	t.Parallel()
	type step struct {
		event wire.Event
		left  int64
	}
	tests := []struct {
		name  string
		steps []step
		want  int
	}{
		{"completed", []step{{wire.Started, 9}, {wire.Completed, 0}}, 1},
		{"no completed, as rTorrent after its re-check", []step{{wire.Started, 9}, {wire.None, 3}, {wire.Stopped, 0}}, 1},
		{"completed twice", []step{{wire.Started, 9}, {wire.Completed, 0}, {wire.Completed, 0}}, 1},
		{"completed with bytes left", []step{{wire.Started, 9}, {wire.Completed, 9}}, 0},
		{"completed by a seeder", []step{{wire.Started, 0}, {wire.Completed, 0}}, 0},
		{"a re-check finishes again: the ledger counts members once", []step{{wire.Started, 9}, {wire.None, 0}, {wire.None, 9}, {wire.None, 0}}, 2},
	}
	for _, tt := range tests {
		b := newBook(t, testConfig())
		for _, s := range tt.steps {
			b.pass(time.Minute)
			b.announce(event(usual(1, s.left), s.event))
		}
		if b.done != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, b.done, tt.want)
		}
	}
	b := newBook(t, testConfig())
	b.announce(event(usual(1, 0), wire.Completed))
	if b.last.Completion != MaybeCompleted {
		t.Error("a client that is new and complete must be left to the ledger's memory")
	}
}

func TestStoppedWithoutStart(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	for range 2 {
		if r := b.announce(event(counters(usual(1, 0), 99, 99), wire.Stopped)); len(r.Peers) != 0 {
			t.Errorf("got peers %v", r.Peers)
		}
	}
	b.wantCounts(1, 0, 0)
	if b.commits != 0 || b.Totals() != (Totals{}) {
		t.Errorf("%d changes, %+v; want none", b.commits, b.Totals())
	}
}

func TestDualStack(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	over6 := func(a Announce) Announce {
		return with(a, func(a *Announce) { a.V4, a.V6, a.Over6 = wire.Endpoint{}, v6(1), true })
	}
	b.announce(event(usual(1, 5), wire.Started))
	b.announce(over6(event(usual(1, 5), wire.Started)))
	b.wantCounts(1, 0, 1)
	b.pass(time.Minute)
	b.announce(counters(usual(1, 5), 100, 10))
	b.announce(over6(counters(usual(1, 5), 99, 10))) // sent first, arrived last
	b.announce(over6(counters(usual(1, 5), 100, 10)))
	b.pass(time.Minute)
	b.announce(counters(usual(1, 5), 150, 10))
	if b.up[1] != 150 || b.down[1] != 10 {
		t.Errorf("credited %d up, %d down", b.up[1], b.down[1])
	}
	r := b.announce(usual(2, 5))
	want := []wire.Peer{{ID: id(1), V4: v4(1), V6: v6(1)}}
	if diff := cmp.Diff(want, r.Peers, cmp.AllowUnexported(wire.Endpoint{})); diff != "" {
		t.Errorf("both addresses of one peer (-want +got)\n%s", diff)
	}
	b.pass(80 * time.Minute) // IPv6 is silent for longer than the timeout
	b.announce(counters(usual(1, 5), 150, 10))
	b.pass(time.Minute)
	r = b.announce(usual(2, 5))
	if len(r.Peers) != 1 || !r.Peers[0].V6.IsZero() || r.Peers[0].V4 != v4(1) {
		t.Errorf("after IPv6 fell silent: %+v", r.Peers)
	}
}

func TestKeyLinksPeerIDs(t *testing.T) {
	t.Parallel()
	keyed := func(peerID int, up int64) Announce {
		return with(counters(usual(1, 5), up, 0), func(a *Announce) { a.PeerID, a.Key, a.V4 = id(peerID), 77, v4(peerID) })
	}
	b := newBook(t, testConfig())
	b.announce(keyed(1, 0))
	b.pass(time.Minute)
	b.announce(keyed(1, 100))
	b.announce(keyed(2, 100)) // the same client with another peer-id
	b.pass(time.Minute)
	b.announce(keyed(2, 130))
	b.wantCounts(1, 0, 1)
	if b.up[1] != 130 {
		t.Errorf("credited %d, want 130", b.up[1])
	}
	b.announce(keyed(3, 20)) // counters below: another client that happens to have the same key
	b.wantCounts(1, 0, 2)
	b.pass(time.Minute)
	b.announce(keyed(3, 25))
	b.announce(keyed(2, 131))
	if b.up[1] != 136 {
		t.Errorf("credited %d, want 136", b.up[1])
	}
	stranger := with(keyed(4, 200), func(a *Announce) { a.Member = 2 })
	b.announce(stranger)
	if b.up[2] != 0 || b.Totals() != (Totals{Torrents: 1, Leechers: 3}) {
		t.Errorf("a key linked two members")
	}
}

func TestSeveralClientsOfAMember(t *testing.T) {
	t.Parallel()
	client := func(n int, left int64) Announce {
		return with(usual(1, left), func(a *Announce) { a.PeerID, a.V4 = id(100+n), v4(100+n) })
	}
	b := newBook(t, testConfig())
	b.announce(client(1, 0))
	b.pass(30 * time.Second)
	r := b.announce(client(2, 5))
	if diff := cmp.Diff([]wire.PeerID{id(101)}, ids(r)); diff != "" {
		t.Errorf("alone, a member's clients find each other\n%s", diff)
	}
	if b.last.Left != 0 || !b.last.Active {
		t.Errorf("the member seeds: %+v", b.last)
	}
	b.announce(usual(2, 0))
	if r = b.announce(client(2, 5)); cmp.Diff([]wire.PeerID{id(2)}, ids(r)) != "" {
		t.Errorf("with others there, got %q", ids(r))
	}
	b.announce(client(3, 0))
	a := client(4, 0)
	a.At = b.now
	_, err := b.Announce(&a, nil, func(Change) error { t.Error("committed"); return nil })
	if core.CodeOf(err) != core.Conflict {
		t.Errorf("the fourth client: %v", err)
	}
	b.announce(event(client(1, 0), wire.Stopped))
	if !b.last.Active || b.last.Left != 0 {
		t.Errorf("client 3 still seeds: %+v", b.last)
	}
	b.announce(client(4, 0)) // takes the stopped one's place
	b.wantCounts(1, 3, 1)
	for range 4 { // two seeding clients at once are one seed time
		b.pass(30 * time.Second)
		b.announce(client(3, 0))
		b.announce(client(4, 0))
	}
	if b.seed[1] != 30*time.Second+2*time.Minute {
		t.Errorf("seed time %v, want 2m30s", b.seed[1])
	}
}

func TestSeedTimeIsCapped(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	b.announce(usual(1, 0))
	b.pass(70 * time.Minute)
	b.announce(usual(1, 0))
	if b.seed[1] != time.Hour {
		t.Errorf("%v, want the cap", b.seed[1])
	}
	b.pass(time.Minute)
	b.announce(usual(1, 9)) // it re-checks
	b.pass(time.Minute)
	b.announce(usual(1, 0))
	if b.seed[1] != 61*time.Minute {
		t.Errorf("%v, want 61m", b.seed[1])
	}
}

func TestCommitRefuses(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	full := errors.New("full")
	refused := func(a Announce) {
		t.Helper()
		a.At = b.now
		if _, err := b.Announce(&a, nil, func(Change) error { return full }); !errors.Is(err, full) {
			t.Fatalf("got %v", err)
		}
	}
	refused(usual(1, 5))
	if b.Totals() != (Totals{}) {
		t.Errorf("a refused announce left %+v", b.Totals())
	}
	b.announce(usual(1, 5))
	b.pass(time.Minute)
	refused(event(counters(usual(1, 0), 40, 5), wire.Completed))
	b.wantCounts(1, 0, 1)
	b.announce(event(counters(usual(1, 0), 40, 5), wire.Completed))
	if b.up[1] != 40 || b.down[1] != 5 || b.done != 1 {
		t.Errorf("after the retry: %v up, %v down, %d done", b.up[1], b.down[1], b.done)
	}
}

// TestBarred bars a client from the first, which leaves no trace, and one that
// is downloading, which is credited and unlisted.
func TestBarred(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	b.announce(usual(2, 0))
	barred := with(usual(1, 9), func(a *Announce) { a.NoLeech = true })
	before, commits := b.Totals(), b.commits
	for _, a := range []Announce{barred, counters(barred, 4, 3), with(barred, func(a *Announce) { a.Torrent = 2 }), event(usual(1, 9), wire.Stopped)} {
		if r := b.announce(a); len(r.Peers) != 0 {
			t.Errorf("got %v", r.Peers)
		}
	}
	if b.Totals() != before || b.commits != commits {
		t.Errorf("an unknown client left a trace: %+v, %d changes", b.Totals(), b.commits-commits)
	}
	b.announce(usual(1, 9))
	b.wantCounts(1, 1, 1)
	b.pass(time.Minute)
	if r := b.announce(counters(barred, 4, 2)); len(r.Peers) != 0 {
		t.Errorf("got %v", r.Peers)
	}
	b.announce(counters(barred, 4, 3))
	b.wantCounts(1, 1, 0)
	if b.up[1] != 4 || b.down[1] != 3 || b.last.Active {
		t.Errorf("credited %v, %v, %+v", b.up, b.down, b.last)
	}
	b.announce(event(counters(usual(1, 9), 5, 3), wire.Stopped))
	if b.up[1] != 5 {
		t.Errorf("stopping must still be credited, got %v", b.up[1])
	}
}

func TestReap(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	for i := range 3 * reapBatch {
		b.announce(usual(i+1, int64(i%2)))
	}
	b.pass(74 * time.Minute)
	b.announce(usual(1, 0))
	b.TakeChanged(nil)
	b.commits = 0
	b.pass(time.Minute)
	b.Reap(b.now, b.record)
	b.wantCounts(1, 1, 0)
	if b.commits != 3*reapBatch-1 || b.last.Active {
		t.Errorf("%d changes, the last %+v", b.commits, b.last)
	}
	if diff := cmp.Diff([]Count{{Torrent: 1, Seeders: 1}}, b.TakeChanged(nil)); diff != "" {
		t.Errorf("changed counts\n%s", diff)
	}
	b.announce(counters(usual(2, 1), 77, 0)) // back before it is forgotten
	if b.up[2] != 77 {
		t.Errorf("a late return was credited %d", b.up[2])
	}
	b.pass(7 * time.Hour)
	b.Reap(b.now, b.record)
	b.Reap(b.now.Add(7*time.Hour), b.record)
	if b.Totals() != (Totals{}) {
		t.Errorf("left over: %+v", b.Totals())
	}
}

func TestHideAndDrop(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	for _, torrent := range []core.TorrentID{1, 2, 65} {
		for n := range 3 {
			b.announce(with(usual(n+1, int64(n)), func(a *Announce) { a.Torrent = torrent }))
		}
	}
	b.commits = 0
	b.HideMembers([]core.MemberID{1}, b.now, b.record)
	b.wantCounts(1, 0, 2)
	b.wantCounts(65, 0, 2)
	if b.commits != 3 {
		t.Errorf("%d changes, want 3", b.commits)
	}
	b.TakeChanged(nil)
	b.Drop(65, b.now, b.record)
	b.Drop(4711, b.now, b.record)
	b.wantCounts(65, 0, 0)
	if b.commits != 5 || b.Totals() != (Totals{Torrents: 2, Leechers: 4, Unlisted: 2}) {
		t.Errorf("%d changes, %+v", b.commits, b.Totals())
	}
	if diff := cmp.Diff([]Count{{Torrent: 65}}, b.TakeChanged(nil)); diff != "" {
		t.Errorf("changed counts\n%s", diff)
	}
}
