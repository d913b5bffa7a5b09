package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// partSize is how many bytes of rows are written as one file of the archive.
const partSize = 1 << 20

// reserve is what must be free besides what the backup may take.
const reserve = 16 * core.MiB

// Make makes a backup. After an error there is none, nor anything that looks like one.
func Make(ctx context.Context, o Options) (_ Made, err error) {
	begun := time.Now()
	keys, err := o.recipients()
	if err != nil {
		return Made{}, err
	}
	unlock, err := lock(o.Dir)
	if err != nil {
		return Made{}, err
	}
	defer unlock()
	if err := clearUnfinished(o.Dir); err != nil {
		return Made{}, err
	}
	from, err := find(ctx, o)
	if err != nil {
		return Made{}, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	var m Made
	err = o.DB.Snapshot(ctx, func(snap *db.Snapshot) error {
		m, err = o.write(ctx, snap, from, keys)
		return err
	})
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = core.Wrap(err, core.Unavailable, fmt.Sprintf("there is no room left in %s; no backup was made", o.Dir))
	}
	if err != nil && ctx.Err() != nil { // whatever it was that ended early
		err = errors.Join(ctx.Err(), err)
	}
	m.Took = time.Since(begun)
	return m, err
}

// write makes the folder under another name, and gives it its own when all is there.
func (o Options) write(ctx context.Context, snap *db.Snapshot, from *sources, keys []age.Recipient) (m Made, err error) {
	now := o.Clock().UTC().Truncate(time.Second)
	name := now.Format(nameForm)
	final, unfinished := filepath.Join(o.Dir, name), filepath.Join(o.Dir, unfinishedPrefix+name)
	if _, err := os.Lstat(final); !errors.Is(err, fs.ErrNotExist) {
		return m, errors.Join(core.Errorf(core.Conflict, "there is a backup of this very second already: %s", final), err)
	}
	if err := o.checkSpace(ctx, snap, from); err != nil {
		return m, err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return m, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(unfinished))
		}
	}()
	label := Label{Format: format, Program: o.Program, Schema: snap.Schema, Engine: string(o.DB.Engine()), Made: now, File: plainName, Recipients: o.Recipients}
	if len(keys) > 0 {
		label.File = lockedName
	}
	contents, err := o.writeArchive(ctx, snap, from, keys, filepath.Join(unfinished, label.File), &label)
	if err != nil {
		return m, err
	}
	label.Finished = o.Clock().UTC().Truncate(time.Second)
	raw, err := json.MarshalIndent(label, "", "  ")
	if err != nil {
		return m, err
	}
	if err := o.writeFile(filepath.Join(unfinished, labelName), append(raw, '\n')); err != nil {
		return m, err
	}
	if err := syncDir(unfinished); err != nil {
		return m, err
	}
	if err := os.Rename(unfinished, final); err != nil {
		return m, err
	}
	m = Made{Folder: final, Label: label, Tables: len(contents.Tables)}
	for _, t := range contents.Tables {
		m.Rows += t.Rows
	}
	for _, f := range contents.Files {
		if _, ok := tableOf(f.Name); !ok {
			m.Files++
		}
	}
	return m, syncDir(o.Dir)
}

// checkSpace fails if the backup might not fit.
func (o Options) checkSpace(ctx context.Context, snap *db.Snapshot, from *sources) error {
	need, err := snap.Size(ctx)
	if err != nil {
		return err
	}
	need += from.size + reserve
	free := o.free
	if free == nil {
		free = freeSpace
	}
	have, err := free(o.Dir)
	if err != nil {
		return err
	}
	if have < need {
		return core.Errorf(core.Unavailable, "%v are free in %s, and the backup may take %v: make room there, keep fewer backups, or name another folder", have, o.Dir, need)
	}
	return nil
}

// file is a file that is written.
type file interface {
	io.WriteCloser
	Sync() error
}

