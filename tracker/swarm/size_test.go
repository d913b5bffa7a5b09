package swarm

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

const populationTorrents = 20_000

// populate announces n clients over 20,000 torrents, some large and most small,
// one in ten over IPv6 only and one in ten over both families.
func populate(b *testing.B, s *Swarms, n int) {
	b.Helper()
	keep := func(Change) error { return nil }
	rng := rand.New(rand.NewPCG(7, 9))
	peers := make([]wire.Peer, 0, 100)
	for i := range n {
		a := inhabitant(rng, i, n)
		a.NumWant = 0
		if _, err := s.Announce(&a, peers, keep); err != nil {
			b.Fatal(err)
		}
	}
}

// inhabitant returns the i-th client of a population of n, in which each member has ten.
func inhabitant(rng *rand.Rand, i, n int) Announce {
	skew := rng.Float64()
	a := Announce{
		Torrent: core.TorrentID(1 + int(skew*skew*populationTorrents)), Member: core.MemberID(1 + i%(n/10)),
		Key: rng.Uint64(), Uploaded: rng.Int64N(1 << 40), Downloaded: rng.Int64N(1 << 36),
		NumWant: wire.NumWantUnset, Bare: true, At: epoch.Add(time.Duration(i%1800) * time.Second),
	}
	copy(a.PeerID[:], "-TR3000-")
	binary.BigEndian.PutUint64(a.PeerID[12:], uint64(i))
	if i%5 == 0 {
		a.Left = 1 + rng.Int64N(1<<34)
	}
	if i%10 != 1 {
		a.V4 = wire.EndpointOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 6881)
	}
	if i%10 < 2 {
		a.V6 = wire.EndpointOf(netip.AddrFrom16([16]byte{0x20, 1, 12: byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 6881)
		a.Over6 = i%10 == 1
	}
	return a
}

func BenchmarkMillionPeers(b *testing.B) { benchmarkSize(b, 1_000_000) }

// BenchmarkTenMillionPeers needs a gigabyte of memory.
func BenchmarkTenMillionPeers(b *testing.B) { benchmarkSize(b, 10_000_000) }

// benchmarkSize reports how much heap a client takes, and how long an announce takes in
// swarms that do not fit into the processor's caches.
func benchmarkSize(b *testing.B, n int) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := New(testConfig())
	start := time.Now()
	populate(b, s, n)
	filled := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	perPeer := float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
	rss := resident()
	rng := rand.New(rand.NewPCG(7, 9))
	keep := func(Change) error { return nil }
	peers := make([]wire.Peer, 0, 100)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i == n {
			i, rng = 0, rand.New(rand.NewPCG(7, 9))
		}
		a := inhabitant(rng, i, n)
		a.At = a.At.Add(30 * time.Minute)
		if _, err := s.Announce(&a, peers, keep); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(perPeer, "B/peer")
	b.ReportMetric(filled.Seconds(), "s/fill")
	b.ReportMetric(float64(rss)/1e6, "MB-RSS")
	runtime.KeepAlive(s)
}

// resident returns how much of this process is in RAM, in bytes; 0 if the system does
// not say.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var pages int64
	field := 0
	for _, c := range text {
		switch {
		case c == ' ':
			field++
		case field == 1:
			pages = pages*10 + int64(c-'0')
		}
	}
	return pages * int64(os.Getpagesize())
}

// BenchmarkHideThousand unlists a thousand members among a million clients, as one batch
// of events may demand.
func BenchmarkHideThousand(b *testing.B) {
	s := New(testConfig())
	populate(b, s, 1_000_000)
	at := epoch.Add(30 * time.Minute)
	first := core.MemberID(1)
	b.ReportAllocs()
	for b.Loop() {
		ids := make([]core.MemberID, 1000)
		for i := range ids {
			ids[i] = first + core.MemberID(i)
		}
		s.HideMembers(ids, at, func(Change) {})
		if first += 1000; first > 100_000 {
			first = 1 // they are unlisted already
		}
	}
}
