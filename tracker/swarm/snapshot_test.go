package swarm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// lived returns swarms after a random history.
func lived(tb testing.TB, steps int) *Swarms {
	tb.Helper()
	w := newGenerator(20, rand.New(rand.NewPCG(5, 5)).IntN)
	st := newComparison()
	for range steps {
		if err := st.play(w.step()); err != nil {
			tb.Fatal(err)
		}
	}
	return st.real
}

func snapshot(tb testing.TB, s *Swarms) []byte {
	tb.Helper()
	var file bytes.Buffer
	if err := s.Snapshot(&file, func() uint64 { return 42 }); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*Swarms{"empty": New(historyConfig()), "small": lived(t, 1000), "of many blocks": large(t)} {
		file := snapshot(t, s)
		back := New(historyConfig())
		const after = "what follows"
		in := io.MultiReader(bytes.NewReader(file), bytes.NewReader([]byte(after)))
		p, err := back.Restore(iotest.HalfReader(in))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Of(1) != 42 || p.Of(63) != 42 || p.Least() != 42 {
			t.Errorf("%s: positions %d, %d, %d", name, p.Of(1), p.Of(63), p.Least())
		}
		if rest, _ := io.ReadAll(in); string(rest) != after {
			t.Errorf("%s: it read beyond its end: %q is left", name, rest)
		}
		if back.Totals() != s.Totals() || !bytes.Equal(snapshot(t, back), file) {
			t.Errorf("%s: another snapshot differs; %+v, want %+v", name, back.Totals(), s.Totals())
		}
		if changed := back.TakeChanged(nil); len(changed) != s.Totals().Torrents {
			t.Errorf("%s: %d changed torrents", name, len(changed))
		}
	}
}

// large returns swarms with a shard that fills several blocks.
func large(t *testing.T) *Swarms {
	t.Helper()
	b := newBook(t, historyConfig())
	for n := range 5000 {
		b.announce(usual(n+1, int64(n%3)))
	}
	if size := len(snapshot(t, b.Swarms)); size < 3*blockSize {
		t.Fatalf("%d bytes are too few for this test", size)
	}
	return b.Swarms
}

