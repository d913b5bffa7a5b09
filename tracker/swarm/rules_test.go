package swarm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// TestSuspicions reports what is unlikely, and credits no more than is possible.
func TestSuspicions(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	seed := func(up int64) Announce {
		return with(counters(usual(1, 0), up, 0), func(a *Announce) { a.Size = 1 << 20 })
	}
	told := int64(0)
	check := func(name string, more int64, want Suspicion) {
		t.Helper()
		told += more
		r := b.announce(seed(told))
		if want.Reason != NotSuspect {
			want.Up = core.Bytes(more)
		} else {
			want.CountedUp = core.Bytes(more)
		}
		counted := want.CountedUp
		if want.Reason == NotSuspect {
			want.CountedUp = 0
		}
		if diff := cmp.Diff(want, r.Suspicion); diff != "" || b.last.Up != counted || b.last.ToldUp != core.Bytes(more) || b.last.Cut() != (counted < core.Bytes(more)) {
			t.Errorf("%s: credited %d of %d, and\n%s", name, b.last.Up, b.last.ToldUp, diff)
		}
	}
	b.announce(seed(0))
	check("more than a line carries in no time", 1<<31, Suspicion{Reason: OverLine, CountedUp: 64 << 20})
	b.pass(time.Second)
	check("what it carries in a second, though not of this torrent", 1<<30,
		Suspicion{Reason: OverTorrent, CountedUp: 2<<20 + 64<<20/1800, Elapsed: time.Second})
	for n := range 10 {
		b.announce(usual(2+n, 0))
	}
	b.pass(30 * time.Minute)
	check("what ten clients can have fetched, and the grace", 84<<20, Suspicion{})
	b.pass(time.Hour)
	check("nobody lacks anything, but somebody may have till lately", 1<<32,
		Suspicion{Reason: OverTorrent, CountedUp: 84 << 20, Elapsed: time.Hour})
	b.pass(time.Hour)
	b.announce(seed(told))
	b.pass(time.Hour)
	check("alone for hours", 17<<20, Suspicion{Reason: Alone, CountedUp: 17 << 20, Elapsed: time.Hour})
	b.announce(usual(50, 5))
	b.pass(time.Hour)
	check("not any more", 17<<20, Suspicion{})
}

// TestPartialSeeds checks that partial seeds are given to leechers after seeders, and
// that they get leechers only.
func TestPartialSeeds(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	b.announce(usual(1, 0))
	b.announce(event(usual(2, 5), wire.Paused))
	b.announce(event(usual(3, 5), wire.Paused))
	b.wantCounts(1, 1, 2)
	leecher := func(want int) []wire.PeerID {
		return ids(b.announce(with(usual(9, 7), func(a *Announce) { a.Event, a.NumWant = wire.Started, want })))
	}
	if got := leecher(1); len(got) != 1 || got[0] != id(1) {
		t.Errorf("one peer for a leecher is %q, want the seeder", got)
	}
	if got := leecher(50); len(got) != 3 {
		t.Errorf("a leecher got %q, want all", got)
	}
	for n := range 3 {
		left, e := int64(5), wire.Paused
		if n == 0 {
			left, e = 0, wire.None
		}
		if diff := cmp.Diff([]wire.PeerID{id(9)}, ids(b.announce(event(usual(1+n, left), e)))); diff != "" {
			t.Errorf("seed %d wants the leecher alone\n%s", 1+n, diff)
		}
	}
	if got := ids(b.announce(usual(2, 5))); len(got) != 3 { // more was chosen: it downloads again
		t.Errorf("back from being a partial seed it got %q", got)
	}
	b.wantCounts(1, 1, 3)
}

// TestEarly gives few peers to clients that announce too soon of their own accord.
func TestEarly(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.MinInterval = 5 * time.Minute
	b := newBook(t, c)
	for n := range 20 {
		b.announce(usual(100+n, 0))
	}
	me := usual(1, 9)
	for _, step := range []struct {
		name   string
		pass   time.Duration
		change func(a *Announce)
		want   int
	}{
		{"first", 0, func(*Announce) {}, 20},
		{"again at once", 0, func(*Announce) {}, fewPeers},
		{"with fewer wanted", time.Second, func(a *Announce) { a.NumWant = 2 }, 2},
		{"over IPv6", time.Second, func(a *Announce) { a.Over6 = true }, 20},
		{"over IPv4 after that", time.Second, func(*Announce) {}, 20},
		{"started", time.Second, func(a *Announce) { a.Event = wire.Started }, 20},
		{"still early", 4*time.Minute + 58*time.Second, func(*Announce) {}, fewPeers},
		{"in time", 5*time.Minute - time.Second, func(*Announce) {}, 20},
	} {
		b.pass(step.pass)
		up := b.up[1]
		me.Uploaded += 10
		r := b.announce(with(me, step.change))
		if len(r.Peers) != step.want {
			t.Errorf("%s: %d peers, want %d", step.name, len(r.Peers), step.want)
		}
		if step.name != "first" && b.up[1] != up+10 {
			t.Errorf("%s: not credited", step.name)
		}
	}
}

// TestSlots limits the torrents that a member downloads at once.
func TestSlots(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	leech := func(torrent core.TorrentID, n int, left int64, e wire.Event) Result {
		return b.announce(with(usual(n, left), func(a *Announce) { a.Torrent, a.Member, a.Event, a.Slots = torrent, 1, e, 2 }))
	}
	taken := func(r Result) {
		t.Helper()
		if r.NoSlot {
			t.Error("refused")
		}
	}
	taken(leech(1, 1, 5, wire.Started))
	taken(leech(1, 2, 5, wire.Started)) // another client of the same torrent
	taken(leech(2, 1, 5, wire.Started))
	if r := leech(3, 1, 5, wire.Started); !r.NoSlot || len(r.Peers) != 0 {
		t.Errorf("the third: %+v", r)
	}
	b.wantCounts(3, 0, 0)
	if n := b.Totals(); n.Torrents != 2 || n.Unlisted != 0 {
		t.Errorf("a client without a slot left a trace: %+v", n)
	}
	taken(leech(4, 1, 0, wire.Started))                                                                         // seeding always goes
	b.announce(counters(with(usual(1, 4), func(a *Announce) { a.Torrent, a.Member, a.Slots = 4, 1, 2 }), 3, 1)) // it lacks something now
	b.wantCounts(4, 0, 0)
	if b.up[1] != 3 || b.down[1] != 1 {
		t.Errorf("what was transferred without a slot: %d, %d", b.up[1], b.down[1])
	}
	taken(leech(5, 1, 5, wire.Paused))
	taken(leech(1, 1, 0, wire.Completed))
	if r := leech(3, 1, 4, wire.None); !r.NoSlot {
		t.Error("the other client downloads the first still")
	}
	taken(leech(1, 2, 5, wire.Stopped))
	taken(leech(3, 1, 4, wire.None))
	b.pass(b.c.Timeout)
	b.Reap(b.now, b.record)
	taken(leech(6, 1, 5, wire.Started))
	taken(leech(7, 1, 5, wire.Started))
	if r := leech(8, 1, 5, wire.Started); !r.NoSlot {
		t.Error("a slot too many")
	}
	b.Drop(7, b.now, b.record)
	taken(leech(8, 1, 5, wire.Started))
}
