package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAppendAndReplay(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncAlways, SyncInterval, SyncNever} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "a", "b")
			o := Options{Sync: mode, SegmentSize: minSegment}
			var want []entry
			for range 4 { // runs of the program
				j := open(t, dir, o)
				if j.Recovery() != (Recovery{}) {
					t.Fatalf("after a clean end: %+v", j.Recovery())
				}
				same(t, replay(t, j, 0), want)
				for range 40 {
					rec := strings.Repeat("x", len(want)%90)
					want = append(want, entry{appendOK(t, j, rec), rec})
				}
				same(t, replay(t, j, 0), want)
				for _, after := range []uint64{1, 39, 40, j.Position() - 1, j.Position()} {
					same(t, replay(t, j, after), want[after:])
				}
				if p := j.Position(); p != uint64(len(want)) || j.Oldest() != 1 {
					t.Fatalf("from %d to %d", j.Oldest(), p)
				}
				closeNow(t, j)
			}
			if n := len(segmentFiles(t, dir)); n < 3 {
				t.Errorf("%d segments", n)
			}
			for i, e := range want {
				if e.Pos != uint64(i+1) {
					t.Fatalf("record %d is at %d", i+1, e.Pos)
				}
			}
		})
	}
}

func TestReplayEdges(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), Options{})
	same(t, replay(t, j, 0), nil)
	if err := j.Replay(1, nil); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("a position that was not given out yet: %v", err)
	}
	fill(t, j, 5)
	stop := errors.New("enough")
	n := 0
	err := j.Replay(1, func(pos uint64, _ []byte) error {
		if n++; pos == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 2 {
		t.Errorf("%v after %d records", err, n)
	}
	same(t, replay(t, j, 5), nil)
	if err := j.Replay(6, nil); err == nil {
		t.Error("position 6 does not exist")
	}
}

func TestRecordSizes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentSize: minSegment})
	largest := strings.Repeat("z", MaxRecord)
	want := []entry{{1, ""}, {2, largest}, {3, "x"}, {4, largest}}
	for _, e := range want {
		if pos := appendOK(t, j, e.Rec); pos != e.Pos {
			t.Fatalf("at %d", pos)
		}
	}
	if _, err := j.Append(make([]byte, MaxRecord+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too much: %v", err)
	}
	for n := range 40 { // more than fits one group
		pos, err := j.AppendNoWait([]byte(largest))
		if err != nil {
			t.Fatal(err)
		}
		if pos != uint64(n+5) {
			t.Fatalf("at %d", pos)
		}
		want = append(want, entry{pos, largest})
	}
	if err := j.Commit(5, 44); err != nil {
		t.Fatal(err)
	}
	closeNow(t, j)
	got := replay(t, open(t, dir, Options{}), 0)
	if len(got) != len(want) {
		t.Fatalf("%d records", len(got))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("record %d differs", i+1)
		}
	}
}

func TestNoWaitIsWrittenBySomebody(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), Options{})
	for n := range 10 {
		if pos, err := j.AppendNoWait([]byte("a")); pos != uint64(n+1) || err != nil {
			t.Fatal(pos, err)
		}
	}
	if j.Position() != 0 {
		t.Error("it was written before anybody asked")
	}
	if err := j.WaitFor(3); err != nil {
		t.Fatal(err)
	}
	if s := j.Stats(); s.Position != 10 || s.Groups != 1 || s.Records != 10 {
		t.Errorf("%+v", s)
	}
	if _, err := j.AppendNoWait([]byte("b")); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	if s := j.Stats(); s.Position != 11 || s.Durable != 11 {
		t.Errorf("%+v", s)
	}
	for _, r := range [][2]uint64{{0, 0}, {0, 5}, {5, 4}, {12, 12}, {11, 12}} {
		if err := j.Commit(r[0], r[1]); err == nil {
			t.Errorf("committed %v", r)
		}
	}
}

