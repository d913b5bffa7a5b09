package ledger

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestRowTable merges many random entries, compacting the buffer now and then, and
// compares the result with a map.
func TestRowTable(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 5))
	var buf buffer
	var pool chunkPool
	table, want := newRowTable(), map[key]row{}
	for round := range 3 {
		for range 20_000 {
			e := Entry{Member: core.MemberID(rng.IntN(300)), Torrent: core.TorrentID(rng.Int64N(40) << 30), Up: core.Bytes(rng.IntN(9)), RawDown: 2,
				SeedTime: time.Minute, Left: core.Bytes(rng.IntN(3)), Active: rng.IntN(2) == 0, Completion: Completion(rng.IntN(3)), At: time.Unix(rng.Int64N(1<<31), 0)}
			if rng.IntN(2) == 0 {
				e.RawUp, e.RawDown = e.Up, e.Down
			}
			r := newRow(&e)
			buf.add(&r, &pool)
			if old, known := want[r.key]; known {
				old.merge(&r)
				r = old
			}
			want[r.key] = r
			if rng.IntN(5000) == 0 {
				buf.compact(table, &pool)
			}
		}
		buf.compact(table, &pool)
		if buf.rows != len(want) {
			t.Fatalf("round %d: %d rows in the buffer, want %d", round, buf.rows, len(want))
		}
		s := &sorter{rowTable: *newRowTable()}
		buf.mergeInto(&s.rowTable)
		rows := s.sorted()
		for i, r := range rows {
			if *r != want[r.key] || i > 0 && (rows[i-1].member > r.member || rows[i-1].member == r.member && rows[i-1].torrent >= r.torrent) {
				t.Fatalf("round %d: row %d is %+v, want %+v", round, i, r, want[r.key])
			}
		}
		if len(rows) != len(want) {
			t.Fatalf("round %d: %d rows, want %d", round, len(rows), len(want))
		}
		pool.put(buf.chunks)
		buf = buffer{}
		clear(want)
	}
}

// TestRowsEnd checks that rows keep to the limits of what they can hold.
func TestRowsEnd(t *testing.T) {
	t.Parallel()
	r := newRow(&Entry{Member: math.MaxInt64, Torrent: -1, Up: math.MaxInt64, Down: math.MaxInt64, RawUp: math.MaxInt64, RawDown: 1, SeedTime: math.MaxInt64,
		Left: math.MaxInt64, Completion: Completed, At: time.Unix(-5, 0)})
	late := newRow(&Entry{Up: 1, SeedTime: time.Second, Completion: MaybeCompleted, At: time.Unix(1<<40, 0)})
	r.merge(&late)
	late.merge(&r)
	for _, w := range []row{r, late} {
		packed := packRow(nil, &w)
		if got, rest := unpackRow(packed); got != w || len(rest) > 0 || len(packed) > maxPackedRow {
			t.Errorf("%+v reads %+v, %d bytes of %d too many", w, got, len(rest), len(packed))
		}
	}
	if r.up != math.MaxInt64 || r.seconds != math.MaxUint32 || r.first != 0 || r.last != math.MaxUint32 {
		t.Errorf("%+v", r)
	}
	if got := addUp([]sum{{2, 1, 1}, {1, math.MaxInt64, 1}, {2, 3, 4}, {1, 1, 0}}); !slices.Equal(got, []sum{{1, math.MaxInt64, 1}, {2, 4, 5}}) {
		t.Errorf("%v", got)
	}
}

// BenchmarkMerge adds rows to buffers, half of them with keys that are there already.
func BenchmarkMerge(b *testing.B) {
	const pairs = 50_000
	book := makeBook(nil, Options{Clock: time.Now})
	e := Entry{Up: 1 << 20, SeedTime: time.Minute, Active: true, At: time.Now()}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%(2*pairs) == 0 {
			for i := range book.shards {
				buf := &book.shards[i].buffer
				book.chunks.put(buf.chunks)
				*buf = buffer{compactAt: compactFrom}
			}
		}
		p := uint64(n%pairs) * 0x9E3779B1 % pairs
		e.Member, e.Torrent = core.MemberID(p%5000), core.TorrentID(p)
		book.merge(&e)
	}
}

// BenchmarkTake merges a full batch and sorts it.
func BenchmarkTake(b *testing.B) {
	var buffers [shards]buffer
	var pool chunkPool
	for i := range buffers {
		for n := range maxBatch / shards {
			r := newRow(&Entry{Member: core.MemberID(n*7919%3000*shards + i), Torrent: core.TorrentID(n * 104729 % 20_000), At: time.Now()})
			buffers[i].add(&r, &pool)
		}
	}
	s := &sorter{rowTable: *newRowTable()}
	for b.Loop() {
		s.reset()
		for i := range buffers {
			buffers[i].mergeInto(&s.rowTable)
		}
		s.sorted()
	}
}
