package journal

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestFullDisk fills the disk at each byte of a write: what was acknowledged is
// there, what was refused is not, and it goes on when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncAlways, SyncInterval} {
		for room := range int64(200) {
			d, c, dir := newFakeDisk(), newClock(), t.TempDir()
			j := open(t, dir, Options{Sync: mode, Clock: c.Now, disk: d})
			d.set(func() { d.room = room })
			var want []entry
			for len(want) < 8 {
				rec := fmt.Sprintf("record %d", len(want))
				pos, err := j.Append([]byte(rec))
				if errors.Is(err, syscall.ENOSPC) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, entry{pos, rec})
			}
			trouble := j.Stats().Trouble
			if !errors.Is(trouble, syscall.ENOSPC) {
				t.Fatalf("room %d: the trouble is %v", room, trouble)
			}
			writes, _ := d.counts()
			for range 5 { // refused at once, without a try
				if _, err := j.Append([]byte("too early")); !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("room %d: %v", room, err)
				}
			}
			if w, _ := d.counts(); w != writes {
				t.Errorf("room %d: %d tries before it was time", room, w-writes)
			}
			same(t, replay(t, j, 0), want)
			if got, err := openAndReplay(crashed(t, dir)); err != nil || !slices.Equal(got, want) {
				t.Fatalf("room %d: after a crash %d records, %v; want %d", room, len(got), err, len(want))
			}
			d.set(func() { d.room = -1 })
			c.Add(time.Second)
			want = append(want, fill(t, j, 3)...)
			if s := j.Stats(); s.Trouble != nil || s.Failures == 0 || s.Refused != 6 {
				t.Errorf("room %d: %+v", room, s)
			}
			same(t, replay(t, j, 0), want)
			closeNow(t, j)
			if got, err := openAndReplay(dir); err != nil || !slices.Equal(got, want) {
				t.Fatalf("room %d: opened again %d records, %v", room, len(got), err)
			}
		}
	}
}

// TestFailureTakesWhatFollows lets a write fail while other records are pending:
// none of them may be written, as they may build on the one that failed.
func TestFailureTakesWhatFollows(t *testing.T) {
	t.Parallel()
	d, c := newFakeDisk(), newClock()
	j := open(t, t.TempDir(), Options{Clock: c.Now, disk: d})
	want := fill(t, j, 1)
	gate := make(chan struct{})
	d.set(func() { d.gate, d.arrived, d.room = gate, 0, 0 })
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	appendOne := func() {
		if _, err := j.Append([]byte("x")); errors.Is(err, syscall.ENOSPC) {
			mu.Lock()
			defer mu.Unlock()
			failed++
		} else {
			t.Errorf("not refused: %v", err)
		}
	}
	wg.Go(appendOne)
	eventually(t, "the first one writes", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.arrived == 1 })
	pos, err := j.AppendNoWait([]byte("y"))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		wg.Go(appendOne)
	}
	eventually(t, "the others wait", func() bool { j.mu.Lock(); defer j.mu.Unlock(); return j.open.waiting == 10 })
	d.set(func() { d.room = 31 }) // no room for the first, but for a shorter one
	gate <- struct{}{}
	wg.Wait()
	d.set(func() { d.gate, d.room = nil, -1 })
	if err := j.WaitFor(pos); !errors.Is(err, syscall.ENOSPC) || failed != 11 {
		t.Errorf("%d failed, and %v", failed, err)
	}
	c.Add(time.Second)
	first, err := j.AppendNoWait([]byte("z"))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(pos, first); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a stretch with failures in it: %v", err)
	}
	if err := j.WaitFor(first); err != nil {
		t.Error(err)
	}
	want = append(want, entry{first, "z"})
	same(t, replay(t, j, 0), want)
	for _, e := range want {
		if err := j.WaitFor(e.Pos); err != nil {
			t.Errorf("position %d was written: %v", e.Pos, err)
		}
	}
	if s := j.Stats(); s.Refused != 12 || s.Records != 2 {
		t.Errorf("%+v", s)
	}
}

// TestFailuresAreRemembered has more outages than are kept apart.
func TestFailuresAreRemembered(t *testing.T) {
	t.Parallel()
	d, c := newFakeDisk(), newClock()
	j := open(t, t.TempDir(), Options{Clock: c.Now, disk: d})
	var good, bad []uint64
	for range 2 * keptFailures {
		good = append(good, appendOK(t, j, "good"))
		d.set(func() { d.room = 5 })
		pos, err := j.AppendNoWait([]byte("bad"))
		if err != nil {
			t.Fatal(err)
		}
		if err := j.WaitFor(pos); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		bad = append(bad, pos)
		d.set(func() { d.room = -1 })
		c.Add(time.Second)
	}
	for i := range good {
		if err := j.WaitFor(bad[i]); err == nil {
			t.Errorf("position %d has failed", bad[i])
		}
		if err := j.WaitFor(good[i]); err != nil && (i > keptFailures || !errors.Is(err, ErrGone)) {
			t.Errorf("position %d was written: %v", good[i], err)
		}
	}
}