// TestGroupsAreWrittenTogether holds the first write back until fifty others wait:
// they must need one more write, not fifty.
func TestGroupsAreWrittenTogether(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncAlways, SyncNever} {
		d := newFakeDisk()
		j := open(t, t.TempDir(), Options{Sync: mode, disk: d})
		appendOK(t, j, "the segment is there")
		writes, syncs := d.counts()
		gate := make(chan struct{})
		d.set(func() { d.gate, d.arrived = gate, 0 })
		var wg sync.WaitGroup
		appendOne := func() {
			if _, err := j.Append([]byte("a record")); err != nil {
				t.Error(err)
			}
		}
		wg.Go(appendOne)
		eventually(t, "the first one writes", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.arrived == 1 })
		for range 50 {
			wg.Go(appendOne)
		}
		eventually(t, "the others wait", func() bool { j.mu.Lock(); defer j.mu.Unlock(); return j.open.waiting == 50 })
		gate <- struct{}{}
		gate <- struct{}{}
		wg.Wait()
		d.set(func() { d.gate = nil })
		if w, _ := d.counts(); w != writes+2 {
			t.Errorf("%s: 51 records were written by %d calls, want 2", mode, w-writes)
		}
		if _, s := d.counts(); mode == SyncAlways && s != syncs+2 || mode == SyncNever && s != syncs {
			t.Errorf("%s: %d syncs", mode, s-syncs)
		}
		if s := j.Stats(); s.Records != 52 || s.Groups != 3 {
			t.Errorf("%s: %+v", mode, s)
		}
		if n := len(replay(t, j, 0)); n != 52 {
			t.Errorf("%s: %d records", mode, n)
		}
	}
}

// TestConcurrent has many goroutines append in both ways, while others sync,
// replay and remove.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const workers, each = 16, 400
	for _, mode := range []SyncMode{SyncAlways, SyncInterval} {
		j := open(t, t.TempDir(), Options{Sync: mode, SegmentSize: 32 << 10})
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				if w%2 == 0 {
					for n := range each {
						if _, err := j.Append(fmt.Appendf(nil, "%d %d", w, n)); err != nil {
							t.Error(err)
						}
					}
					return
				}
				var first, last uint64
				for n := range each {
					pos, err := j.AppendNoWait(fmt.Appendf(nil, "%d %d", w, n))
					if err != nil {
						t.Error(err)
						return
					}
					if first == 0 {
						first = pos
					}
					if last = pos; n%20 == 19 {
						if err := j.Commit(first, last); err != nil {
							t.Error(err)
						}
						first = 0
					}
				}
			})
		}
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				upto := j.Position()
				var last uint64
				if err := j.Replay(upto/2, func(pos uint64, _ []byte) error { last = pos; return nil }); err != nil || last < upto {
					t.Errorf("replay up to %d has ended at %d: %v", upto, last, err)
				}
				if err := j.Sync(); err != nil || j.Stats().Durable < upto {
					t.Errorf("durable up to %d after a sync at %d: %v", j.Stats().Durable, upto, err)
				}
			}
		}()
		wg.Wait()
		close(stop)
		<-done
		next := map[int]int{}
		for _, e := range replay(t, j, 0) {
			var w, n int
			if _, err := fmt.Sscan(e.Rec, &w, &n); err != nil || n != next[w] {
				t.Fatalf("%q at %d: want number %d (%v)", e.Rec, e.Pos, next[w], err)
			}
			next[w]++
		}
		for w := range workers {
			if next[w] != each {
				t.Errorf("worker %d: %d records", w, next[w])
			}
		}
	}
}

func TestRemoveUpTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{SegmentSize: minSegment}
	j := open(t, dir, o)
	if err := j.RemoveUpTo(100); err != nil {
		t.Fatal(err)
	}
	want := fill(t, j, 300)
	files := segmentFiles(t, dir)
	before := j.Size()
	if err := j.RemoveUpTo(150); err != nil {
		t.Fatal(err)
	}
	oldest := j.Oldest()
	if oldest < 2 || oldest > 151 || j.Size() >= before || len(segmentFiles(t, dir)) >= len(files) {
		t.Fatalf("oldest %d, %d of %d bytes, %d of %d files", oldest, j.Size(), before, len(segmentFiles(t, dir)), len(files))
	}
	same(t, replay(t, j, 150), want[150:])
	same(t, replay(t, j, oldest-1), want[oldest-1:])
	if _, err := tryReplay(j, oldest-2); !errors.Is(err, ErrGone) {
		t.Errorf("records that are gone: %v", err)
	}
	if err := j.RemoveUpTo(300); err != nil {
		t.Fatal(err)
	}
	if len(segmentFiles(t, dir)) != 1 || j.Stats().Segments != 1 {
		t.Error("the last segment stays, and only that")
	}
	want = append(want, fill(t, j, 1)...)
	closeNow(t, j)
	j = open(t, dir, o)
	same(t, replay(t, j, 300), want[300:])
	if _, err := tryReplay(j, 0); !errors.Is(err, ErrGone) {
		t.Errorf("records that are gone: %v", err)
	}
}

