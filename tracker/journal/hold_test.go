package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/caduceus-bio/caduceus/tracker/journal/checkpoint"
)

// copyTo writes what Files returns to a folder, as a backup does.
func copyTo(t *testing.T, h *Held, dir string) {
	t.Helper()
	files, err := h.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := io.ReadAll(io.LimitReader(f.Reader, f.Size))
		if err != nil || int64(len(raw)) != f.Size {
			t.Fatalf("%s: %d bytes of %d: %v", f.Name, len(raw), f.Size, err)
		}
		write(t, filepath.Join(dir, f.Name), raw)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHold copies a journal that goes on and is shortened meanwhile.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncAlways, SyncNever} { // with preallocated segments and without
		dir, to := t.TempDir(), t.TempDir()
		j := open(t, dir, Options{SegmentSize: 8 << 10, Sync: mode})
		var want []entry
		put := func(n int) {
			for range n {
				rec := fmt.Sprintf("record %d of some length, so that segments are filled soon", len(want))
				want = append(want, entry{appendOK(t, j, rec), rec})
			}
		}
		put(300)
		if _, err := checkpoint.Write(dir, 100, func(w io.Writer) error { _, err := io.WriteString(w, "the swarms"); return err }); err != nil {
			t.Fatal(err)
		}
		h, err := Hold(dir)
		if err != nil {
			t.Fatal(err)
		}
		put(300)
		if err := j.RemoveUpTo(290); err != nil {
			t.Fatal(err)
		}
		if j.Oldest() < 200 {
			t.Fatalf("nothing was removed: the oldest is %d", j.Oldest())
		}
		copyTo(t, h, to)
		upto := len(want)
		put(300)
		got := open(t, to, Options{})
		if r := got.Recovery(); r.File != "" {
			t.Errorf("%s: the copy ends in the middle: %+v", mode, r)
		}
		same(t, replay(t, got, 0), want[:upto])
		if snap, err := checkpoint.Open(to); err != nil || snap.Position != 100 {
			t.Errorf("%s: the copy of the checkpoint: %v", mode, err)
		} else if err := snap.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHoldWhileWriting copies a journal again and again beside one that writes it as fast
// as it can: each copy is a beginning of it.
func TestHoldWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentSize: 256 << 10, Sync: SyncNever})
	written, last := 0, 0
	for range 20 {
		ended := make(chan error, 1)
		go func() {
			for range 3000 {
				written++
				if _, err := j.Append(fmt.Append(nil, written)); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		h, err := Hold(dir)
		if err != nil {
			t.Fatal(err)
		}
		told := int(j.Position())
		to := t.TempDir()
		copyTo(t, h, to)
		c := open(t, to, Options{})
		n := 0
		for _, e := range replay(t, c, 0) {
			if n++; e.Rec != fmt.Sprint(n) {
				t.Fatalf("record %d is %q", n, e.Rec)
			}
		}
		if n < max(told, last) {
			t.Fatalf("%d records were acknowledged, and the copy has %d", max(told, last), n)
		}
		last = n
		closeNow(t, c)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

// TestHoldOfDamage tells of damage in the middle, which no end of a write explains.
func TestHoldOfDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentSize: 8 << 10})
	for range 400 {
		appendOK(t, j, "a record of some length, so that segments are filled soon")
	}
	closeNow(t, j)
	firsts, err := segmentsIn(dir)
	if err != nil || len(firsts) < 3 {
		t.Fatalf("%d segments: %v", len(firsts), err)
	}
	path := segmentPath(dir, firsts[1])
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	write(t, path, raw)
	h, err := Hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	var damage *CorruptError
	if _, err := h.Files(); !errors.As(err, &damage) || damage.File != path {
		t.Errorf("damage in %s: %v", path, err)
	}
}
