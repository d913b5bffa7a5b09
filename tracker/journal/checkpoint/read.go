package checkpoint

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// DamagedError says that a snapshot is not as it was written.
type DamagedError struct {
	File   string
	Offset int64 // in bytes
	Reason string
}

// Error says where the damage is.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("checkpoint: %s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}

// Snapshot is an open snapshot. All its bytes were checked. Close it after use.
type Snapshot struct {
	Position uint64  // it holds everything up to there
	Size     int64   // in bytes
	Damaged  []error // for newer snapshots that had to be skipped

	f   *os.File
	r   reader
	buf []byte // what is left of a chunk
	err error
}

// Open opens the newest snapshot in dir that is not damaged, after checking all its
// bytes, and removes what an interrupted Write has left. It appends ".damaged" to the
// names of newer, damaged snapshots, so that Write does not count them. If all are
// damaged, nothing is renamed, and the error contains a DamagedError for each. If there
// are none, the error is ErrNone. After skipping one, the journal must reach back to the
// previous snapshot: that is the position which Write returns.
func Open(dir string) (*Snapshot, error) {
	if err := tidy(dir); err != nil {
		return nil, err
	}
	positions, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(positions) == 0 {
		return nil, ErrNone
	}
	var passed []error
	for i := len(positions) - 1; i >= 0; i-- {
		s, err := openFile(pathOf(dir, positions[i]), positions[i])
		if err == nil {
			s.Damaged = passed
			if err := setAside(dir, positions[i+1:]); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return s, nil
		}
		if damage := (*DamagedError)(nil); !errors.As(err, &damage) {
			return nil, err // it can't be read now, but need not be damaged
		}
		passed = append(passed, err)
	}
	return nil, errors.Join(passed...)
}

func tidy(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*"+suffix+unfinished))
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("checkpoint: remove what was not finished: %w", err)
		}
	}
	return nil
}

func setAside(dir string, positions []uint64) error {
	for _, p := range positions {
		if err := os.Rename(pathOf(dir, p), pathOf(dir, p)+aside); err != nil {
			return fmt.Errorf("checkpoint: rename a damaged one: %w", err)
		}
	}
	return nil
}

func openFile(path string, position uint64) (s *Snapshot, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	s = &Snapshot{Position: position, f: f, r: reader{f: f, path: path}}
	if err := s.r.header(position); err != nil {
		return nil, err
	}
	for {
		b, err := s.r.chunk()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		s.Size += int64(len(b))
	}
	if err := s.r.header(position); err != nil { // start again
		return nil, err
	}
	return s, nil
}

// Read implements io.Reader. It checks each byte again.
func (s *Snapshot) Read(p []byte) (int, error) {
	for len(s.buf) == 0 && s.err == nil {
		s.buf, s.err = s.r.chunk()
	}
	if len(s.buf) == 0 {
		return 0, s.err
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

// Close ends the reading.
func (s *Snapshot) Close() error { return s.f.Close() }

// reader reads the chunks of a file.
type reader struct {
	f     *os.File
	path  string
	off   int64
	total uint64
	buf   []byte
}

func (r *reader) damaged(format string, args ...any) error {
	return &DamagedError{r.path, r.off, fmt.Sprintf(format, args...)}
}

// take returns the next n bytes, or fewer at the end of the file.
func (r *reader) take(at int64, n int) ([]byte, error) {
	if cap(r.buf) < n {
		r.buf = make([]byte, max(n, 8+chunkSize))
	}
	b := r.buf[:n]
	got, err := r.f.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("checkpoint: read %s at byte %d: %w", r.path, at, err)
	}
	return b[:got], nil
}

// header reads the header and goes to the first chunk.
func (r *reader) header(position uint64) error {
	r.off, r.total = 0, 0
	b, err := r.take(0, headerSize)
	if err != nil {
		return err
	}
	if len(b) < headerSize || string(b[:7]) != magic[:7] || le.Uint32(b[16:]) != crc32.Checksum(b[:16], castagnoli) || le.Uint64(b[8:]) != position {
		return r.damaged("its header is wrong")
	}
	if b[7] != magic[7] {
		return fmt.Errorf("checkpoint: %s has version %d of the format, but this program reads version %d", r.path, b[7], magic[7])
	}
	r.off = headerSize
	return nil
}

// chunk returns the bytes of the next chunk, which are valid until the next call. It
// returns io.EOF at the end of a complete snapshot.
func (r *reader) chunk() ([]byte, error) {
	b, err := r.take(r.off, 8)
	if err != nil {
		return nil, err
	}
	if len(b) < 8 {
		return nil, r.damaged("it ends too early")
	}
	size, end := int(le.Uint32(b[4:])), false
	if size == endLength {
		size, end = 8, true
	}
	if size > chunkSize {
		return nil, r.damaged("no chunk has %d bytes", size)
	}
	if b, err = r.take(r.off, 8+size); err != nil {
		return nil, err
	}
	if len(b) < 8+size || le.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return nil, r.damaged("its checksum is wrong")
	}
	if end {
		return nil, r.finish(le.Uint64(b[8:]))
	}
	r.off += int64(len(b))
	r.total += uint64(size)
	return b[8:], nil
}

func (r *reader) finish(total uint64) error {
	if total != r.total {
		return r.damaged("it has %d bytes, but should have %d", r.total, total)
	}
	b, err := r.take(r.off+16, 1)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		return r.damaged("something follows its end")
	}
	return io.EOF
}
