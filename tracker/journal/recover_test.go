package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTornTail cuts the last segment at each byte, as a crash in the middle of a
// write does.
func TestTornTail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentSize: minSegment, Sync: SyncNever})
	all := fill(t, j, 60)
	if len(j.segments) != 2 {
		t.Fatalf("%d segments", len(j.segments))
	}
	last := filepath.Base(segmentFiles(t, dir)[1])
	whole := read(t, filepath.Join(dir, last))
	base := crashed(t, dir)
	keep := int(j.segments[1].before)
	ends := map[int]int{} // length of the last segment to records that are whole
	for n, e := range groupEnds(t, j) {
		ends[int(e)] = keep + n
	}
	for size := range len(whole) + 1 {
		if n, ok := ends[size]; ok {
			keep = n
		}
		overwrite(t, filepath.Join(base, last), whole[:size])
		checkCut(t, base, fmt.Sprintf("cut at %d of %d", size, len(whole)), all[:keep])
		if t.Failed() {
			return
		}
	}
	for range 50 { // what is torn need not be short
		garbage := make([]byte, rand.IntN(3000)+1)
		for i := range garbage {
			garbage[i] = byte(rand.Uint32())
		}
		write(t, filepath.Join(base, last), append(slices.Clone(whole), garbage...))
		checkCut(t, base, "garbage behind the end", all)
	}
	write(t, filepath.Join(base, last), append(slices.Clone(whole), make([]byte, 1<<20)...))
	checkCut(t, base, "zeros behind the end", all)
}

// groupEnds returns where each group of the last segment ends, after the header.
func groupEnds(t *testing.T, j *Journal) []int64 {
	t.Helper()
	s := j.segments[len(j.segments)-1]
	f, err := os.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := &reader{r: f, off: segmentHeader, limit: s.end}
	ends := []int64{segmentHeader}
	for next := s.first; ; {
		g, err := r.frame(next)
		if err != nil {
			return ends
		}
		next = g.last() + 1
		ends = append(ends, r.off)
	}
}

// checkCut opens the journal, expects what is left, appends and does it again.
func checkCut(t *testing.T, dir, what string, want []entry) {
	t.Helper()
	j, err := Open(dir, Options{SegmentSize: minSegment, disk: newFakeDisk()})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	got, err := tryReplay(j, 0)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: %d records (%v), want %d", what, len(got), err, len(want))
	}
	pos, err := j.Append([]byte("afterwards"))
	if err != nil || pos != uint64(len(want)+1) {
		t.Errorf("%s: went on at %d: %v", what, pos, err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if j, err = Open(dir, Options{SegmentSize: minSegment, disk: newFakeDisk()}); err != nil {
		t.Fatalf("%s, second time: %v", what, err)
	}
	got, err = tryReplay(j, 0)
	if err != nil || !slices.Equal(got, append(want[:len(want):len(want)], entry{pos, "afterwards"})) {
		t.Errorf("%s, second time: %d records, %v", what, len(got), err)
	}
	if r := j.Recovery(); r.File != "" {
		t.Errorf("%s: cut twice: %+v", what, r)
	}
	if err := j.Close(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestBitFlips flips a bit of each byte of a journal that was closed well: all
// records must be there, or a CorruptError must name the place.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncAlways, SyncNever} {
		dir := t.TempDir()
		j := open(t, dir, Options{SegmentSize: minSegment, Sync: mode, disk: newFakeDisk()})
		want := fill(t, j, 70)
		closeNow(t, j)
		loud, total := 0, 0
		for _, path := range segmentFiles(t, dir) {
			whole := read(t, path)
			total += len(whole)
			for at := range whole {
				flipped := slices.Clone(whole)
				flipped[at] ^= 1 << rand.IntN(8)
				overwrite(t, path, flipped)
				got, err := openAndReplay(dir)
				var corrupt *CorruptError
				switch {
				case errors.As(err, &corrupt):
					loud++
					if corrupt.File != path || corrupt.Offset > int64(at) || corrupt.Offset < int64(at)-200 {
						t.Fatalf("%s: byte %d of %s: %v", mode, at, path, err)
					}
					if !slices.Equal(read(t, path), flipped) {
						t.Fatalf("%s: byte %d of %s: the damaged file was changed", mode, at, path)
					}
				case err != nil || !slices.Equal(got, want):
					t.Fatalf("%s: byte %d of %s: %d of %d records, %v", mode, at, path, len(got), len(want), err)
				}
			}
			overwrite(t, path, whole)
		}
		if got, err := openAndReplay(dir); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: when all is put right: %d records, %v", mode, len(got), err)
		}
		if loud < total-groupHeader { // only that of the last group, which holds nothing, may pass
			t.Errorf("%s: %d errors for %d bytes", mode, loud, total)
		}
	}
}

