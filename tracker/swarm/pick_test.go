package swarm

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

func TestPickOrderAndNumber(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	for n := range 60 {
		b.announce(usual(1+n, 0))
	}
	for n := range 60 {
		b.announce(usual(101+n, 5))
	}
	tests := []struct {
		name     string
		left     int64
		numWant  int
		seeders  int
		leechers int
	}{
		{"a leecher gets seeders first", 5, 50, 50, 0},
		{"the default", 5, wire.NumWantUnset, 50, 0},
		{"more than the cap", 5, 1 << 30, 50, 0},
		{"few", 5, 3, 3, 0},
		{"none", 5, 0, 0, 0},
		{"a seeder gets leechers only", 0, 50, 0, 50},
	}
	last := id(100) // of the seeders
	for _, tt := range tests {
		r := b.announce(with(usual(999, tt.left), func(a *Announce) { a.NumWant = tt.numWant }))
		seen := map[wire.PeerID]bool{}
		seeders, leechers := 0, 0
		for _, p := range r.Peers {
			if seen[p.ID] || p.ID == id(999) {
				t.Fatalf("%s: %q is there twice, or is the asker", tt.name, p.ID)
			}
			seen[p.ID] = true
			if string(p.ID[:]) <= string(last[:]) {
				seeders++
			} else {
				leechers++
			}
		}
		if seeders != tt.seeders || leechers != tt.leechers {
			t.Errorf("%s: %d seeders and %d leechers, want %d and %d", tt.name, seeders, leechers, tt.seeders, tt.leechers)
		}
	}
	small := newBook(t, testConfig())
	for n := range 20 {
		small.announce(usual(1+n, int64(n%2)))
	}
	if r := small.announce(usual(999, 5)); len(r.Peers) != 20 {
		t.Errorf("a small swarm gives %d peers, want all 20", len(r.Peers))
	}
}

// TestPickIsUniform draws so often that a peer which is chosen a sixth too rarely or too
// often would be off by 8 standard deviations.
func TestPickIsUniform(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	sh := b.shard(1)
	sh.rng = *rand.NewPCG(1, 2)
	const peers, rounds, want = 200, 10000, 50
	for n := range peers {
		b.announce(usual(1+n, 0))
	}
	hits := map[wire.PeerID]int{}
	for range rounds {
		for _, p := range b.announce(usual(999, 5)).Peers {
			hits[p.ID]++
		}
	}
	const mean = rounds * want / peers
	for n := range peers {
		if h := hits[id(1+n)]; h < mean*5/6 || h > mean*7/6 {
			t.Errorf("peer %d was chosen %d times, want about %d", n, h, mean)
		}
	}
}

