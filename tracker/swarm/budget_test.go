package swarm

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

func TestAllowance(t *testing.T) {
	t.Parallel()
	const hour = 3600 * int64(1e6)
	w := allowance{bytes: 3600, period: hour}
	now := int64(1_700_000_000_000_000)
	whole := int64(0)
	for _, step := range []struct {
		name string
		pass int64 // microseconds
		left int64
		use  int64
	}{
		{"all of it", 0, 3600, 3600},
		{"nothing is left", 0, 0, 0},
		{"a byte a second comes back", 10e6, 10, 4},
		{"what was not used stays", 5e6, 11, 11},
		{"after a long time all is back, and no more", 100 * hour, 3600, 1},
		{"a clock that was set back a little", -hour / 2, 1799, 0},
		{"a clock that was set back for years", -10_000 * hour, 3600, 3600},
		{"and is used up again", 0, 0, 0},
	} {
		now += step.pass
		if got := w.left(whole, now); got != step.left {
			t.Errorf("%s: %d are left, want %d", step.name, got, step.left)
		}
		whole = w.use(whole, now, step.use)
	}
	tiny := allowance{bytes: 3, period: 1e6}
	got := 0
	for whole := int64(0); tiny.left(whole, now) > 0; got++ { // rounding gives nothing away
		whole = tiny.use(whole, now, 1)
	}
	if got < 2 || got > 3 {
		t.Errorf("%d of a tiny allowance", got)
	}
	huge := allowance{bytes: math.MaxInt64 - 1, period: longest * 1e6}
	if got := huge.left(huge.use(0, now, math.MaxInt64-1), now); got != 0 {
		t.Errorf("%d of the largest", got)
	}
	none := allowance{bytes: math.MaxInt64, period: hour}
	if got := none.left(none.use(5, now, 1<<62), now); got != math.MaxInt64 {
		t.Errorf("what has no limit has %d left", got)
	}
}

// TestManyQuickAnnounces announces 300 times within a third of a second: 60 MB each time.
func TestManyQuickAnnounces(t *testing.T) {
	t.Parallel()
	const grace, quarter = 64 << 20, 256 << 10
	tests := []struct {
		name    string
		size    int64
		clients int // of the member, in turns
		torrent int // torrents, in turns
		others  int // seeders on each torrent
		most    core.Bytes
	}{
		{"a small torrent", quarter, 1, 1, 0, grace + 2*quarter},
		{"five clients", quarter, 3, 1, 0, grace + 2*quarter},
		{"several torrents", quarter, 1, 20, 0, grace + 20*2*quarter},
		{"others who have it", quarter, 1, 1, 10, grace + 10*2*quarter},
		{"a large torrent, and what a line carries in the time", 1 << 40, 1, 1, 0, grace + 1<<30/3},
		{"large torrents and clients, and still one line", 1 << 40, 3, 20, 0, grace + 1<<30/3},
	}
	for _, tt := range tests {
		b := newBook(t, testConfig())
		client := func(c, torrent int, up int64) Announce {
			return with(usual(1, 0), func(a *Announce) {
				a.PeerID, a.V4, a.Torrent, a.Size, a.Uploaded = id(c), v4(c), core.TorrentID(torrent+1), tt.size, up
			})
		}
		for torrent := range tt.torrent {
			for n := range tt.others {
				b.announce(with(usual(50+n, 0), func(a *Announce) { a.Torrent = core.TorrentID(torrent + 1) }))
			}
			for c := range tt.clients {
				b.announce(client(c, torrent, 0))
			}
		}
		told := map[[2]int]int64{}
		for n := range 300 {
			b.pass(time.Second / 900)
			at := [2]int{n % tt.clients, n / tt.clients % tt.torrent}
			told[at] += 60_000_000
			b.announce(client(at[0], at[1], told[at]))
		}
		if got := b.up[1]; got > tt.most+grace/1800 || got < tt.most*9/10 {
			t.Errorf("%s: %d bytes, want close to %d", tt.name, got, tt.most)
		}
		if b.up[50] != 0 {
			t.Error("the others have a share")
		}
	}
}

// TestLineOverTime lets a member use a line to the full for hours, on several torrents,
// and then more than that.
func TestLineOverTime(t *testing.T) {
	t.Parallel()
	const rate = 1 << 30
	b := newBook(t, testConfig())
	var told [4]int64
	announce := func(n int, more int64) core.Bytes {
		told[n] += more
		b.announce(with(counters(usual(1, 0), told[n], 0), func(a *Announce) { a.Torrent, a.Size = core.TorrentID(n+1), 1<<50 }))
		return b.last.ToldUp - b.last.Up
	}
	for n := range told {
		announce(n, 0)
		b.pass(7 * time.Minute)
	}
	b.pass(2 * time.Minute)
	first := []int64{30, 23, 16, 9} // minutes, since each has announced
	for n, since := range first {
		if cut := announce(n, since*60*rate/4); cut != 0 {
			t.Errorf("torrent %d was cut by %d", n, cut)
		}
	}
	for round := range 6 { // all at once, for half an hour each time
		b.pass(30 * time.Minute)
		for n := range told {
			if cut := announce(n, 30*60*rate/4); cut != 0 {
				t.Errorf("round %d: torrent %d was cut by %d", round, n, cut)
			}
		}
	}
	b.pass(30 * time.Minute)
	var cut core.Bytes
	for n := range told {
		cut += announce(n, 30*60*rate)
	}
	// The line's allowance has carried 75 minutes at most.
	if counted := 4*30*60*rate - cut; counted > 75*60*rate+64<<20 || counted < 30*60*rate {
		t.Errorf("of four lines %d bytes count", counted)
	}
}

