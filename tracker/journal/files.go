package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// disk is the file system of the segments. Tests replace it by one that fails.
type disk interface {
	// Create makes a new file, which may grow to size bytes.
	Create(path string, size int64) (file, error)
	// Open opens an existing file for reading and writing.
	Open(path string) (file, error)
	// Remove succeeds if there is no such file.
	Remove(path string) error
	// SyncDir returns once the names in dir are on the disk.
	SyncDir(dir string) error
}

// file is an open segment.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	// Sync returns when the contents, and what is needed to read them, are on
	// the disk.
	Sync() error
}

type realDisk struct {
	// preallocate makes syncs cheaper, as they need not note each time that the
	// file has grown.
	preallocate bool
}

type realFile struct{ *os.File }

// Sync implements file. It syncs the data, but not times and the like.
func (f realFile) Sync() error { return syncData(f.File) }

// Create implements disk.
func (d realDisk) Create(path string, size int64) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if d.preallocate && preallocate(f, size) != nil {
		// Not every file system can preallocate, and a disk that is nearly full has
		// no room for a whole segment. Give back what was allocated; the file grows
		// as it is written.
		if err := f.Truncate(0); err != nil {
			return nil, errors.Join(err, f.Close(), os.Remove(path))
		}
	}
	return realFile{f}, nil
}

// Open implements disk.
func (realDisk) Open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return realFile{f}, nil
}

// Remove implements disk.
func (realDisk) Remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir implements disk.
func (realDisk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// unlock unlocks the directory. Closing the file alone would not unlock it while a
// process that is just being started holds a copy of the descriptor.
func unlock(f *os.File) error {
	return errors.Join(os.NewSyscallError("flock", syscall.Flock(int(f.Fd()), syscall.LOCK_UN)), f.Close())
}

// lockDir locks the directory for this process, until unlock or until the process ends,
// whatever ends it.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, readErr := io.ReadAll(io.LimitReader(f, 32))
		return nil, errors.Join(fmt.Errorf("%w: %s, by process %s", ErrLocked, dir, strings.TrimSpace(string(holder))), readErr, f.Close())
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%-20d\n", os.Getpid()) // always the same length, so that it overwrites an older one
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil // the lock counts, not the file's content
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: lock %s: %w", dir, err), f.Close())
	}
	return f, nil
}
