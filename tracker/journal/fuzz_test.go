package journal

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// FuzzSegment opens any bytes as the last of two segments: that is refused, or
// what is left is sound and can be gone on with.
func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	j := open(f, dir, Options{SegmentSize: minSegment, disk: newFakeDisk()})
	for range 5 {
		fill(f, j, 12)
		if err := j.Sync(); err != nil {
			f.Fatal(err)
		}
	}
	path := segmentFiles(f, dir)[1]
	first, whole := read(f, segmentFiles(f, dir)[0]), read(f, path)
	want := replay(f, j, 0)
	f.Add(whole, 0, byte(0))
	f.Add(whole[:len(whole)/2], 100, byte(1))
	f.Add(append(slices.Clone(whole[:300]), whole...), 300, byte(255))
	f.Add([]byte{}, 0, byte(0))
	f.Add(make([]byte, 1000), 0, byte(0))
	before := int(j.segments[1].before)
	base := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, at int, mask byte) {
		if at >= 0 && at < len(data) {
			data = slices.Clone(data)
			data[at] ^= mask
		}
		for _, path := range segmentFiles(t, base) {
			if err := (realDisk{}).Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		overwrite(t, segmentPath(base, 1), first)
		path := segmentPath(base, uint64(before+1))
		overwrite(t, path, data)
		o := Options{SegmentSize: minSegment, disk: newFakeDisk()}
		j, err := Open(base, o)
		if err != nil {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.File != path && corrupt.File != segmentPath(base, 1) || !bytes.Equal(read(t, path), data) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		got := replay(t, j, 0)
		if len(got) < before || !slices.Equal(got[:before], want[:before]) {
			t.Fatal("the first segment is changed")
		}
		got = append(got, entry{appendOK(t, j, "afterwards"), "afterwards"})
		same(t, replay(t, j, 0), got)
		closeNow(t, j)
		again, err := openAndReplay(base)
		if err != nil || !slices.Equal(again, got) {
			t.Fatalf("opened again: %d records for %d, %v", len(again), len(got), err)
		}
	})
}

// FuzzGroup gives the reader groups whose checksum is right and whose contents
// are not: it must take them as they are or not at all.
func FuzzGroup(f *testing.F) {
	f.Add([]byte("\x03\x00abc\x00\x00\x01\x00x"), uint16(3), uint64(7), uint64(3))
	f.Add([]byte{}, uint16(0), uint64(1), uint64(0))
	f.Add([]byte("\xff\xffabc"), uint16(1), uint64(1<<63), uint64(1<<62))
	f.Fuzz(func(t *testing.T, body []byte, records uint16, first, mark uint64) {
		b := append(make([]byte, groupHeader), body...)
		seal(b, first, int(records), mark)
		r := &reader{r: bytes.NewReader(b), limit: int64(len(b))}
		g, err := r.frame(1)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatal(err)
			}
			return
		}
		n, size := 0, 0
		err = g.each(0, func(pos uint64, rec []byte) error {
			if pos != first+uint64(n) {
				t.Fatalf("record %d is at %d", n, pos)
			}
			n++
			size += lengthSize + len(rec)
			return nil
		})
		if err != nil || n != int(records) || size != len(body) || mark >= first {
			t.Fatalf("%d of %d records, %d of %d bytes, %v", n, records, size, len(body), err)
		}
	})
}
