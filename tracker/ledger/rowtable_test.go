package ledger

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestSheet merges a random lot of entries, pressed at times, and compares with a
// map.
func TestSheet(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 5))
	var p pile
	var spare leaves
	press, want := newSheet(), map[key]row{}
	for round := range 3 {
		for range 20_000 {
			e := Entry{Member: core.MemberID(rng.IntN(300)), Torrent: core.TorrentID(rng.Int64N(40) << 30), Up: core.Bytes(rng.IntN(9)), RawDown: 2,
				SeedTime: time.Minute, Left: core.Bytes(rng.IntN(3)), Active: rng.IntN(2) == 0, Completion: Completion(rng.IntN(3)), At: time.Unix(rng.Int64N(1<<31), 0)}
			if rng.IntN(2) == 0 {
				e.RawUp, e.RawDown = e.Up, e.Down
			}
			r := rowOf(&e)
			p.add(&r, &spare)
			if old, known := want[r.key]; known {
				old.merge(&r)
				r = old
			}
			want[r.key] = r
			if rng.IntN(5000) == 0 {
				p.press(press, &spare)
			}
		}
		p.press(press, &spare)
		if p.slips != len(want) {
			t.Fatalf("round %d: %d slips, want %d", round, p.slips, len(want))
		}
		d := &desk{sheet: *newSheet()}
		p.into(&d.sheet)
		rows := d.sorted()
		for i, r := range rows {
			if *r != want[r.key] || i > 0 && (rows[i-1].member > r.member || rows[i-1].member == r.member && rows[i-1].torrent >= r.torrent) {
				t.Fatalf("round %d: row %d is %+v, want %+v", round, i, r, want[r.key])
			}
		}
		if len(rows) != len(want) {
			t.Fatalf("round %d: %d rows, want %d", round, len(rows), len(want))
		}
		spare.put(p.leaves)
		p = pile{}
		clear(want)
	}
}

// TestRowsEnd stays at the ends of what a row can hold.
func TestRowsEnd(t *testing.T) {
	t.Parallel()
	r := rowOf(&Entry{Member: math.MaxInt64, Torrent: -1, Up: math.MaxInt64, Down: math.MaxInt64, RawUp: math.MaxInt64, RawDown: 1, SeedTime: math.MaxInt64,
		Left: math.MaxInt64, Completion: Completed, At: time.Unix(-5, 0)})
	late := rowOf(&Entry{Up: 1, SeedTime: time.Second, Completion: MaybeCompleted, At: time.Unix(1<<40, 0)})
	r.merge(&late)
	late.merge(&r)
	for _, w := range []row{r, late} {
		slip := appendSlip(nil, &w)
		if got, rest := readSlip(slip); got != w || len(rest) > 0 || len(slip) > slipRoom {
			t.Errorf("%+v reads %+v, %d bytes of %d too many", w, got, len(rest), len(slip))
		}
	}
	if r.up != math.MaxInt64 || r.seconds != math.MaxUint32 || r.first != 0 || r.last != math.MaxUint32 {
		t.Errorf("%+v", r)
	}
	if got := addUp([]sum{{2, 1, 1}, {1, math.MaxInt64, 1}, {2, 3, 4}, {1, 1, 0}}); !slices.Equal(got, []sum{{1, math.MaxInt64, 1}, {2, 4, 5}}) {
		t.Errorf("%v", got)
	}
}

// BenchmarkMerge adds to piles, half of what they hold already.
func BenchmarkMerge(b *testing.B) {
	const pairs = 50_000
	book := makeBook(nil, Options{Clock: time.Now})
	e := Entry{Up: 1 << 20, SeedTime: time.Minute, Active: true, At: time.Now()}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%(2*pairs) == 0 {
			for i := range book.shards {
				p := &book.shards[i].pile
				book.spare.put(p.leaves)
				*p = pile{limit: pressFrom}
			}
		}
		p := uint64(n%pairs) * 0x9E3779B1 % pairs
		e.Member, e.Torrent = core.MemberID(p%5000), core.TorrentID(p)
		book.merge(&e)
	}
}

// BenchmarkTake merges a full batch and puts it into order.
func BenchmarkTake(b *testing.B) {
	var piles [shards]pile
	var spare leaves
	for i := range piles {
		for n := range maxBatch / shards {
			r := rowOf(&Entry{Member: core.MemberID(n*7919%3000*shards + i), Torrent: core.TorrentID(n * 104729 % 20_000), At: time.Now()})
			piles[i].add(&r, &spare)
		}
	}
	d := &desk{sheet: *newSheet()}
	for b.Loop() {
		d.empty()
		for i := range piles {
			piles[i].into(&d.sheet)
		}
		d.sorted()
	}
}