func openAndReplay(dir string) ([]entry, error) {
	j, err := Open(dir, Options{SegmentSize: minSegment, disk: newFakeDisk()})
	if err != nil {
		return nil, err
	}
	got, err := tryReplay(j, 0)
	return got, errors.Join(err, j.Close())
}

// TestDamageBeforeTheMark damages a journal that was killed: what was synced must
// be whole, what was not may be lost, and is then told.
func TestDamageBeforeTheMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{})
	want := fill(t, j, 10)
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	want = append(want, fill(t, j, 10)...) // these carry the mark 10
	name := filepath.Base(segmentFiles(t, dir)[0])
	whole := read(t, filepath.Join(dir, name))
	ends := groupEnds(t, j)
	for n := range want {
		to := t.TempDir()
		path := filepath.Join(to, name)
		b := slices.Clone(whole)
		b[ends[n]+groupHeader+5] ^= 1
		write(t, path, b)
		j, err := Open(to, Options{disk: newFakeDisk()})
		if n < 10 {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || *corrupt != (CorruptError{path, ends[n], errDamaged.Error()}) {
				t.Errorf("record %d was synced: %v", n+1, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("record %d was not synced: %v", n+1, err)
			continue
		}
		wantCut := Recovery{File: path, Offset: ends[n], Bytes: int64(len(b)) - ends[n], Groups: len(want) - n - 1}
		if j.Recovery() != wantCut {
			t.Errorf("record %d: %+v, want %+v", n+1, j.Recovery(), wantCut)
		}
		same(t, replay(t, j, 0), want[:n])
		closeNow(t, j)
	}
}

// TestOtherVersion opens what a later program has written: nothing may be cut.
func TestOtherVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentSize: minSegment})
	fill(t, j, 60)
	closeNow(t, j)
	for _, path := range segmentFiles(t, dir) {
		whole := read(t, path)
		b := slices.Clone(whole)
		b[7]++
		le.PutUint32(b[36:], crc32.Checksum(b[:36], castagnoli))
		overwrite(t, path, b)
		if _, err := openAndReplay(dir); err == nil || !strings.Contains(err.Error(), "version 2") || !slices.Equal(read(t, path), b) {
			t.Errorf("%s: %v", path, err)
		}
		overwrite(t, path, whole)
	}
}

// TestMissingSegments takes whole segments away.
func TestMissingSegments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentSize: minSegment, disk: newFakeDisk()})
	want := fill(t, j, 200)
	closeNow(t, j)
	files := segmentFiles(t, dir)
	if len(files) < 4 {
		t.Fatalf("%d segments", len(files))
	}
	for i, path := range files {
		b := read(t, path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		got, err := openAndReplay(dir)
		var corrupt *CorruptError
		switch first, _ := parseName(filepath.Base(path)); {
		case i == 0:
			if !errors.Is(err, ErrGone) {
				t.Errorf("without the first: %v", err)
			}
		case i == len(files)-1: // nothing in the others knows of it; Options.After is for that
			if err != nil || !slices.Equal(got, want[:first-1]) {
				t.Errorf("without the last: %d records, %v", len(got), err)
			}
			if after := segmentFiles(t, dir); len(after) != i {
				t.Errorf("%d segments", len(after))
			}
		default:
			if !errors.As(err, &corrupt) || corrupt.File != files[i-1] {
				t.Errorf("without number %d: %v", i, err)
			}
		}
		write(t, path, b)
	}
}

