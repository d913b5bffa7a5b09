package swarm

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// TestClientSize keeps clients small: they are most of the tracker's memory.
func TestClientSize(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(client{}); size != 48 {
		t.Errorf("a client takes %d bytes, want 48", size)
	}
}

// TestReported stores and reads what clients report, with more peer-id prefixes than
// there is room for, and counters at the limits of what clients hold.
func TestReported(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 4))
	var st state
	st.oversize = map[slot]reported{}
	st.prefixes.open()
	amounts := []int64{0, 1, 1 << 32, 1<<32 - 1, maxLeft - 1, maxLeft, maxLeft + 1, maxCounter - 1, maxCounter, maxCounter + 1, math.MaxInt64}
	amount := func() int64 { return amounts[rng.IntN(len(amounts))] }
	want := map[slot]reported{}
	for range 10 {
		for n := range 2 * maxPrefixes {
			s := slot(n + 1)
			if len(want) < 2*maxPrefixes {
				s = st.slab.add()
				if got := st.reported(s); got != (reported{}) {
					t.Fatalf("a new client tells %+v", got)
				}
			}
			w := reported{up: amount(), down: amount(), left: amount()}
			if rng.IntN(2) == 0 {
				w = reported{up: 5, left: w.left % maxLeft}
			}
			if rng.IntN(4) > 0 {
				copy(w.id[:], fmt.Sprintf("-XX%04d-%012d", rng.IntN(2*maxPrefixes), n))
			}
			st.setReported(s, &w)
			want[s] = w
		}
		for s, w := range want {
			c := st.slab.at(s)
			if got := st.reported(s); got != w || st.peerID(s) != w.id || c.whole() != (w.left == 0) || c.kind() != kindOf(w.left, false) {
				t.Fatalf("client %d tells %+v, want %+v", s, got, w)
			}
		}
	}
	odd := 0
	for s := range want {
		if st.slab.at(s).oversize() {
			odd++
		}
	}
	if odd != len(st.oversize) || odd == len(want) || len(st.prefixes.list) != maxPrefixes {
		t.Errorf("%d of %d clients are odd, %d are kept beside, %d brands", odd, len(want), len(st.oversize), len(st.prefixes.list))
	}
}

// TestManyPrefixes gives to others, saves and forgets clients with peer-ids of arbitrary
// prefixes.
func TestManyPrefixes(t *testing.T) {
	t.Parallel()
	const n = 2 * maxPrefixes
	s := New(testConfig())
	keep := func(Change) error { return nil }
	ids := map[wire.PeerID]bool{}
	a := Announce{Torrent: 7, Left: 1, NumWant: wire.NumWantUnset, At: epoch}
	for i := range n {
		a.Member, a.V4 = core.MemberID(i+1), wire.EndpointOf4([6]byte{9, 9, byte(i >> 8), byte(i), 1, 1})
		a.PeerID = wire.PeerID{}
		copy(a.PeerID[:], fmt.Sprintf("%08x%012d", uint32(i)*0x9E3779B1, i))
		ids[a.PeerID] = true
		r, err := s.Announce(&a, nil, keep)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Peers {
			if !ids[p.ID] {
				t.Fatalf("peer-id %q was never announced", p.ID[:])
			}
		}
	}
	if odd := len(s.shard(7).oversize); odd != n-maxPrefixes+1 {
		t.Errorf("%d clients are odd", odd)
	}
	var file bytes.Buffer
	if err := s.Snapshot(&file, nil); err != nil {
		t.Fatal(err)
	}
	back := New(testConfig())
	if _, err := back.Restore(&file); err != nil {
		t.Fatal(err)
	}
	if got, want := dump(back), dump(s); !slices.Equal(got, want) {
		t.Error(firstDifference(got, want))
	}
	for i := range 2 { // unlisted, then forgotten
		back.Reap(epoch.Add(time.Duration(i+1)*1000*time.Hour), func(Change) {})
	}
	if back.Totals() != (Totals{}) || len(back.shard(7).oversize) > 0 {
		t.Errorf("%+v and %d odd ones are left", back.Totals(), len(back.shard(7).oversize))
	}
}
