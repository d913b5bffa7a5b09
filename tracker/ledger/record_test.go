package ledger

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestRecords(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	amount := func() core.Bytes {
		return [...]core.Bytes{0, 0, 1, core.Bytes(rng.Int64N(1 << 40)), math.MaxInt64}[rng.IntN(5)]
	}
	for range 5000 {
		e := Entry{
			Member: core.MemberID(rng.Int64N(1 << 32)), Torrent: core.TorrentID(rng.Int64()), Up: amount(), Down: amount(), RawUp: amount(), RawDown: amount(),
			SeedTime: time.Duration(rng.Int64N(1<<20)) * time.Second, Left: amount(), Active: rng.IntN(2) == 0, Completion: Completion(rng.IntN(3)),
			At: time.Unix(rng.Int64N(1<<32), 0), Record: make([]byte, rng.IntN(100)),
		}
		rec := encode(nil, &e)
		if len(rec) > recordRoom {
			t.Fatalf("%d bytes", len(rec))
		}
		got, err := decode(rec)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		head := len(rec) - len(e.Record)
		for n := range head {
			if _, err := decode(rec[:n]); err == nil {
				t.Fatalf("a record of %d bytes was cut at %d and read", head, n)
			}
		}
	}
	if e, err := decode(encode(nil, &Entry{Up: -1, Left: -5, At: time.Unix(-1, 0)})); err != nil || e.Left != 0 {
		t.Errorf("nonsense makes the journal unreadable: %+v, %v", e, err)
	}
	for _, bad := range [][]byte{nil, {recordEntry}, {9, 0}, {recordEntry, 0xff, 1, 1, 1, 1, 1}} {
		if _, err := decode(bad); err == nil {
			t.Errorf("%v was read", bad)
		}
	}
}

// TestRecordAllocatesNothing is not parallel: it counts what the whole process
// allocates.
func TestRecordAllocatesNothing(t *testing.T) {
	b := newBook(t, dbtest.SQLite(t), nil)
	e := Entry{Member: 1, Up: 1, RawUp: 2, At: epoch, Record: make([]byte, 60)}
	turn := func() {
		for n := range 1000 {
			e.Torrent = core.TorrentID(n)
			if _, err := b.Record(e); err != nil {
				t.Fatal(err)
			}
		}
		commit(t, b)
	}
	for range 2 { // tables, buffers and both groups of the journal grow to their size
		turn()
		flush(t, b)
	}
	if n := testing.AllocsPerRun(20, turn); n > 10 {
		t.Errorf("%v allocations for 1000 entries", n)
	}
}
