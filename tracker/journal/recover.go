package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// survey is what was found in a segment.
type survey struct {
	head
	whole  bool   // the header is
	size   int64  // bytes in the file
	end    int64  // where the groups end, or the damage begins
	last   uint64 // position of the last record before that
	reason error  // what is damaged at end; nil when nothing is
	mark   uint64 // the highest in the segment, also behind the damage
	groups int    // whole ones before the damage
	behind int    // and behind it
}

// look reads the segment that is named after first from begin to end.
func look(path string, first uint64) (v survey, err error) {
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
	if err := v.walk(r, path, first); err != nil {
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

// walk reads up to the first damage.
func (v *survey) walk(r *reader, path string, first uint64) error {
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

// recover reads what there is, cuts the end where it is damaged, and makes the
// journal ready to go on.
func (j *Journal) recover() error {
	firsts, err := segmentsIn(j.dir)
	if err != nil {
		return err
	}
	views := make([]survey, len(firsts))
	low := len(firsts)
	var mark uint64
	// Look back until all before is known to be synced.
	for settled := false; low > 0 && !settled; {
		low--
		v := &views[low]
		if *v, err = look(segmentPath(j.dir, firsts[low]), firsts[low]); err != nil {
			return err
		}
		mark = max(mark, v.mark)
		settled = v.whole && v.before <= mark
	}
	for i := range low {
		if err := views[i].glance(segmentPath(j.dir, firsts[i]), firsts[i]); err != nil {
			return err
		}
	}
	keep, err := j.judge(firsts, views, low, mark)
	if err != nil {
		return err
	}
	floor := j.o.After
	if keep == 0 && len(firsts) > 0 {
		floor = max(floor, firsts[0]-1)
	}
	if err := j.cut(firsts, views, keep); err != nil {
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

// glance reads only the header of a segment that is known to be synced.
func (v *survey) glance(path string, first uint64) (err error) {
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

// judge decides how many segments are kept. Damage that no mark covers is a torn
// write, or one that a power failure has lost; any other is an error.
func (j *Journal) judge(firsts []uint64, views []survey, low int, mark uint64) (keep int, err error) {
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

// cut removes the segments that are not kept, the last one first, and shortens
// the one before.
func (j *Journal) cut(firsts []uint64, views []survey, keep int) error {
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

// resume syncs the segments that may not be, from low on, and goes on writing
// the last one.
func (j *Journal) resume(firsts []uint64, views []survey, low int) error {
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