// TestSample draws in each of the three ways. No number may come twice in a round. Each
// must come as often as the others, at each place of the answer and next to each
// other number, and a round that goes on to its end must return all of them.
func TestSample(t *testing.T) {
	t.Parallel()
	const most, rounds = 20, 40_000
	var x sample
	x.open(most)
	rng := rand.NewPCG(1, 2)
	for _, tt := range []struct{ n, wanted int }{{7, 10}, {40, 10}, {41, 10}, {300, 10}} {
		hits, firsts, pairs := make([]int, tt.n), make([]int, tt.n), 0
		for range rounds {
			x.begin(tt.n, tt.wanted)
			got := slices.Clone(x.next(rng, tt.wanted-3))
			got = append(got, x.next(rng, 3)...)
			if want := min(tt.n, tt.wanted); len(got) != want {
				t.Fatalf("%d of %d: %d numbers", tt.wanted, tt.n, len(got))
			}
			firsts[got[0]]++
			for i, v := range got {
				hits[v]++
				if i > 0 && v == got[i-1]+1 {
					pairs++
				}
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != min(tt.n, tt.wanted) {
				t.Fatalf("%d of %d: a number twice", tt.wanted, tt.n)
			}
		}
		even := func(what string, counts []int, mean int) {
			slack := 6 * int(math.Sqrt(float64(mean)))
			for v, h := range counts {
				if h < mean-slack || h > mean+slack {
					t.Errorf("%d of %d: %d was %s %d times, want about %d", tt.wanted, tt.n, v, what, h, mean)
				}
			}
		}
		even("drawn", hits, rounds*min(tt.wanted, tt.n)/tt.n)
		even("first", firsts, rounds/tt.n)
		if mean := rounds * (tt.wanted - 1) / tt.n; tt.n > tt.wanted {
			even("followed by the next", []int{pairs}, mean)
		}
	}
	for _, n := range []int{1, 20, 40} {
		x.begin(n, most/2)
		seen := map[uint32]bool{}
		for got := x.next(rng, 3); len(got) > 0; got = x.next(rng, 3) {
			for _, v := range got {
				seen[v] = true
			}
		}
		if len(seen) != n {
			t.Errorf("%d of %d numbers", len(seen), n)
		}
	}
}

func TestPickByFamily(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	for n := range 100 {
		b.announce(with(usual(1+n, 0), func(a *Announce) { a.V4, a.V6, a.Over6 = wire.Endpoint{}, v6(n), true }))
	}
	for n := range 40 {
		b.announce(usual(201+n, 0))
	}
	count := func(r Result) (n4, n6 int) {
		for _, p := range r.Peers {
			if !p.V4.IsZero() {
				n4++
			}
			if !p.V6.IsZero() {
				n6++
			}
		}
		return n4, n6
	}
	if n4, n6 := count(b.announce(usual(999, 5))); n4 != 40 || n6 > 50 {
		t.Errorf("an IPv4 peer got %d and %d addresses; want all 40 of IPv4, at most 50 of IPv6", n4, n6)
	}
	both := with(usual(999, 5), func(a *Announce) { a.V6 = v6(999) })
	if n4, n6 := count(b.announce(both)); n4 != 40 || n6 != 50 {
		t.Errorf("a peer of both families got %d and %d addresses", n4, n6)
	}
	nowhere := with(usual(998, 5), func(a *Announce) { a.V4 = wire.Endpoint{} })
	if r := b.announce(nowhere); len(r.Peers) == 0 || r.Leechers != 2 {
		t.Errorf("a peer without an address gets peers and is counted: %d, %d", len(r.Peers), r.Leechers)
	}
	for range 20 {
		for _, p := range b.announce(usual(997, 5)).Peers {
			if p.ID == id(998) {
				t.Fatal("a peer without an address was handed out")
			}
		}
	}
}

// TestConcurrentAnnounces checks counts and sums after many goroutines have announced at
// the same time while others reaped and read.
func TestConcurrentAnnounces(t *testing.T) {
	t.Parallel()
	const workers, torrents, rounds = 8, 10, 200
	s := New(testConfig())
	var mu sync.Mutex
	sums := map[core.MemberID]core.Bytes{}
	commit := func(c Change) error {
		mu.Lock()
		defer mu.Unlock()
		sums[c.Member] += c.Up
		return nil
	}
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.Reap(epoch, func(c Change) { t.Errorf("reaped %+v", c) })
				s.TakeChanged(nil)
				s.Totals()
			}
		}
	})
	for w := range workers {
		writers.Go(func() {
			for r := range rounds {
				for n := range torrents {
					a := counters(usual(w+1, int64(rounds-1-r)), int64(r), 0)
					a.Torrent, a.At = core.TorrentID(n+1), epoch.Add(time.Duration(r)*time.Second)
					if _, err := s.Announce(&a, nil, commit); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	for w := range workers {
		if got := sums[core.MemberID(w+1)]; got != (rounds-1)*torrents {
			t.Errorf("member %d: %d, want %d", w+1, got, (rounds-1)*torrents)
		}
	}
	if got := s.Totals(); got != (Totals{Torrents: torrents, Seeders: workers * torrents}) {
		t.Errorf("%+v", got)
	}
}

func BenchmarkAnnounce(b *testing.B) {
	for _, size := range []int{10, 100, 1000, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := New(testConfig())
			keep := func(Change) error { return nil }
			peers := make([]wire.Peer, 0, 100)
			for n := range size {
				a := usual(n+1, int64(n%3))
				a.At = epoch
				if _, err := s.Announce(&a, peers, keep); err != nil {
					b.Fatal(err)
				}
			}
			all := make([]Announce, size)
			for n := range all {
				all[n] = usual(n+1, int64(n%3))
				all[n].Bare = true
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				a := &all[n*7919%size]
				a.At = epoch.Add(time.Duration(n) * time.Microsecond)
				if _, err := s.Announce(a, peers, keep); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
