package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Target is the place that a backup is restored to.
type Target struct {
	// Open opens the database. Present tells whether there is one: if not, Open makes an
	// embedded one.
	Open    func() (*db.DB, error)
	Present bool
	// Paths are where the roots of the backup belong; "" leaves one out.
	Paths map[string]string
	// May tells of a file or folder in these places that it is not in the way.
	May func(path string) bool
	// Then is called when everything is in its place, before the database counts as
	// restored.
	Then func(ctx context.Context, d *db.DB) error
}

// Restored is what Restore has done.
type Restored struct {
	Rows     int64
	Files    int
	Upgraded []int64 // migrations that the backup did not have
	Again    bool    // it has replaced what an interrupted restore had left
}

// Restore fills an empty database and empty folders. Where there is something already it
// fails with code Conflict and changes nothing. If it is interrupted, the database says so
// to whoever opens it, and Restore can be called again, also with another backup.
func (a *Archive) Restore(ctx context.Context, t Target) (done Restored, err error) {
	if a.Locked() {
		return done, core.Errorf(core.Invalid, "the backup is encrypted: name the file with the identity of one of %s", strings.Join(a.Label.Recipients, ", "))
	}
	newest, err := db.NewestSchema()
	if err != nil {
		return done, err
	}
	if a.Contents.Schema > newest || a.Contents.Schema < 1 {
		return done, core.Errorf(core.Invalid, "the backup has schema %d and this program knows only those up to %d; restore it with the program that made it (%s), or a newer one", a.Contents.Schema, newest, a.Contents.Program)
	}
	files, err := a.places(t.Paths)
	if err != nil {
		return done, err
	}
	if !t.Present {
		if err := a.checkEmpty(t, files, nil); err != nil {
			return done, err
		}
	}
	d, err := t.Open()
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	r, err := d.Restore(ctx)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tables, again, leftovers, err := r.Found(ctx)
	if err != nil {
		return done, err
	}
	if len(tables) > 0 {
		return done, core.Errorf(core.Conflict, "the database is not empty: it has %d tables, such as %s. A backup is restored into an empty database only; nothing was changed", len(tables), tables[0])
	}
	if err := a.checkEmpty(t, files, leftovers); err != nil {
		return done, err
	}
	done.Again = again
	for _, path := range leftovers {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return done, err
		}
	}
	paths := make([]string, 0, len(files))
	for _, path := range files {
		paths = append(paths, path)
	}
	if err := r.Begin(ctx, a.Contents.Schema, paths); err != nil {
		return done, err
	}
	if err := a.fill(ctx, r, files, &done); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return done, fmt.Errorf("the restore did not end, and what is there is not the whole site: do it again: %w", err)
	}
	if done.Upgraded, err = r.Upgrade(ctx); err != nil {
		return done, err
	}
	if t.Then != nil {
		if err := t.Then(ctx, d); err != nil {
			return done, err
		}
	}
	return done, r.Finish(ctx)
}