func TestRestoreTorn(t *testing.T) {
	t.Parallel()
	file := snapshot(t, lived(t, 300))
	s := New(historyConfig())
	check := func(what string, at int, r io.Reader) {
		t.Helper()
		if _, err := s.Restore(r); err == nil {
			t.Fatalf("%s at %d of %d was taken", what, at, len(file))
		}
		if s.Totals() != (Totals{}) || len(s.TakeChanged(nil)) > 0 {
			t.Fatalf("%s at %d left %+v", what, at, s.Totals())
		}
	}
	step := 1
	if testing.Short() {
		step = 8
	}
	for n := 0; n < len(file); n += step {
		check("a cut", n, bytes.NewReader(file[:n]))
		bad := bytes.Clone(file)
		bad[n] ^= 1 << (n % 8)
		check("a flipped bit", n, bytes.NewReader(bad))
	}
	broken := errors.New("broken disk")
	if _, err := s.Restore(io.MultiReader(bytes.NewReader(file[:500]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Restore(bytes.NewReader(file)); err != nil {
		t.Fatalf("after all that: %v", err)
	}
	if _, err := s.Restore(bytes.NewReader(file)); err == nil {
		t.Error("a snapshot was laid over swarms")
	}
}

// TestRestoreNonsense restores blocks with right checksums and invalid clients. It may
// accept or refuse them, but the swarms must keep to their own rules.
func TestRestoreNonsense(t *testing.T) {
	t.Parallel()
	file := snapshot(t, lived(t, 300))
	rng := rand.New(rand.NewPCG(6, 6))
	taken, rounds := 0, 3000
	if testing.Short() {
		rounds = 600
	}
	for range rounds {
		bad := bytes.Clone(file)
		for at := headerSize; at < len(bad); {
			size := int(binary.LittleEndian.Uint32(bad[at+16:]))
			data := bad[at+blockHead : at+blockHead+size]
			if size > 0 {
				data[rng.IntN(size)] = byte(rng.Uint32())
			}
			sum := crc32.Update(crc32.Checksum(bad[at:at+20], castagnoli), castagnoli, data)
			binary.LittleEndian.PutUint32(bad[at+20:], sum)
			at += blockHead + size
		}
		s := New(historyConfig())
		if _, err := s.Restore(bytes.NewReader(bad)); err != nil {
			continue
		}
		taken++
		for n := range 50 {
			a := usual(n, int64(n%2))
			a.Torrent, a.At = torrentIDs[n%4], epoch.Add(24*time.Hour)
			if _, err := s.Announce(&a, nil, func(Change) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		end := time.Unix(1<<33, 0)
		s.Reap(end, func(Change) {})
		for range 2 { // clients that were unlisted at the last instant are forgotten with the torrents
			for _, id := range torrentIDs {
				s.Drop(id, end, func(Change) {})
			}
		}
		if n := s.Totals(); n.Seeders+n.Leechers > 0 {
			t.Fatalf("%+v can't be got rid of", n)
		}
	}
	if taken == 0 {
		t.Error("nothing was taken: this test tests nothing")
	}
}

func TestSnapshotTellsWriteErrors(t *testing.T) {
	t.Parallel()
	s := lived(t, 300)
	for n := range len(snapshot(t, s)) {
		if err := s.Snapshot(&short{n}, nil); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("a disk with room for %d bytes: %v", n, err)
		}
	}
}

// short is a disk with little space.
type short struct{ room int }

func (w *short) Write(b []byte) (int, error) {
	if len(b) > w.room {
		return w.room, io.ErrShortWrite
	}
	w.room -= len(b)
	return len(b), nil
}

// TestSnapshotWhileAnnouncing takes snapshots under load. A snapshot must hold, for each
// torrent, exactly what was committed before its position.
func TestSnapshotWhileAnnouncing(t *testing.T) {
	t.Parallel()
	type record struct {
		torrent core.TorrentID
		member  core.MemberID
		up      int64
	}
	var mu sync.Mutex
	var journal []record
	s := New(testConfig())
	done := make(chan struct{})
	var g sync.WaitGroup
	for w := range 4 {
		g.Go(func() {
			for n := int64(1); ; n++ {
				select {
				case <-done:
					return
				default:
				}
				a := counters(usual(w+1, 1), n, 0)
				a.Torrent, a.At = core.TorrentID(1+n%100), epoch
				if _, err := s.Announce(&a, nil, func(Change) error {
					mu.Lock()
					defer mu.Unlock()
					journal = append(journal, record{a.Torrent, a.Member, n})
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		var file bytes.Buffer
		if err := s.Snapshot(&file, func() uint64 {
			mu.Lock()
			defer mu.Unlock()
			return uint64(len(journal))
		}); err != nil {
			t.Error(err)
		}
		back := New(testConfig())
		p, err := back.Restore(&file)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		want := map[[2]int64]int64{}
		for i, r := range journal {
			if uint64(i) < p.Of(r.torrent) {
				want[[2]int64{int64(r.torrent), int64(r.member)}] = r.up
			}
		}
		mu.Unlock()
		for i := range back.shards {
			sh := &back.shards[i]
			for n := slot(1); uint32(n) < sh.slab.used; n++ {
				c := sh.slab.at(n)
				key := [2]int64{int64(sh.torrents[c.torrentIndex()].id), int64(c.member)}
				if up := sh.reported(n).up; want[key] != up {
					t.Errorf("%v: %d, want %d", key, up, want[key])
				}
				delete(want, key)
			}
		}
		if len(want) > 0 {
			t.Errorf("%d clients are missing", len(want))
		}
	}
	close(done)
	g.Wait()
}

// BenchmarkSnapshot writes and restores a million clients, and reports how long an
// announce had to wait for a lock at most.
func BenchmarkSnapshot(b *testing.B) {
	s := New(testConfig())
	populate(b, s, 1_000_000)
	var file bytes.Buffer
	b.Run("write", func(b *testing.B) {
		var longest time.Duration
		for b.Loop() {
			file.Reset()
			stop := make(chan struct{})
			var g sync.WaitGroup
			g.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					start := time.Now()
					s.Counts(core.TorrentID(1 + n%shards))
					longest = max(longest, time.Since(start))
					runtime.Gosched()
				}
			})
			if err := s.Snapshot(&file, nil); err != nil {
				b.Fatal(err)
			}
			close(stop)
			g.Wait()
		}
		b.ReportMetric(float64(file.Len())/1e6, "MB")
		b.ReportMetric(float64(longest.Microseconds()), "µs-longest-wait")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			back := New(testConfig())
			if _, err := back.Restore(bytes.NewReader(file.Bytes())); err != nil {
				b.Fatal(err)
			}
			if back.Totals() != s.Totals() {
				b.Fatal("something is missing")
			}
		}
	})
}
