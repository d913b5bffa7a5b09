package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/caduceus-bio/caduceus/tracker/journal/checkpoint"
)

// Held are the files of a journal that another goroutine or process may be writing, for a
// copy from which the same records can be replayed. It belongs to one goroutine.
//
// What was held stays readable, although the journal may remove it. So the copy of a
// database whose sums go up to a position of the journal is whole together with a copy
// of the journal if Hold comes first, then the view of the database, and then Files: no
// record behind that position is missing at the beginning, and none at the end.
type Held struct {
	dir         string
	segments    map[uint64]*os.File // by first position
	checkpoints []*os.File
}

// Copy is a file of a copy.
type Copy struct {
	Name   string // without its folder
	Size   int64  // how many bytes of Reader count
	Reader io.Reader
}

// IsJournal reports whether a folder holds a journal.
func IsJournal(dir string) (bool, error) {
	firsts, err := segmentsIn(dir)
	return len(firsts) > 0, err
}

// Hold opens the segments and checkpoints that are in dir.
func Hold(dir string) (*Held, error) {
	h := &Held{dir: dir, segments: map[uint64]*os.File{}}
	// Checkpoints come second: the journal reaches back to those that were there first.
	err := h.hold()
	if err == nil {
		err = h.holdCheckpoints()
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// hold opens the segments that are not open yet.
func (h *Held) hold() error {
	firsts, err := segmentsIn(h.dir)
	if err != nil {
		return err
	}
	for _, first := range firsts {
		if h.segments[first] != nil {
			continue
		}
		f, err := os.Open(segmentPath(h.dir, first))
		if errors.Is(err, fs.ErrNotExist) { // the oldest are removed when nobody needs them
			continue
		}
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		h.segments[first] = f
	}
	return nil
}

func (h *Held) holdCheckpoints() error {
	paths, err := checkpoint.Paths(h.dir)
	if err != nil {
		return err
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		h.checkpoints = append(h.checkpoints, f)
	}
	return nil
}

// Files returns what is to be copied: the checkpoints that were held, and the segments,
// those that were held and those that have been begun since, each up to the last group
// that is whole. Damage in the middle is a CorruptError. It is called once.
func (h *Held) Files() ([]Copy, error) {
	if err := h.hold(); err != nil {
		return nil, err
	}
	var all []Copy
	for _, f := range h.checkpoints {
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		all = append(all, Copy{filepath.Base(f.Name()), info.Size(), f})
	}
	firsts := make([]uint64, 0, len(h.segments))
	for first := range h.segments {
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	before := uint64(0)
	for i, first := range firsts {
		f, newest := h.segments[first], i == len(firsts)-1
		v, err := scanFile(f, f.Name(), first)
		if err != nil {
			return nil, err
		}
		switch {
		case newest && !v.whole: // it is just being begun
			continue
		case !newest && v.reason != nil:
			return nil, &CorruptError{f.Name(), v.end, v.reason.Error()}
		case i > 0 && v.before != before:
			return nil, fmt.Errorf("journal: records between the positions %d and %d are gone from %s; try again", before, v.before, h.dir)
		}
		before = v.last
		all = append(all, Copy{filepath.Base(f.Name()), v.end, io.NewSectionReader(f, 0, v.end)})
	}
	return all, nil
}

// Close closes the files.
func (h *Held) Close() (err error) {
	for _, f := range h.segments {
		err = errors.Join(err, f.Close())
	}
	for _, f := range h.checkpoints {
		err = errors.Join(err, f.Close())
	}
	return err
}

// scanFile finds how far the groups of a segment are intact. Unlike scanSegment it takes
// the first damage for the end: behind it there may be a group that is being written.
func scanFile(f *os.File, path string, first uint64) (v segmentScan, err error) {
	info, err := f.Stat()
	if err != nil {
		return v, fmt.Errorf("journal: %w", err)
	}
	v.size, v.last = info.Size(), first-1
	r := &reader{r: f, limit: v.size}
	if err := v.scanGroups(r, path, first); err != nil {
		return v, fmt.Errorf("journal: read %s at byte %d: %w", path, r.off, err)
	}
	return v, nil
}