// TestFaults breaks one thing after the other while records are appended.
func TestFaults(t *testing.T) {
	t.Parallel()
	broken := syscall.EIO
	for _, mode := range []SyncMode{SyncAlways, SyncInterval} {
		for what, fault := range map[string]func(d *fakeDisk){
			"sync":                   func(d *fakeDisk) { d.syncErr = broken },
			"sync, nothing is kept":  func(d *fakeDisk) { d.syncErr, d.forget = broken, true },
			"write":                  func(d *fakeDisk) { d.room = 10 },
			"write and cut":          func(d *fakeDisk) { d.room, d.cutErr = 10, broken },
			"sync and cut":           func(d *fakeDisk) { d.syncErr, d.cutErr = broken, broken },
			"create":                 func(d *fakeDisk) { d.makeErr = broken },
			"directory":              func(d *fakeDisk) { d.dirErr = broken },
			"directory and removing": func(d *fakeDisk) { d.dirErr, d.rmErr = broken, broken },
		} {
			d, c, dir := newFakeDisk(), newClock(), t.TempDir()
			j := open(t, dir, Options{SegmentSize: minSegment, Sync: mode, Clock: c.Now, disk: d})
			var want []entry
			refused := 0
			for n := range 400 {
				switch {
				case n%50 == 20:
					d.set(func() { fault(d) })
				case n%50 == 40:
					d.set(func() {
						d.syncErr, d.cutErr, d.makeErr, d.dirErr, d.rmErr, d.room, d.forget = nil, nil, nil, nil, nil, -1, false
					})
				case n%7 == 3:
					if err := j.Sync(); err == nil && j.Stats().Durable < j.Position() {
						t.Errorf("%s, %s: synced up to %d of %d", mode, what, j.Stats().Durable, j.Position())
					}
				}
				rec := fmt.Sprintf("record %d %040d", n, n)
				if pos, err := j.Append([]byte(rec)); err == nil {
					want = append(want, entry{pos, rec})
				} else {
					refused++
					if !errors.Is(err, broken) && !errors.Is(err, syscall.ENOSPC) {
						t.Fatalf("%s, %s: %v", mode, what, err)
					}
				}
				if n%10 == 0 {
					same(t, replay(t, j, 0), want)
				}
				c.Add(70 * time.Millisecond)
			}
			// What needs no sync goes on in interval mode, such as new names.
			if refused == 0 || refused > 250 {
				t.Errorf("%s, %s: %d of 400 were refused", mode, what, refused)
			}
			if s := j.Stats(); s.Trouble != nil || s.Failures == 0 || len(want) < 100 {
				t.Errorf("%s, %s: %d records, %+v", mode, what, len(want), s)
			}
			closeNow(t, j)
			if got, err := openAndReplay(dir); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %s: opened again %d of %d records, %v", mode, what, len(got), len(want), err)
			}
		}
	}
}

// TestFailedSync looses what the kernel could not write, as it does: the next
// sync must write it again before anything counts as synced.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	d, c, dir := newFakeDisk(), newClock(), t.TempDir()
	j := open(t, dir, Options{SegmentSize: minSegment, Clock: c.Now, disk: d})
	want := fill(t, j, 60) // two segments
	d.set(func() { d.syncErr, d.forget = syscall.EIO, true })
	if err := j.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if _, err := j.Append([]byte("x")); !errors.Is(err, syscall.EIO) {
		t.Errorf("what can't be synced in time is refused: %v", err)
	}
	if _, err := j.AppendNoWait([]byte("x")); !errors.Is(err, syscall.EIO) {
		t.Errorf("what can't be synced in time is refused: %v", err)
	}
	same(t, replay(t, j, 0), want)
	d.set(func() { d.syncErr = nil })
	writes, _ := d.counts()
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	// Only the first segment was tried: it is written again, group by group.
	if w, _ := d.counts(); w < writes+30 || j.Stats().Durable != 60 {
		t.Errorf("%d writes, durable up to %d", w-writes, j.Stats().Durable)
	}
	want = append(want, fill(t, j, 5)...)
	d.set(func() { d.syncErr = syscall.EIO })
	if err := j.Sync(); err == nil {
		t.Fatal("no error")
	}
	d.set(func() { d.syncErr = nil })
	c.Add(time.Second)
	want = append(want, fill(t, j, 1)...) // an append finds out as well
	if s := j.Stats(); s.Trouble != nil || s.Durable < 65 {
		t.Errorf("%+v", s)
	}
	same(t, replay(t, j, 0), want)

	// When the cache has lost it too, that is said, and never taken back.
	fill(t, j, 1)
	d.set(func() { d.syncErr = syscall.EIO })
	if err := j.Sync(); err == nil {
		t.Fatal("no error")
	}
	d.set(func() { d.syncErr = nil })
	path := segmentFiles(t, dir)[1]
	b := read(t, path)
	b[len(b)-1] ^= 1
	overwrite(t, path, b)
	for range 3 {
		c.Add(time.Second)
		if _, err := j.Append([]byte("x")); !errors.Is(err, errDamaged) {
			t.Errorf("a record that was acknowledged is lost: %v", err)
		}
	}
	if err := j.Close(); !errors.Is(err, errDamaged) {
		t.Errorf("closed: %v", err)
	}
}

func TestCloseDuringAnOutage(t *testing.T) {
	t.Parallel()
	d, dir := newFakeDisk(), t.TempDir()
	j := open(t, dir, Options{disk: d})
	want := fill(t, j, 2)
	d.set(func() { d.room = 0 })
	pos, err := j.AppendNoWait([]byte("lost"))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("everything that was acknowledged is safe: %v", err)
	}
	if err := j.WaitFor(pos); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("it was not written: %v", err)
	}
	if got, err := openAndReplay(dir); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{})
	fill(t, j, 3)
	closeNow(t, j)
	d := newFakeDisk()
	d.syncErr = syscall.EIO
	if _, err := Open(dir, Options{disk: d}); !errors.Is(err, syscall.EIO) {
		t.Errorf("what was written can't be made durable: %v", err)
	}
	same(t, replay(t, open(t, dir, Options{}), 2), []entry{{3, "record 3 000000000000000000000002"}})
}
