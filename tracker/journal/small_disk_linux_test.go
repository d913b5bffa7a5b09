package journal

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestSmallDisk fills a file system of 256 KiB, where one can be had: only root
// may mount one.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("journal-test", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Logf("no small file system (%v): TestFileSizeLimit and TestFullDisk have to do", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	for _, mode := range []SyncMode{SyncAlways, SyncInterval} {
		sub := filepath.Join(dir, string(mode))
		filler := filepath.Join(dir, "filler")
		write(t, filler, make([]byte, 100<<10))
		c := newClock()
		j := open(t, sub, Options{Sync: mode, SegmentSize: 32 << 10, Clock: c.Now})
		var told []string
		appendMany := func(n int) (refused int) {
			for range n {
				pos, err := j.Append(make([]byte, 77))
				if err == nil {
					told = append(told, strconv.FormatUint(pos, 10))
				} else {
					refused++
				}
				c.Add(defaultRetry / 3)
			}
			return refused
		}
		if n := appendMany(3000); n < 500 || len(told) < 500 {
			t.Errorf("%s: %d refused, %d written", mode, n, len(told))
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		c.Add(defaultRetry)
		if n := appendMany(300); n != 0 {
			t.Errorf("%s: %d refused although there is room", mode, n)
		}
		closeNow(t, j)
		checkPositions(t, sub, told)
		if err := os.RemoveAll(sub); err != nil {
			t.Fatal(err)
		}
	}
}