// places returns where each file of the archive belongs.
func (a *Archive) places(roots map[string]string) (map[string]string, error) {
	files, from := map[string]string{}, map[string]string{}
	for _, e := range a.Contents.Files {
		root, path, ok := fileOf(e.Name)
		if !ok {
			continue
		}
		at, ok := roots[root]
		if ok && at == "" {
			continue
		}
		if !ok {
			was := ""
			for _, p := range a.Contents.Roots {
				if p.Name == root {
					was = p.Path
				}
			}
			return nil, core.Errorf(core.Invalid, "the backup holds the folder %s, and the configuration here has no place for it: add it to [backup] folders", was)
		}
		abs, err := filepath.Abs(filepath.Join(at, filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		if other, taken := from[abs]; taken {
			return nil, core.Errorf(core.Invalid, "%s and %s of the backup would both be put at %s: give the journal, the secrets and the data folders of their own", other, e.Name, abs)
		}
		files[e.Name], from[abs] = abs, e.Name
	}
	return files, nil
}

// checkEmpty fails if something is where files belong, or beside them in the folders that
// are restored, apart from what an interrupted restore has left.
func (a *Archive) checkEmpty(t Target, files map[string]string, leftovers []string) error {
	mine := map[string]bool{}
	for _, path := range leftovers {
		for ; !mine[path] && len(path) > 1; path = filepath.Dir(path) {
			mine[path] = true // and the folders that it lies in
		}
	}
	var found []string
	note := func(path string, isDir bool) {
		if mine[path] || t.May != nil && t.May(path) {
			return
		}
		if isDir {
			path += string(filepath.Separator)
		}
		if !slices.Contains(found, path) {
			found = append(found, path)
		}
	}
	for _, path := range files {
		info, err := os.Lstat(path)
		if err == nil {
			note(path, info.IsDir())
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
	for _, root := range a.Contents.Roots {
		at, err := filepath.Abs(t.Paths[root.Name])
		if err != nil || t.Paths[root.Name] == "" {
			continue // nothing is restored there
		}
		entries, err := os.ReadDir(at)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
		for _, e := range entries {
			note(filepath.Join(at, e.Name()), e.IsDir())
		}
	}
	if len(found) == 0 {
		return nil
	}
	slices.Sort(found)
	more := ""
	if n := len(found); n > mostTold {
		more = fmt.Sprintf(" and %d more", n-mostTold)
		found = found[:mostTold]
	}
	return core.Errorf(core.Conflict, "a backup is restored into an empty place only, and here there is already: %s%s. Move that away first; nothing was changed", strings.Join(found, ", "), more)
}

const mostTold = 5

// rowsAtOnce is how many rows go into one transaction.
const rowsAtOnce = 5000

// fill puts everything in its place, and compares the tables with their digests.
func (a *Archive) fill(ctx context.Context, r *db.Restore, files map[string]string, done *Restored) error {
	tables, err := a.tables(ctx, r)
	if err != nil {
		return err
	}
	n := 0
	dirs := map[string]bool{}
	_, err = a.walk(ctx, func(h *tar.Header, in io.Reader) error {
		if h.Name == contentName {
			return nil
		}
		if n >= len(a.Contents.Files) || a.Contents.Files[n].Name != h.Name || a.Contents.Files[n].Size != h.Size {
			return damaged("it has changed since it was checked")
		}
		n++
		if table, ok := tableOf(h.Name); ok {
			return fillTable(ctx, r, tables[table], in)
		}
		if files[h.Name] == "" {
			return nil
		}
		done.Files++
		dirs[filepath.Dir(files[h.Name])] = true
		return putFile(files[h.Name], fs.FileMode(h.Mode).Perm(), in)
	})
	if err != nil {
		return err
	}
	for dir := range dirs {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	for _, t := range a.Contents.Tables {
		var got rowCoder
		var row []byte
		err := r.Read(ctx, tables[t.Name], func(values []any) (err error) {
			row, err = got.append(row[:0], values)
			return err
		})
		if err != nil {
			return err
		}
		if got.Rows != t.Rows || got.String() != t.Digest {
			return fmt.Errorf("the table %s has %d rows after it was filled, and %d in the backup, or other values", t.Name, got.Rows, t.Rows)
		}
		done.Rows += got.Rows
		if err := r.Continue(ctx, tables[t.Name]); err != nil {
			return err
		}
	}
	return nil
}

// tables returns the tables of the backup, which must be those of the schema.
func (a *Archive) tables(ctx context.Context, r *db.Restore) (map[string]db.Table, error) {
	there, err := r.Tables(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]db.Table{}
	for _, t := range a.Contents.Tables {
		all[t.Name] = db.Table{Name: t.Name, Columns: t.Columns, Next: t.Next}
	}
	for _, t := range there {
		if !slices.Equal(all[t.Name].Columns, t.Columns) {
			return nil, fmt.Errorf("the table %s has the columns %v in schema %d, and %v in the backup", t.Name, t.Columns, a.Contents.Schema, all[t.Name].Columns)
		}
	}
	if len(all) != len(there) {
		return nil, fmt.Errorf("the backup has %d tables, and schema %d has %d", len(all), a.Contents.Schema, len(there))
	}
	return all, nil
}

func fillTable(ctx context.Context, r *db.Restore, t db.Table, in io.Reader) error {
	var rows [][]any
	err := eachRow(in, func(row []any) error {
		if len(row) != len(t.Columns) {
			return errRows
		}
		rows = append(rows, row)
		if len(rows) < rowsAtOnce {
			return nil
		}
		err := r.Insert(ctx, t, rows)
		rows = rows[:0]
		return err
	})
	if err != nil {
		return err
	}
	return r.Insert(ctx, t, rows)
}

// putFile writes a file that is not there yet. Where root does it, file and new folders
// belong to whoever has the folder that they are made in.
func putFile(path string, mode fs.FileMode, in io.Reader) (err error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	_, err = io.Copy(w, in)
	err = errors.Join(err, w.Flush(), f.Chmod(mode))
	if err == nil {
		err = giveTo(path, filepath.Dir(path))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

func makeDir(dir string) error {
	_, err := os.Stat(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return giveTo(dir, filepath.Dir(dir))
}

// giveTo gives path to the owner of a folder, which root alone can.
func giveTo(path, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Chown(path, int(st.Uid), int(st.Gid))
	}
	return nil
}
