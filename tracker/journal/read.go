package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// The kinds of damage.
var (
	errDamaged = errors.New("its checksum or its numbers are wrong") // there is no intact group
	errHeader  = errors.New("its header is wrong")
)

const window = 256 << 10 // bytes read at once

// reader reads the groups of a segment.
type reader struct {
	r          io.ReaderAt
	off, limit int64
	buf        []byte
	start      int64 // where buf begins
}

// bytes returns the n bytes at off, or fewer before the limit. They are valid until the
// next call.
func (r *reader) bytes(n int) ([]byte, error) {
	n = int(min(int64(n), r.limit-r.off))
	if at := r.off - r.start; at >= 0 && at+int64(n) <= int64(len(r.buf)) {
		return r.buf[at:][:n], nil
	}
	want := int(min(int64(max(n, window)), r.limit-r.off))
	if cap(r.buf) < want {
		r.buf = make([]byte, want)
	}
	r.buf, r.start = r.buf[:want], r.off
	if got, err := r.r.ReadAt(r.buf, r.off); got < want {
		r.buf = r.buf[:0]
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // there was more a moment ago
		}
		return nil, err
	}
	return r.buf[:n], nil
}

// frame returns the group at off, whose first record must not be before next, and
// advances off. At the end, or if only zeros follow, the error is io.EOF.
func (r *reader) frame(next uint64) (frame, error) {
	b, err := r.bytes(groupHeader)
	if err != nil {
		return frame{}, err
	}
	if len(b) == 0 {
		return frame{}, io.EOF
	}
	if len(b) == groupHeader {
		if f, ok := decodeFrameHeader(b, next); ok {
			if b, err = r.bytes(f.size); err != nil {
				return frame{}, err
			}
			if len(b) == f.size && f.check(b) {
				r.off += int64(f.size)
				return f, nil
			}
		}
	}
	switch zeros, err := r.zeros(); {
	case err != nil:
		return frame{}, err
	case zeros:
		return frame{}, io.EOF
	}
	return frame{}, errDamaged
}

// zeros reports whether only zeros follow, as in a preallocated segment.
func (r *reader) zeros() (bool, error) {
	defer func(off int64) { r.off = off }(r.off)
	for r.off < r.limit {
		b, err := r.bytes(window)
		if err != nil {
			return false, err
		}
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return false, nil
		}
		r.off += int64(len(b))
	}
	return true, nil
}

// search returns the nearest intact group after off, at any byte, whose first record is
// not before next; io.EOF if there is none.
func (r *reader) search(next uint64) (frame, error) {
	for r.off++; r.off+groupHeader <= r.limit; r.off++ {
		b, err := r.bytes(groupHeader)
		if err != nil {
			return frame{}, err
		}
		f, ok := decodeFrameHeader(b, next)
		if !ok {
			continue
		}
		if b, err = r.bytes(f.size); err != nil {
			return frame{}, err
		}
		if len(b) == f.size && f.check(b) {
			r.off += int64(f.size)
			return f, nil
		}
	}
	return frame{}, io.EOF
}

// Replay calls fn, in order, for each record after the given position that was written
// when Replay was called. rec is valid only during the call. An error of fn ends the
// replay and is returned. If records after the position have been removed, the error is
// ErrGone; damage is a CorruptError. fn may append, but must not call Replay, RemoveUpTo
// or Close.
func (j *Journal) Replay(after uint64, fn func(pos uint64, rec []byte) error) error {
	j.removing.RLock()
	defer j.removing.RUnlock()
	j.mu.Lock()
	closed, next, oldest := j.closed, j.next, j.oldest()
	segments := make([]segment, len(j.segments))
	for i, s := range j.segments {
		segments[i] = segment{path: s.path, first: s.first, before: s.before, last: s.last, end: s.end}
	}
	j.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case after >= next:
		return fmt.Errorf("journal: it has no position %d yet; the next one is %d", after, next)
	case after+1 < oldest:
		return fmt.Errorf("%w: those after position %d; the oldest is at %d", ErrGone, after, oldest)
	}
	for i := range segments {
		if s := &segments[i]; s.last > after {
			if err := s.replay(after, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *segment) replay(after uint64, fn func(pos uint64, rec []byte) error) (err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	r := &reader{r: f, limit: min(s.end, info.Size())}
	if err := s.skipHead(r); err != nil {
		return err
	}
	last := s.before
	for next := s.first; ; {
		g, err := r.frame(next)
		switch {
		case errors.Is(err, io.EOF) && last == s.last:
			return nil
		case errors.Is(err, io.EOF):
			return &CorruptError{s.path, r.off, fmt.Sprintf("it ends with position %d, but has had %d", last, s.last)}
		case errors.Is(err, errDamaged):
			return &CorruptError{s.path, r.off, err.Error()}
		case err != nil:
			return fmt.Errorf("journal: read %s at byte %d: %w", s.path, r.off, err)
		}
		if g.records == 0 {
			continue
		}
		last = g.last()
		next = last + 1
		if last > after {
			if err := g.each(after, fn); err != nil {
				return err
			}
		}
	}
}

// skipHead checks the header again and advances past it.
func (s *segment) skipHead(r *reader) error {
	b, err := r.bytes(segmentHeader)
	if err != nil {
		return fmt.Errorf("journal: read %s: %w", s.path, err)
	}
	h, err := readHead(b, s.path, s.first)
	if err != nil {
		return err
	}
	if h == nil || h.before != s.before {
		return &CorruptError{s.path, 0, errHeader.Error()}
	}
	r.off = segmentHeader
	return nil
}

// RemoveUpTo removes the segments without records after pos, but never the one that is
// being written. The callback of Replay must not call it.
func (j *Journal) RemoveUpTo(pos uint64) error {
	j.removing.Lock()
	defer j.removing.Unlock()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	var old []*segment
	for _, s := range j.segments[:max(len(j.segments)-1, 0)] { // the last one is being written
		if s.last > pos {
			break
		}
		old = append(old, s)
	}
	j.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	var err error
	for _, s := range old {
		if s.file != nil {
			err = s.file.Close()
			s.file = nil
		}
		if err = errors.Join(err, j.o.disk.Remove(s.path)); err != nil {
			break
		}
		j.mu.Lock()
		j.segments = j.segments[1:]
		j.mu.Unlock()
	}
	if err = errors.Join(err, j.o.disk.SyncDir(j.dir)); err != nil {
		return fmt.Errorf("journal: remove old segments: %w", err)
	}
	return nil
}