// TestPowerFailure loses any of what was not synced, in any order. What was
// must be there, nothing may follow a gap, and the journal must go on.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	var all []entry
	var durable, after uint64
	lost, gaps := 0, 0
	for round := range 400 {
		mode := []SyncMode{SyncAlways, SyncInterval, SyncNever}[rng.IntN(3)]
		d, c := newFakeDisk(), newClock()
		j, err := Open(dir, Options{SegmentSize: minSegment, Sync: mode, Clock: c.Now, disk: d})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		got, err := tryReplay(j, after)
		if err != nil || len(got) > len(all) || !slices.Equal(got, all[:len(got)]) {
			t.Fatalf("round %d: %d records, %v; want the first ones of %d", round, len(got), err, len(all))
		}
		if n := len(got); n < len(all) && all[n].Pos <= durable {
			t.Fatalf("round %d: position %d is lost, but %d was synced", round, all[n].Pos, durable)
		}
		lost += len(all) - len(got)
		if j.Recovery().Groups > 0 {
			gaps++
		}
		all = got
		for range rng.IntN(120) {
			switch rng.IntN(12) {
			case 0:
				if err := j.sync(mode == SyncNever); err != nil {
					t.Fatal(err)
				}
			case 1: // a full disk, for a moment
				d.set(func() { d.room = int64(rng.IntN(200)) })
			default:
				rec := fmt.Sprintf("%d %0*d", round, rng.IntN(150)+1, len(all))
				if pos, err := j.Append([]byte(rec)); err == nil {
					all = append(all, entry{pos, rec})
				} else {
					d.set(func() { d.room = -1 })
					c.Add(time.Second)
				}
			}
		}
		durable = j.Stats().Durable
		if len(all) > 400 && all[200].Pos <= durable { // as after a checkpoint
			after = all[200].Pos
			all = slices.Clone(all[201:])
			if err := j.RemoveUpTo(after); err != nil {
				t.Fatal(err)
			}
		}
		d.powerFails(t, rng)
		if err := errors.Join(j.closeFiles(), unlock(j.lock)); err != nil { // no Close: the machine is off
			t.Fatal(err)
		}
	}
	t.Logf("%d records were lost, %d times behind a gap", lost, gaps)
	if lost == 0 || gaps == 0 {
		t.Error("the test has done nothing")
	}
}

// powerFails drops some of the sectors that were written and not synced, and some
// of the names.
func (d *fakeDisk) powerFails(t *testing.T, rng *rand.Rand) {
	t.Helper()
	const sector = 512
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, f := range d.files {
		size := int64(len(read(t, path)))
		for _, s := range f.atRisk {
			for from := s.from; from < min(s.to, size); {
				to := min(from/sector*sector+sector, s.to, size)
				if rng.IntN(8) == 0 {
					if _, err := f.file.WriteAt(make([]byte, to-from), from); err != nil {
						t.Fatal(err)
					}
				}
				from = to
			}
			if rng.IntN(100) == 0 {
				if err := f.file.Truncate(min(size, s.from)); err != nil {
					t.Fatal(err)
				}
				size = min(size, s.from)
			}
		}
	}
	for len(d.unlisted) > 0 && rng.IntN(4) == 0 { // in the order of the file system's own journal
		last := len(d.unlisted) - 1
		if err := os.Remove(d.unlisted[last]); err != nil {
			t.Fatal(err)
		}
		d.unlisted = d.unlisted[:last]
	}
}
