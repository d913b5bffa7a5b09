package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// segmentScan is what Open has found in a segment.
type segmentScan struct {
	head
	whole  bool   // the header is not damaged
	size   int64  // bytes in the file
	end    int64  // where the groups end or the damage begins
	last   uint64 // position of the last record before end
	reason error  // what is damaged at end; nil if nothing is
	mark   uint64 // the highest mark in the segment, before or after the damage
	groups int    // intact groups before the damage
	behind int    // intact groups after it
}

// scanSegment reads the whole segment that is named after first.
func scanSegment(path string, first uint64) (v segmentScan, err error) {
	f, err := os.Open(path)
	if err != nil {
		return v, fmt.Errorf("journal: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return v, fmt.Errorf("journal: %w", err)
	}
	v.size, v.last = info.Size(), first-1
	r := &reader{r: f, limit: v.size}
	if err := v.scanGroups(r, path, first); err != nil {
		return v, fmt.Errorf("journal: read %s at byte %d: %w", path, r.off, err)
	}
	if v.reason == nil {
		return v, nil
	}
	r.off = v.end
	for next := max(v.last+1, first); ; {
		g, err := r.search(next)
		if errors.Is(err, io.EOF) {
			return v, nil
		}
		if err != nil {
			return v, fmt.Errorf("journal: read %s at byte %d: %w", path, r.off, err)
		}
		if g.records > 0 {
			next = g.last() + 1
		}
		v.mark = max(v.mark, g.mark)
		v.behind++
		r.off-- // search begins one byte further
	}
}

// scanGroups reads the groups up to the first damage.
func (v *segmentScan) scanGroups(r *reader, path string, first uint64) error {
	b, err := r.bytes(segmentHeader)
	if err != nil {
		return err
	}
	h, err := readHead(b, path, first)
	if err != nil {
		return err
	}
	if h == nil {
		v.reason = errHeader
		return nil
	}
	v.head, v.whole = *h, true
	v.mark, v.last = v.head.mark, v.before
	r.off, v.end = segmentHeader, segmentHeader
	for next := first; ; {
		g, err := r.frame(next)
		switch {
		case errors.Is(err, errDamaged):
			v.reason = err
			return nil
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		v.end, v.mark = r.off, max(v.mark, g.mark)
		v.groups++
		if g.records > 0 {
			v.last = g.last()
			next = v.last + 1
		}
	}
}

// recover reads the segments, cuts off a damaged end, and makes the journal ready for
// writing.
func (j *Journal) recover() error {
	firsts, err := segmentsIn(j.dir)
	if err != nil {
		return err
	}
	views := make([]segmentScan, len(firsts))
	low := len(firsts)
	var mark uint64
	// Go back until everything before is known to be synced.
	for settled := false; low > 0 && !settled; {
		low--
		v := &views[low]
		if *v, err = scanSegment(segmentPath(j.dir, firsts[low]), firsts[low]); err != nil {
			return err
		}
		mark = max(mark, v.mark)
		settled = v.whole && v.before <= mark
	}
	for i := range low {
		if err := views[i].scanHeader(segmentPath(j.dir, firsts[i]), firsts[i]); err != nil {
			return err
		}
	}
	keep, err := j.segmentsToKeep(firsts, views, low, mark)
	if err != nil {
		return err
	}
	floor := j.o.After
	if keep == 0 && len(firsts) > 0 {
		floor = max(floor, firsts[0]-1)
	}
	if err := j.cutEnd(firsts, views, keep); err != nil {
		return fmt.Errorf("journal: cut the end: %w", err)
	}
	if err := j.resume(firsts[:keep], views, min(low, keep)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	last := j.lastBefore()
	j.written = max(last, floor)
	j.durable = j.written
	j.next = max(j.written, mark) + 1
	if j.current != nil {
		j.next = max(j.next, j.current.first)
	}
	j.settled = j.next - 1
	j.roll = j.current != nil && last < floor
	j.mark = mark
	return nil
}

// segmentsIn returns the first positions of the segments in dir, in order.
func segmentsIn(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var firsts []uint64
	for _, e := range entries {
		if filepath.Ext(e.Name()) != suffix {
			continue
		}
		first, ok := parseName(e.Name())
		if !ok {
			return nil, fmt.Errorf("journal: %s is no name of a segment; move it away", filepath.Join(dir, e.Name()))
		}
		firsts = append(firsts, first)
	}
	return firsts, nil
}

// scanHeader reads only the header of a segment that is known to be synced.
func (v *segmentScan) scanHeader(path string, first uint64) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	v.size, v.end = info.Size(), info.Size()
	b := make([]byte, segmentHeader)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("journal: read %s: %w", path, err)
	}
	h, err := readHead(b, path, first)
	if err != nil {
		return err
	}
	if h == nil {
		return &CorruptError{path, 0, errHeader.Error()}
	}
	v.head, v.whole = *h, true
	return nil
}

// segmentsToKeep returns how many segments to keep. Damage after the highest mark is a
// write that was interrupted by a crash or lost in a power failure. Any other damage is
// an error.
func (j *Journal) segmentsToKeep(firsts []uint64, views []segmentScan, low int, mark uint64) (keep int, err error) {
	for i := range firsts {
		v, path := &views[i], segmentPath(j.dir, firsts[i])
		if i < low {
			if i+1 < len(firsts) {
				v.last = views[i+1].before
			}
			continue
		}
		if i > low && v.whole && v.before != views[i-1].last {
			p := &views[i-1]
			if mark > p.last {
				return 0, &CorruptError{segmentPath(j.dir, firsts[i-1]), p.end,
					fmt.Sprintf("it ends with position %d, but the next segment goes on after %d", p.last, v.before)}
			}
			j.recovery = Recovery{File: segmentPath(j.dir, firsts[i-1]), Offset: p.end}
			return i, nil
		}
		if v.reason == nil {
			continue
		}
		if lost := max(v.last+1, firsts[i]); mark >= lost {
			return 0, &CorruptError{path, v.end, v.reason.Error()}
		}
		j.recovery = Recovery{File: path, Offset: v.end, Bytes: v.size - v.end, Groups: v.behind}
		if v.whole {
			i++
		}
		return i, nil
	}
	return len(firsts), nil
}

// cutEnd removes the segments that are not kept, last one first, and truncates the last
// segment that is kept.
func (j *Journal) cutEnd(firsts []uint64, views []segmentScan, keep int) error {
	if j.recovery.File == "" {
		return nil
	}
	for i := len(firsts) - 1; i >= keep; i-- {
		path := segmentPath(j.dir, firsts[i])
		if path != j.recovery.File {
			j.recovery.Bytes += views[i].size
			j.recovery.Groups += views[i].groups + views[i].behind
		}
		if err := j.o.disk.Remove(path); err != nil {
			return err
		}
	}
	if keep == 0 || views[keep-1].reason == nil {
		return nil
	}
	f, err := j.o.disk.Open(segmentPath(j.dir, firsts[keep-1]))
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(views[keep-1].end), f.Sync(), f.Close())
}

// resume opens the last segment for writing, and syncs the segments from low on, which
// may not be synced.
func (j *Journal) resume(firsts []uint64, views []segmentScan, low int) error {
	for i, first := range firsts {
		v := &views[i]
		s := &segment{path: segmentPath(j.dir, first), first: first, before: v.before, last: v.last, end: v.end, listed: true, synced: v.end}
		j.segments = append(j.segments, s)
		if i < low && i < len(firsts)-1 {
			continue
		}
		f, err := j.o.disk.Open(s.path)
		if err != nil {
			return err
		}
		s.file = f
		if err := f.Sync(); err != nil {
			return err
		}
		j.current = s
		if i < len(firsts)-1 {
			s.file = nil
			if err := f.Close(); err != nil {
				return err
			}
		}
	}
	return j.o.disk.SyncDir(j.dir)
}
