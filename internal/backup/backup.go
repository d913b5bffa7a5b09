// Package backup makes copies of a whole site while it serves, checks them, and fills an
// empty place from one.
//
// # What a backup is
//
// A folder that is named after its time in UTC, with two files: the archive, and a label
// (manifest.json) with the archive's size and SHA-256. It has another name until all of it
// is on the disk, so that what has the name of a backup is whole. The archive is a tar
// (POSIX.1), as a whole encrypted with age where there are recipients:
//
//	files/ROOT/PATH            journals of trackers first, other files at the end
//	database/TABLE/N.rows.zst  the rows, with zstd, in parts of about a megabyte
//	contents.json              tables with their digests, and every file with its SHA-256
//
// A part begins with the number of columns (a uvarint) and holds rows: for each column a
// kind and the value (see rows.go). This is the same for both database engines, so a site
// may be backed up on one and restored on the other. Which tables there are is read from
// the database, and a restore makes them by the migrations.
//
// # What it is a copy of
//
// The tables are those of one moment, however long they take to read. A tracker's journal
// is held before that moment and read after it (see journal.Hold), so it has every record
// that the sums in the database lack; what both have is told apart by the marks beside the
// sums. So each byte counts once after a restore, as after a crash.
//
// # Concurrency
//
// Functions may be called from any goroutine and process: who makes or removes backups in
// a folder has its lock. An Archive belongs to one goroutine.
package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"filippo.io/age"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Root is a folder, or one file, to copy.
type Root struct {
	Name string // in the archive; one word
	Path string // if nothing is there, it is left out
	// Skip, if it is not nil, leaves a file or a folder out.
	Skip func(path string) bool
}

// Journal is a folder that was held while somebody writes it.
type Journal interface {
	// Files returns what is to be copied. It is called once, after the moment that the
	// database is a copy of.
	Files() ([]JournalFile, error)
	Close() error
}

// JournalFile is a file of a Journal.
type JournalFile struct {
	Name   string
	Size   int64
	Reader io.Reader
}

// Options are what a backup is made of, and where.
type Options struct {
	Dir        string   // the backup's folder is made in it; it is made where it is missing
	Recipients []string // public keys of age; none: nothing is encrypted
	DB         *db.DB
	Roots      []Root
	// Hold holds a folder if it is a journal, or else returns nil.
	Hold    func(dir string) (Journal, error)
	Program string // its version
	Clock   core.Clock

	free   func(dir string) (core.Bytes, error) // nil asks the file system
	create func(path string) (file, error)      // nil makes a real one
}

// Made is a backup that was made.
type Made struct {
	Folder string
	Label  Label
	Tables int
	Rows   int64
	Files  int // besides the tables
	Took   time.Duration
}

// source is what is copied besides the database.
type source struct {
	name    string // in the archive
	path    string
	mode    fs.FileMode
	size    int64
	journal Journal // or nil; then it is a file
}

// sources are all of them, journals first.
type sources struct {
	journals, files []source
	places          []Place
	size            core.Bytes // of all files together
}

func (s *sources) close() (err error) {
	for _, j := range s.journals {
		err = errors.Join(err, j.journal.Close())
	}
	return err
}

// find looks through the roots, and holds the journals.
func find(ctx context.Context, o Options) (_ *sources, err error) {
	s := &sources{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for _, root := range o.Roots {
		at, err := filepath.EvalSymlinks(root.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, unreadable(err)
		}
		named, err := filepath.Abs(root.Path)
		if err != nil {
			return nil, err
		}
		s.places = append(s.places, Place{root.Name, named})
		err = filepath.WalkDir(at, func(p string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && p != at { // it has just been removed
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(at, p)
			if err != nil {
				return err
			}
			if rel != "." && root.Skip != nil && root.Skip(filepath.Join(named, rel)) {
				if e.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			return s.take(o, p, path.Join(filePrefix+root.Name, filepath.ToSlash(rel)), e)
		})
		if err != nil {
			return nil, unreadable(err)
		}
	}
	return s, nil
}

// take notes a file, or holds a folder that is a journal.
func (s *sources) take(o Options, p, name string, e fs.DirEntry) error {
	if e.IsDir() {
		j, err := o.Hold(p)
		if err != nil || j == nil {
			return err
		}
		s.journals = append(s.journals, source{name: name, path: p, journal: j})
		return fs.SkipDir
	}
	info, err := os.Stat(p) // what a link leads to
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !info.Mode().IsRegular() { // a socket, for example
		return err
	}
	s.files = append(s.files, source{name: name, path: p, mode: info.Mode().Perm(), size: info.Size()})
	s.size += core.Bytes(info.Size())
	return nil
}

// unreadable says what can be done about a file that can't be read.
func unreadable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return core.Wrap(err, core.Unavailable, "a file that belongs into the backup can't be read by the user who makes it")
	}
	return err
}

// recipients returns the keys of o.
func (o Options) recipients() ([]age.Recipient, error) { return ParseRecipients(o.Recipients) }
