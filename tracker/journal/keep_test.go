package journal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestKeepWhatFailed fills the disk at each byte of a group: none of its records
// may be lost while the process lives, and all keep their order and positions.
func TestKeepWhatFailed(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncAlways, SyncInterval} {
		for room := range int64(250) {
			d, c, dir := newFakeDisk(), newClock(), t.TempDir()
			j := open(t, dir, Options{Sync: mode, Keep: true, Clock: c.Now, disk: d})
			d.set(func() { d.room = room })
			var told, want []entry
			add := func(must bool) (err error) {
				rec := fmt.Sprintf("record %d", len(want))
				var pos uint64
				if must {
					pos, err = j.AppendAnyway([]byte(rec))
				} else {
					pos, err = j.AppendNoWait([]byte(rec))
				}
				if err == nil {
					want = append(want, entry{pos, rec})
				}
				return err
			}
			for n := 0; n < 12; n += 3 {
				for i := range 3 {
					if err := add(i == 2); err != nil {
						t.Fatal(err)
					}
				}
				if err := j.Flush(j.Appended()); err != nil {
					break
				}
				told = slices.Clone(want)
			}
			if s := j.Stats(); !errors.Is(s.Trouble, syscall.ENOSPC) || s.Kept != 3 {
				t.Fatalf("room %d: %+v", room, s)
			}
			if err := add(false); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("room %d: taken while the disk is full: %v", room, err)
			}
			for range 3 {
				if err := add(true); err != nil {
					t.Fatal(err)
				}
				if err := j.Sync(); !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("room %d: a sync without what is late: %v", room, err)
				}
				c.Add(time.Second)
			}
			if err := j.Flush(j.Appended()); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("room %d: %v", room, err)
			}
			same(t, replay(t, j, 0), told)
			if got, err := openAndReplay(crashed(t, dir)); err != nil || !slices.Equal(got, told) {
				t.Fatalf("room %d: after a crash %d records, %v; want %d", room, len(got), err, len(told))
			}
			d.set(func() { d.room = -1 })
			c.Add(time.Second)
			if err := add(false); err != nil {
				t.Fatalf("room %d: refused although there is room: %v", room, err)
			}
			if err := j.Sync(); err != nil {
				t.Fatal(err)
			}
			for i, e := range want {
				if e.Pos != uint64(i+1) {
					t.Fatalf("room %d: positions have gaps: %+v", room, want)
				}
			}
			if s := j.Stats(); s.Trouble != nil || s.Kept != 0 || s.Late != 6 || s.Durable != j.Appended() {
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

// TestKeepLoses closes a journal that can't be written: that is told.
func TestKeepLoses(t *testing.T) {
	t.Parallel()
	d, dir := newFakeDisk(), t.TempDir()
	j, err := Open(dir, Options{Keep: true, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	d.set(func() { d.room = 0 })
	if _, err := j.AppendNoWait([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(j.Appended()); err == nil {
		t.Fatal("written to a full disk")
	}
	if err := j.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("closed with %v", err)
	}
	again := open(t, dir, Options{})
	same(t, replay(t, again, 0), nil)
}

// TestKeepMany lets many goroutines append while the disk is full now and then.
// Everything that was taken must be there in the end, in order, whoever was told
// that it is late.
func TestKeepMany(t *testing.T) {
	t.Parallel()
	d, dir := newFakeDisk(), t.TempDir()
	j := open(t, dir, Options{Keep: true, RetryEvery: time.Microsecond, SegmentSize: 64 << 10, disk: d})
	var mu sync.Mutex
	taken := map[uint64]string{}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 2000 {
				rec := fmt.Sprintf("%d %d %s", w, n, strings.Repeat("x", n%100))
				appendOne := j.AppendNoWait
				if n%10 == 0 {
					appendOne = j.AppendAnyway
				}
				pos, err := appendOne([]byte(rec))
				if err == nil {
					mu.Lock()
					taken[pos] = rec
					mu.Unlock()
				}
				if n%7 == 0 && j.Flush(pos) == nil && j.Position() < pos {
					t.Errorf("position %d was acknowledged, but is not written", pos)
				}
				switch n % 50 {
				case w:
					d.set(func() { d.room = int64(n) })
				case 10 + w:
					d.set(func() { d.room = -1 })
				}
			}
		})
	}
	wg.Wait()
	d.set(func() { d.room = -1 })
	eventually(t, "everything is written", func() bool { return j.Sync() == nil })
	got := replay(t, j, 0)
	if len(got) != len(taken) {
		t.Errorf("%d records, %d were taken", len(got), len(taken))
	}
	for _, e := range got {
		if taken[e.Pos] != e.Rec {
			t.Fatalf("at %d there is %q, want %q", e.Pos, e.Rec, taken[e.Pos])
		}
	}
	if s := j.Stats(); s.Late == 0 {
		t.Errorf("nothing was late: this test tests nothing; %+v", s)
	}
}
