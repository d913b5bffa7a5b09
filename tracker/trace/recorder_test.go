package trace

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

func takeAll(r *recorder) (out []entry) {
	for shard := range shards {
		out = r.take(shard, out)
	}
	return out
}

func TestRecorderMerges(t *testing.T) {
	t.Parallel()
	var r recorder
	note := func(a Announce) { r.note(&a) }
	note(Announce{Member: 1, Torrent: 5, At: 10, Event: wire.Started, Outcome: First})
	note(Announce{Member: 1, Torrent: 5, At: 11, Outcome: Counted, Up: 3, Down: 4, UpCounts: 3, Left: 9, Over6: true})
	note(Announce{Member: 1, Torrent: 5, At: 12, Outcome: Counted, Up: 30, Down: 40, UpCounts: 30, Left: 8})
	note(Announce{Member: 1, Torrent: 5, At: 13, Outcome: Restarted, Left: 7}) // a third outcome: it takes over the second entry
	note(Announce{Member: 1, Torrent: 6, At: 14, Outcome: Refused, Reason: 2})
	note(Announce{Member: 1, At: 15, Outcome: Refused, Reason: 2})
	note(Announce{Member: 1, Torrent: 6, At: 16, Outcome: Refused, Reason: 4})
	note(Announce{Member: 2, Torrent: 5, At: 17, Outcome: Counted, Up: 1<<63 - 1})
	note(Announce{Member: 2, Torrent: 5, At: 18, Outcome: Counted, Up: 1<<63 - 1})
	type brief struct {
		Member    core.MemberID
		Ring      core.TorrentID
		Torrent   core.TorrentID
		At        int64
		Outcome   Outcome
		Reason    uint8
		Event     wire.Event
		N         uint32
		Up, Down  int64
		Families  uint8
		LeftBytes int64
	}
	got := map[brief]bool{}
	entries := takeAll(&r)
	for _, e := range entries {
		got[brief{e.Member, e.ring(), e.Torrent, e.At, e.Outcome, e.Reason, e.Event, e.announces, e.Up, e.Down, e.families, e.Left}] = true
	}
	want := map[brief]bool{
		{1, 5, 5, 10, First, 0, wire.Started, 1, 0, 0, over4, 0}:            true,
		{1, 5, 5, 13, Restarted, 0, wire.None, 3, 33, 44, over4 | over6, 7}: true,
		{1, 0, 0, 15, Refused, 2, wire.None, 2, 0, 0, over4, 0}:             true,
		{1, 0, 6, 16, Refused, 4, wire.None, 1, 0, 0, over4, 0}:             true,
		{2, 5, 5, 18, Counted, 0, wire.None, 2, 1<<63 - 1, 0, over4, 0}:     true,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(entries) != len(want) {
		t.Errorf("%d entries\n%s", len(entries), diff)
	}
	if again := takeAll(&r); len(again) != 0 {
		t.Errorf("%d entries are there twice", len(again))
	}
}

// TestRecorderIsBounded fills it far over its size, twice.
func TestRecorderIsBounded(t *testing.T) {
	t.Parallel()
	var r recorder
	for round := range 2 {
		for i := range 3 * MaxWaiting {
			r.note(&Announce{Member: core.MemberID(i%5000 + 1), Torrent: core.TorrentID(i/5000 + 1), Outcome: Counted})
		}
		entries := takeAll(&r)
		seen := map[[2]int64]bool{}
		for _, e := range entries {
			seen[[2]int64{int64(e.Member), int64(e.Torrent)}] = true
		}
		if len(entries) != MaxWaiting || len(seen) != MaxWaiting {
			t.Errorf("round %d: %d entries, %d different ones, want %d", round, len(entries), len(seen), MaxWaiting)
		}
	}
	if got := r.dropped.Load(); got != 4*MaxWaiting {
		t.Errorf("%d dropped, want %d", got, 4*MaxWaiting)
	}
}

func TestNoteDoesNotAllocate(t *testing.T) {
	var r recorder
	a := Announce{Member: 1, Torrent: 1, Outcome: Counted}
	i := 0
	if n := testing.AllocsPerRun(2000, func() {
		i++
		a.Member = core.MemberID(i % 700)
		r.note(&a)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNote(b *testing.B) {
	var r recorder
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		a := Announce{Outcome: Counted, Up: 5}
		for i := 1; pb.Next(); i++ {
			a.Member, a.Torrent = core.MemberID(i%10_000), core.TorrentID(i%20_000)
			r.note(&a)
		}
	})
}
