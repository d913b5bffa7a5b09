// Package checkpoint keeps snapshots in files. A snapshot is a stream of bytes with the
// position of the journal up to which it holds everything. It becomes visible by a
// rename once all of it is on the disk. The previous one is kept, so that there is one
// to start from even if the newest is damaged.
//
// A file is a header, chunks of up to 128 KiB, and an end, each with a CRC-32C. The end
// says how many bytes there are. All numbers are little endian.
//
// # Concurrency
//
// The caller makes sure that only one Write or Open runs at a time in a directory (the
// journal's lock does so where both are used together). A Snapshot belongs to one
// goroutine.
package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	magic      = "cadckpt\x01" // the last byte is the version of the format; the header stays as it is in all versions
	headerSize = 20            // magic 8, position 8, checksum 4
	chunkSize  = 128 << 10
	endLength  = 1<<32 - 1 // in place of the length of a chunk
	syncEach   = 8 << 20   // bytes between syncs: small ones do not delay other files
	kept       = 2
	suffix     = ".checkpoint"
	unfinished = ".tmp"     // follows the suffix until the file is complete
	aside      = ".damaged" // follows the suffix of a snapshot that was skipped
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// ErrNone says that there are no snapshots, not even damaged ones.
var ErrNone = errors.New("checkpoint: there is none")

func pathOf(dir string, position uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", position, suffix))
}

// list returns the positions of the snapshots in dir, oldest first.
func list(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var positions []uint64
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		p, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || len(digits) != 20 {
			return nil, fmt.Errorf("checkpoint: %s is no name of a snapshot; move it away", filepath.Join(dir, e.Name()))
		}
		positions = append(positions, p)
	}
	return positions, nil
}

// Paths returns the files of the snapshots in dir, oldest first.
func Paths(dir string) ([]string, error) {
	positions, err := list(dir)
	paths := make([]string, len(positions))
	for i, p := range positions {
		paths[i] = pathOf(dir, p)
	}
	return paths, err
}

// Write lets fill write a snapshot that holds everything up to position, and returns once
// the snapshot would survive a power failure. It removes all snapshots but the newest
// two, and returns the position of the oldest one that is left: the journal is not
// needed up to there. After an error nothing may be removed from the journal; all
// earlier snapshots are still there. dir must exist, and position must not be before
// that of the newest snapshot.
func Write(dir string, position uint64, fill func(w io.Writer) error) (oldest uint64, err error) {
	before, err := list(dir)
	if err != nil {
		return 0, err
	}
	if n := len(before); n > 0 && before[n-1] > position {
		return 0, fmt.Errorf("checkpoint: position %d is behind that of the newest one, %d", position, before[n-1])
	}
	if err := writeFile(dir, position, fill); err != nil {
		return 0, fmt.Errorf("checkpoint: write: %w", err)
	}
	positions, err := list(dir)
	if err != nil {
		return 0, err
	}
	for len(positions) > kept {
		if err := os.Remove(pathOf(dir, positions[0])); err != nil {
			return 0, fmt.Errorf("checkpoint: remove an old one: %w", err)
		}
		positions = positions[1:]
	}
	return positions[0], nil
}

// Discard removes all snapshots in dir.
func Discard(dir string) error {
	positions, err := list(dir)
	if err != nil {
		return err
	}
	for _, p := range positions {
		if err := os.Remove(pathOf(dir, p)); err != nil {
			return fmt.Errorf("checkpoint: discard: %w", err)
		}
	}
	return syncDir(dir)
}

func writeFile(dir string, position uint64, fill func(w io.Writer) error) error {
	path := pathOf(dir, position)
	f, err := os.OpenFile(path+unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(stream(f, position, fill), f.Close())
	if err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+unfinished))
	}
	return syncDir(dir)
}

// stream writes a complete snapshot and syncs it.
func stream(f *os.File, position uint64, fill func(w io.Writer) error) error {
	w := &writer{f: f, buf: make([]byte, 8, 8+chunkSize)}
	if err := w.header(position); err != nil {
		return err
	}
	if err := fill(w); err != nil {
		return err
	}
	if err := w.end(); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writer splits a stream into chunks.
type writer struct {
	f        *os.File
	buf      []byte // room for checksum and length, then bytes
	total    uint64
	unsynced int
	err      error // the first error; nothing is written after it
}

func (w *writer) header(position uint64) error {
	b := append(make([]byte, 0, headerSize), magic...)
	b = le.AppendUint64(b, position)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	_, err := w.f.Write(b)
	return err
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		part := min(len(p), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, p[:part]...)
		p = p[part:]
		n += part
		if len(w.buf) == cap(w.buf) {
			w.err = w.chunk()
		}
	}
	return n, w.err
}

func (w *writer) chunk() error {
	le.PutUint32(w.buf[4:], uint32(len(w.buf)-8))
	le.PutUint32(w.buf, crc32.Checksum(w.buf[4:], castagnoli))
	if _, err := w.f.Write(w.buf); err != nil {
		return err
	}
	w.total += uint64(len(w.buf) - 8)
	if w.unsynced += len(w.buf); w.unsynced >= syncEach {
		w.unsynced = 0
		if err := w.f.Sync(); err != nil {
			return err
		}
	}
	w.buf = w.buf[:8]
	return nil
}

func (w *writer) end() error {
	if w.err == nil && len(w.buf) > 8 {
		w.err = w.chunk()
	}
	if w.err != nil {
		return w.err
	}
	b := le.AppendUint32(make([]byte, 4, 16), endLength)
	b = le.AppendUint64(b, w.total)
	le.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	_, err := w.f.Write(b)
	return err
}