// TestBudgetsOutliveARestart announces too much, restarts, and announces too much again.
func TestBudgetsOutliveARestart(t *testing.T) {
	t.Parallel()
	for _, snapshots := range []bool{false, true} {
		j := &journal{s: New(testConfig())}
		now, told, credited := epoch, int64(0), core.Bytes(0)
		announce := func() {
			told += 1 << 30
			a := counters(usual(1, 0), told, 0)
			a.Size, a.At = 256<<10, now
			if _, err := j.s.Announce(&a, nil, func(c Change) error { j.note(c); credited += c.Up; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		announce()
		for range 5 {
			announce()
			announce()
			var file []byte
			if snapshots {
				var b bytes.Buffer
				if err := j.s.Snapshot(&b, func() uint64 { return uint64(len(j.records)) }); err != nil {
					t.Fatal(err)
				}
				file = b.Bytes()
			}
			j = &journal{s: j.replayed(t, testConfig(), file), records: j.records}
		}
		if credited != 64<<20 { // the clock stands still, so no line carries anything
			t.Errorf("snapshots %v: credited %d", snapshots, credited)
		}
	}
}

// TestCommitGivesBack lets the books refuse what then is told again.
func TestCommitGivesBack(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	b.announce(usual(1, 0))
	b.pass(time.Minute)
	a := with(counters(usual(1, 0), 65<<20, 0), func(a *Announce) { a.Size, a.At = 1<<19, b.now })
	for range 5 {
		refused := a
		if _, err := b.Announce(&refused, nil, func(Change) error { return errRecord }); err == nil {
			t.Fatal("taken")
		}
	}
	b.announce(a)
	if b.up[1] != 65<<20 {
		t.Errorf("credited %d", b.up[1])
	}
}

// TestClockOfTheTracker sets the tracker's clock back and forth.
func TestClockOfTheTracker(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	b := newBook(t, testConfig())
	told, credited := int64(0), core.Bytes(0)
	announce := func(more int64) {
		t.Helper()
		told += more
		credited += core.Bytes(more)
		b.announce(with(counters(usual(1, 0), told, 0), func(a *Announce) { a.Size = 1 << 34 }))
		if b.up[1] != credited {
			t.Errorf("at %v: credited %d, want %d", b.now, b.up[1], credited)
			credited = b.up[1]
		}
	}
	announce(0)
	for _, jump := range []time.Duration{0, -time.Hour, 2 * time.Hour, -time.Hour, 300 * day, -300 * day, -time.Minute, 0} {
		b.pass(jump)
		for range 3 { // ordinary amounts count, whatever the clock does
			b.pass(30 * time.Minute)
			announce(1 << 30)
		}
	}
	b.pass(-300 * day)
	announce(1 << 30)
	credited += 64 << 20
	told += 1 << 50
	for range 10 { // but nobody gets more than once what a line carries in an interval
		b.announce(with(counters(usual(1, 0), told, 0), func(a *Announce) { a.Size = 1 << 50 }))
		told += 1 << 50
	}
	if most := credited + 30*60<<30; b.up[1] > most {
		t.Errorf("credited %d, most is %d", b.up[1], most)
	}
}

// TestAccountsAreForgotten keeps no accounts of members who have no client.
func TestAccountsAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	for n := range 500 {
		b.announce(event(usual(n+1, 0), wire.Started))
		b.announce(with(counters(usual(n+1, 0), 1<<20, 0), func(a *Announce) { a.Size = 1 << 20 }))
	}
	count := func() (accounts, pairs int) {
		for i := range b.shards {
			accounts, pairs = accounts+len(b.accounts.shards[i].of), pairs+len(b.shards[i].used)
		}
		return accounts, pairs
	}
	if accounts, _ := count(); accounts != 500 {
		t.Errorf("%d accounts", accounts)
	}
	b.pass(8 * time.Hour)
	for range shards + 1 {
		b.Reap(b.now, b.record)
	}
	if accounts, pairs := count(); accounts != 0 || pairs != 0 {
		t.Errorf("%d accounts and %d pairs are left", accounts, pairs)
	}
}

// TestUsedTakesLittle lets thousands of members upload a little each: the table of what is
// used stays small all the time, and only what is whole again has left it.
func TestUsedTakesLittle(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	const heavy = 1 // uses up what it may upload of a small torrent in the same shard
	small := func(up int64) Announce {
		return with(counters(usual(heavy, 0), up, 0), func(a *Announce) { a.Torrent, a.Size = 1+shards, 1<<20 })
	}
	b.announce(small(0))
	b.pass(time.Second)
	b.announce(small(2 << 20))
	table := &b.shard(1).used
	for n := range 3000 {
		light := with(usual(heavy+1+n, 0), func(a *Announce) { a.Size = 1 << 30 })
		b.announce(event(light, wire.Started))
		b.pass(100 * time.Millisecond)
		b.announce(counters(light, 1<<10, 0))
		if len(*table) > fewUsed {
			t.Fatalf("%d pairs after %d members", len(*table), n)
		}
	}
	if _, kept := (*table)[pair{1 + shards, heavy}]; !kept {
		t.Error("what is used up was forgotten")
	}
}
