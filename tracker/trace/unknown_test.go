package trace

import (
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

func hashOf(n uint64) (h core.InfoHash) {
	binary.BigEndian.PutUint64(h[:], n)
	return h
}

// TestUnknownKeepsTheFrequentOnes asks for three hashes again and again among very many
// that are asked for once.
func TestUnknownKeepsTheFrequentOnes(t *testing.T) {
	t.Parallel()
	u := newUnknown(time.Unix(0, 0))
	asked := map[core.InfoHash]int64{}
	noise := uint64(1000)
	for i := range int64(3000) {
		for n := range uint64(3) {
			if i%int64(n+1) == 0 {
				h := hashOf(n)
				asked[h]++
				u.note(&h, i)
			}
		}
		for range 10 {
			noise++
			h := hashOf(noise)
			u.note(&h, i)
		}
	}
	list := u.top()
	if len(list) != transfer.MaxUnknown {
		t.Fatalf("%d are told", len(list))
	}
	for i, x := range list[:3] {
		h := hashOf(uint64(i))
		if x.InfoHash != h || x.AtLeast() > asked[h] || x.Asked < asked[h] || !x.LastAt.After(time.Unix(2990, 0)) {
			t.Errorf("place %d: %+v, was asked for %d times", i, x, asked[h])
		}
	}
	u.begin(time.Unix(1, 0))
	if list := u.top(); len(list) != 0 || !u.since.Equal(time.Unix(1, 0)) {
		t.Errorf("after beginning anew: %+v", list)
	}
}

func TestUnknownCountsExactlyWhileThereIsRoom(t *testing.T) {
	t.Parallel()
	u := newUnknown(time.Unix(0, 0))
	for i := range 5 {
		for range i + 1 {
			h := hashOf(uint64(i))
			u.note(&h, int64(i))
		}
	}
	list := u.top()
	if len(list) != 5 {
		t.Fatalf("%+v", list)
	}
	for i, x := range list {
		if x.InfoHash != hashOf(uint64(4-i)) || x.Asked != int64(5-i) || x.Surplus != 0 {
			t.Errorf("place %d: %+v", i, x)
		}
	}
}

// TestUnknownIsBounded is about what a flood of refusals may cost.
func TestUnknownIsBounded(t *testing.T) {
	u := newUnknown(time.Unix(0, 0))
	if size := unsafe.Sizeof(*u); size > 64<<10 {
		t.Errorf("it takes %d bytes", size)
	}
	n := uint64(0)
	if allocated := testing.AllocsPerRun(1000, func() {
		n++
		h := hashOf(n)
		u.note(&h, 1)
	}); allocated > 0 {
		t.Errorf("a note allocates %v times", allocated)
	}
}

// BenchmarkUnregistered is what a refusal pays for being told of.
func BenchmarkUnregistered(b *testing.B) {
	u := newUnknown(time.Unix(0, 0))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := uint64(1); pb.Next(); i++ {
			h := hashOf(i % 10_000)
			u.note(&h, int64(i))
		}
	})
}
