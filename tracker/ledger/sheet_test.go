package ledger

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestSheet merges a random lot of entries and compares with a map.
func TestSheet(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 5))
	s, want := newSheet(), map[key]row{}
	for round := range 3 {
		for range 20_000 {
			e := Entry{Member: core.MemberID(rng.IntN(300)), Torrent: core.TorrentID(rng.Int64N(40) << 30), Up: core.Bytes(rng.IntN(9)), RawDown: 2,
				SeedTime: time.Minute, Left: core.Bytes(rng.IntN(3)), Active: rng.IntN(2) == 0, Completion: Completion(rng.IntN(3)), At: time.Unix(rng.Int64N(1<<31), 0)}
			k := key{e.Member, e.Torrent}
			r, known := want[k]
			if !known {
				r = row{key: k, first: math.MaxUint32}
			}
			r.merge(&e)
			want[k] = r
			if s.merge(&e) == known {
				t.Fatalf("round %d: %v is new: %t", round, k, !known)
			}
		}
		w := &batch{sheets: []*sheet{newSheet(), s}}
		w.sort()
		for i, r := range w.rows {
			if *r != want[r.key] || i > 0 && (w.rows[i-1].member > r.member || w.rows[i-1].member == r.member && w.rows[i-1].torrent >= r.torrent) {
				t.Fatalf("round %d: row %d is %+v, want %+v", round, i, r, want[r.key])
			}
		}
		if len(w.rows) != len(want) {
			t.Fatalf("round %d: %d rows, want %d", round, len(w.rows), len(want))
		}
		s.empty()
		clear(want)
	}
}

// TestRowsEnd stays at the ends of what a row can hold.
func TestRowsEnd(t *testing.T) {
	t.Parallel()
	r := row{first: math.MaxUint32}
	for _, e := range []Entry{{Up: math.MaxInt64, SeedTime: math.MaxInt64, At: time.Unix(-5, 0)}, {Up: 1, SeedTime: time.Second, At: time.Unix(1<<40, 0)}} {
		r.merge(&e)
	}
	if r.up != math.MaxInt64 || r.seconds != math.MaxUint32 || r.first != 0 || r.last != math.MaxUint32 {
		t.Errorf("%+v", r)
	}
	if got := addUp([]sum{{2, 1, 1}, {1, math.MaxInt64, 1}, {2, 3, 4}, {1, 1, 0}}); !slices.Equal(got, []sum{{1, math.MaxInt64, 1}, {2, 4, 5}}) {
		t.Errorf("%v", got)
	}
}

// BenchmarkMerge adds to rows, of which half are there already.
func BenchmarkMerge(b *testing.B) {
	const pairs = 50_000
	book := makeBook(nil, Options{Clock: time.Now})
	e := Entry{Up: 1 << 20, SeedTime: time.Minute, Active: true, At: time.Now()}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%(2*pairs) == 0 {
			for i := range book.shards {
				book.recycle([]*sheet{book.shards[i].open})
				book.shards[i].open = book.blank()
			}
		}
		p := uint64(n%pairs) * 0x9E3779B1 % pairs
		e.Member, e.Torrent = core.MemberID(p%5000), core.TorrentID(p)
		book.merge(&e)
	}
}

// BenchmarkSort puts a full batch into order.
func BenchmarkSort(b *testing.B) {
	w := &batch{}
	for i := range shards {
		s := newSheet()
		for n := range maxBatch / shards {
			s.merge(&Entry{Member: core.MemberID(n*7919%3000*shards + i), Torrent: core.TorrentID(n * 104729 % 20_000), At: time.Now()})
		}
		w.sheets = append(w.sheets, s)
	}
	for b.Loop() {
		w.sort()
	}
}