// TestAfter makes positions go on behind what is known elsewhere.
func TestAfter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{After: 1000})
	if j.Position() != 1000 || j.Oldest() != 1001 {
		t.Errorf("%d, oldest %d", j.Position(), j.Oldest())
	}
	if _, err := tryReplay(j, 999); !errors.Is(err, ErrGone) {
		t.Errorf("a journal that was lost must not look like an empty one: %v", err)
	}
	want := []entry{{1001, "a"}}
	appendOK(t, j, "a")
	closeNow(t, j)
	for _, next := range []uint64{5001, 5002, 9001, 9002} {
		j = open(t, dir, Options{After: next / 1000 * 1000})
		rec := fmt.Sprint("record ", next)
		if pos := appendOK(t, j, rec); pos != next {
			t.Errorf("at %d, want %d", pos, next)
		}
		want = append(want, entry{next, rec})
		same(t, replay(t, j, 1000), want)
		same(t, replay(t, j, 4000), want[1:])
		closeNow(t, j)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{})
	_, err := Open(dir, Options{})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("opened twice: %v", err)
	}
	closeNow(t, j)
	open(t, dir, Options{})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{})
	if _, err := j.AppendNoWait([]byte("nobody waits for it")); err != nil {
		t.Fatal(err)
	}
	closeNow(t, j)
	if err := j.WaitFor(1); err != nil {
		t.Errorf("Close writes what was appended: %v", err)
	}
	_, err := j.Append(nil)
	_, errNoWait := j.AppendNoWait(nil)
	for what, err := range map[string]error{
		"Append": err, "AppendNoWait": errNoWait, "Close": j.Close(), "Sync": j.Sync(),
		"Replay": j.Replay(0, nil), "RemoveUpTo": j.RemoveUpTo(1),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := j.Run(t.Context()); err != nil {
		t.Error(err)
	}
	same(t, replay(t, open(t, dir, Options{}), 0), []entry{{1, "nobody waits for it"}})
}

func TestSyncModes(t *testing.T) {
	t.Parallel()
	steps := func(mode SyncMode) (afterAppends, afterSync Stats) {
		j := open(t, t.TempDir(), Options{Sync: mode, SegmentSize: minSegment})
		fill(t, j, 100)
		afterAppends = j.Stats()
		if err := j.sync(mode == SyncNever); err != nil { // as Run does
			t.Fatal(err)
		}
		return afterAppends, j.Stats()
	}
	if a, b := steps(SyncAlways); a.Durable != 100 || b.Durable != 100 {
		t.Errorf("always: %d, %d", a.Durable, b.Durable)
	}
	if a, b := steps(SyncInterval); a.Durable != 0 || b.Durable != 100 {
		t.Errorf("interval: %d, %d", a.Durable, b.Durable)
	}
	if a, b := steps(SyncNever); a.Durable != 0 || b.Durable == 0 || b.Durable == 100 {
		t.Errorf("never: %d, %d; want full segments synced", a.Durable, b.Durable)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), Options{SyncEvery: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- j.Run(t.Context()) }()
	if _, err := j.AppendNoWait([]byte("x")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the record is synced", func() bool { return j.Stats().Durable == 1 })
	closeNow(t, j)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{SegmentSize: 100}, {SegmentSize: -1}, {Sync: "sometimes"}, {SyncEvery: -1}, {RetryEvery: -1}} {
		if _, err := Open(t.TempDir(), o); err == nil {
			t.Errorf("opened with %+v", o)
		}
	}
	for text, want := range map[string]SyncMode{"always": SyncAlways, "never": SyncNever, "1s": SyncInterval, "250ms": SyncInterval, "1h": SyncInterval} {
		if mode, every, err := ParseSync(text); mode != want || err != nil || (every > 0) != (mode == SyncInterval) {
			t.Errorf("%s: %s, %v, %v", text, mode, every, err)
		}
	}
	for _, text := range []string{"", "interval", "1", "0s", "-1s", "2h", "10us", "soon"} {
		if mode, _, err := ParseSync(text); err == nil {
			t.Errorf("%q: %s", text, mode)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "7.wal"), nil)
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "7.wal") {
		t.Errorf("a strange file: %v", err)
	}
}

func TestNoAllocations(t *testing.T) {
	rec := bytes.Repeat([]byte("r"), 80)
	for _, mode := range []SyncMode{SyncAlways, SyncNever} {
		j := open(t, t.TempDir(), Options{Sync: mode})
		run := func() {
			if _, err := j.Append(rec); err != nil {
				t.Fatal(err)
			}
			first, err := j.AppendNoWait(rec)
			if err != nil {
				t.Fatal(err)
			}
			last, err := j.AppendNoWait(rec)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Commit(first, last); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%s: %v allocations for three records", mode, n)
		}
	}
}