func (o Options) open(path string) (file, error) {
	if o.create != nil {
		return o.create(path)
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (o Options) writeFile(path string, content []byte) error {
	f, err := o.open(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// writeArchive writes the archive and notes its size and sum in label.
func (o Options) writeArchive(ctx context.Context, snap *db.Snapshot, from *sources, keys []age.Recipient, at string, label *Label) (_ *Contents, err error) {
	f, err := o.open(at)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	outer := &summer{w: f, sum: sha256.New()}
	inner := io.WriteCloser(nopCloser{outer})
	if len(keys) > 0 {
		if inner, err = age.Encrypt(outer, keys...); err != nil {
			return nil, err
		}
	}
	w := &writer{ctx: ctx, tar: tar.NewWriter(inner), at: label.Made,
		c: Contents{Format: format, Program: o.Program, Schema: snap.Schema, Engine: label.Engine, Made: label.Made, Roots: from.places}}
	if err := w.all(snap, from); err != nil {
		return nil, err
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	if err := errors.Join(inner.Close(), f.Sync()); err != nil {
		return nil, err
	}
	label.Size, label.SHA256 = outer.n, hex.EncodeToString(outer.sum.Sum(nil))
	return &w.c, nil
}

// writer writes an archive.
type writer struct {
	ctx context.Context //nolint:containedctx // the writer lives for one call
	tar *tar.Writer
	at  time.Time
	c   Contents
}

// all writes everything but the contents: what the journals have gained first, as they
// grow.
func (w *writer) all(snap *db.Snapshot, from *sources) error {
	for _, j := range from.journals {
		files, err := j.journal.Files()
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := w.put(path.Join(j.name, f.Name), 0o600, f.Size, f.Reader); err != nil {
				return err
			}
		}
	}
	if err := w.tables(snap); err != nil {
		return err
	}
	for _, s := range from.files {
		if err := w.copy(s); err != nil {
			return unreadable(err)
		}
	}
	return nil
}

// copy writes a file.
func (w *writer) copy(s source) (err error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) { // it has been removed since it was found
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return w.put(s.name, s.mode, info.Size(), f)
}

// put writes a file of the archive.
func (w *writer) put(name string, mode fs.FileMode, size int64, r io.Reader) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: size, ModTime: w.at, Format: tar.FormatPAX}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	out := &summer{w: w.tar, sum: sha256.New()}
	n, err := io.Copy(out, io.LimitReader(reading{w.ctx, r}, size))
	if err == nil && n < size {
		err = core.Errorf(core.Unavailable, "%s became shorter while it was copied; try again", name)
	}
	w.c.Files = append(w.c.Files, Entry{name, size, hex.EncodeToString(out.sum.Sum(nil))})
	return err
}

// tables writes the rows of all tables.
func (w *writer) tables(snap *db.Snapshot) error {
	tables, err := snap.Tables(w.ctx)
	if err != nil {
		return err
	}
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(partSize))
	if err != nil {
		return err
	}
	defer func() { _ = pack.Close() }() // it writes nothing by itself
	var raw, packed []byte
	for _, t := range tables {
		var coder rowCoder
		parts := 0
		begin := func() { raw = binary.AppendUvarint(raw[:0], uint64(len(t.Columns))) }
		flush := func() error {
			parts++
			packed = pack.EncodeAll(raw, packed[:0])
			begin()
			return w.put(fmt.Sprintf("%s%s/%08d%s", tablePrefix, t.Name, parts, rowsSuffix), 0o600, int64(len(packed)), bytes.NewReader(packed))
		}
		begin()
		rows := int64(0)
		err := snap.Read(w.ctx, t, func(values []any) (err error) {
			if raw, err = coder.append(raw, values); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
			if len(raw) < partSize {
				return nil
			}
			rows = coder.Rows
			return flush()
		})
		if err == nil && coder.Rows > rows {
			err = flush()
		}
		if err != nil {
			return err
		}
		w.c.Tables = append(w.c.Tables, Table{Name: t.Name, Columns: t.Columns, Next: t.Next, Rows: coder.Rows, Digest: coder.String()})
	}
	return nil
}

// finish writes the contents.
func (w *writer) finish() error {
	raw, err := json.MarshalIndent(w.c, "", " ")
	if err != nil {
		return err
	}
	files := w.c.Files
	err = w.put(contentName, 0o600, int64(len(raw)), bytes.NewReader(raw))
	w.c.Files = files
	return errors.Join(err, w.tar.Close())
}

// summer sums up what is written through it.
type summer struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

// Write implements io.Writer.
func (s *summer) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	s.sum.Write(p[:n])
	return n, err
}

type nopCloser struct{ io.Writer }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }

// reading ends with its context.
type reading struct {
	ctx context.Context //nolint:containedctx // it lives for one copy
	r   io.Reader
}

// Read implements io.Reader.
func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
