package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/caduceus-bio/caduceus/internal/core"
)

const (
	maxLabel    = 1 << 20   // bytes
	maxContents = 256 << 20 // bytes
	maxColumns  = 4096      // of a table
)

// Archive is a backup of which it is known that it is whole.
type Archive struct {
	Folder string
	Label  Label
	// Contents are empty if the archive is encrypted and was opened without identities.
	Contents Contents

	identities []age.Identity
}

// ParseIdentities reads secret keys of age, each on a line of its own, as age-keygen writes
// them. An error has code Invalid.
func ParseIdentities(r io.Reader) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(io.LimitReader(r, maxLabel))
	if err != nil {
		return nil, core.Wrap(err, core.Invalid, "there is no identity of age in that file; it is what age-keygen has written, with a line that begins with AGE-SECRET-KEY-")
	}
	return ids, nil
}

// Open reads a backup to its end, and compares every checksum and every row. Without
// identities it compares only the archive's own checksum if the archive is encrypted. An
// error says what is wrong; nothing is written anywhere.
func Open(ctx context.Context, folder string, identities []age.Identity) (*Archive, error) {
	raw, err := readLimited(filepath.Join(folder, labelName), maxLabel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Errorf(core.NotFound, "%s is no backup: there is no %s in it. Name the folder of one backup, such as %s", folder, labelName, nameForm)
	}
	if err != nil {
		return nil, err
	}
	a := &Archive{Folder: folder, identities: identities}
	if a.Label, err = readLabel(raw); err != nil {
		return nil, err
	}
	if err := a.checkFile(ctx); err != nil {
		return nil, err
	}
	if a.Locked() {
		return a, nil
	}
	if err := a.checkContents(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Locked reports whether the archive can't be read because there is no identity.
func (a *Archive) Locked() bool { return a.Label.File == lockedName && len(a.identities) == 0 }

func readLimited(path string, most int64) (raw []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	raw, err = io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(raw)) > most {
		err = core.Errorf(core.Invalid, "%s is too large", path)
	}
	return raw, err
}

func damaged(format string, args ...any) error {
	return core.Errorf(core.Invalid, "the backup is damaged, so that nothing was done with it: %s", fmt.Sprintf(format, args...))
}

// checkFile compares the archive with its label.
func (a *Archive) checkFile(ctx context.Context) (err error) {
	f, err := os.Open(filepath.Join(a.Folder, a.Label.File))
	if errors.Is(err, fs.ErrNotExist) {
		return damaged("%s is missing", a.Label.File)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(sum, reading{ctx, f})
	switch {
	case err != nil:
		return err
	case n != a.Label.Size:
		return damaged("%s has %d bytes, and should have %d", a.Label.File, n, a.Label.Size)
	case hex.EncodeToString(sum.Sum(nil)) != a.Label.SHA256:
		return damaged("%s has another checksum than %s says", a.Label.File, labelName)
	}
	return nil
}

// visitor is called for each file of an archive, in order. What it does not read is
// skipped.
type visitor func(h *tar.Header, r io.Reader) error

// walk visits the files of the archive, contents included, and returns their sums.
func (a *Archive) walk(ctx context.Context, visit visitor) (_ []Entry, err error) {
	f, err := os.Open(filepath.Join(a.Folder, a.Label.File))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	plain := io.Reader(reading{ctx, bufio.NewReaderSize(f, 1<<20)})
	if a.Label.File == lockedName {
		plain, err = age.Decrypt(plain, a.identities...)
		if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
			return nil, core.Errorf(core.Forbidden, "the backup was not encrypted for this identity; its recipients are %s", strings.Join(a.Label.Recipients, ", "))
		}
		if err != nil {
			return nil, errors.Join(damaged("it can't be decrypted"), err)
		}
	}
	var entries []Entry
	t := tar.NewReader(plain)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, a.broken(ctx, err)
		}
		if h.Typeflag != tar.TypeReg || h.Size < 0 {
			return nil, damaged("%s is no plain file", h.Name)
		}
		sum := sha256.New()
		in := io.TeeReader(t, sum)
		if err := visit(h, in); err != nil {
			return nil, a.broken(ctx, err)
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			return nil, a.broken(ctx, err)
		}
		entries = append(entries, Entry{h.Name, h.Size, hex.EncodeToString(sum.Sum(nil))})
	}
}

// broken words an error of reading.
func (a *Archive) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errRows) || errors.Is(err, zstd.ErrMagicMismatch) {
		return errors.Join(damaged("%s can't be read to its end", a.Label.File), err)
	}
	return err
}

// checkContents reads everything and compares it with the contents at the end.
func (a *Archive) checkContents(ctx context.Context) error {
	digests := map[string]*rowCoder{}
	var raw, coded []byte
	entries, err := a.walk(ctx, func(h *tar.Header, r io.Reader) (err error) {
		if raw != nil {
			return damaged("there is something behind %s", contentName)
		}
		if h.Name == contentName {
			if raw, err = io.ReadAll(io.LimitReader(r, maxContents)); raw == nil {
				raw = []byte{}
			}
			return err
		}
		table, ok := tableOf(h.Name)
		if !ok {
			if _, _, ok := fileOf(h.Name); !ok {
				return damaged("%q can't be the name of a file in it", h.Name)
			}
			return nil
		}
		if digests[table] == nil {
			digests[table] = &rowCoder{}
		}
		return eachRow(r, func(row []any) (err error) {
			coded, err = digests[table].append(coded[:0], row)
			return err
		})
	})
	if err != nil {
		return err
	}
	if raw == nil {
		return damaged("%s is missing in it", contentName)
	}
	if err := json.Unmarshal(raw, &a.Contents); err != nil {
		return errors.Join(damaged("%s can't be read", contentName), err)
	}
	return a.compare(entries[:len(entries)-1], digests)
}

// compare holds what was found against the contents.
func (a *Archive) compare(entries []Entry, digests map[string]*rowCoder) error {
	c := &a.Contents
	if c.Format != format {
		return damaged("its contents have format %d", c.Format)
	}
	for i, e := range entries {
		switch {
		case i >= len(c.Files) || c.Files[i].Name != e.Name:
			return damaged("%s is not among its contents", e.Name)
		case c.Files[i] != e:
			return damaged("%s has another size or checksum than its contents say", e.Name)
		}
	}
	if len(entries) < len(c.Files) {
		return damaged("%s is missing", c.Files[len(entries)].Name)
	}
	for _, t := range c.Tables {
		got := digests[t.Name]
		if got == nil {
			got = &rowCoder{}
		}
		if got.Rows != t.Rows || got.String() != t.Digest {
			return damaged("the table %s has %d rows, and should have %d, with another digest", t.Name, got.Rows, t.Rows)
		}
		delete(digests, t.Name)
	}
	for name := range digests {
		return damaged("the table %s is not among its contents", name)
	}
	roots := map[string]bool{}
	for _, r := range c.Roots {
		roots[r.Name] = true
	}
	for _, e := range c.Files {
		if root, _, ok := fileOf(e.Name); ok && !roots[root] {
			return damaged("%s lies in no folder that is among its contents", e.Name)
		}
	}
	return nil
}

// eachRow calls row for each row of a part.
func eachRow(r io.Reader, row func([]any) error) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	in := bufio.NewReaderSize(z, 64<<10)
	columns, err := binary.ReadUvarint(in)
	if err != nil || columns < 1 || columns > maxColumns {
		return errors.Join(errRows, err)
	}
	for {
		values, err := readRow(in, int(columns))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := row(values); err != nil {
			return err
		}
	}
}

// File returns the content of a root that is a single file, such as the configuration, of
// at most a megabyte; nil if the backup has none.
func (a *Archive) File(ctx context.Context, root string) (content []byte, err error) {
	if !slices.ContainsFunc(a.Contents.Files, func(e Entry) bool { return e.Name == filePrefix+root }) {
		return nil, nil
	}
	_, err = a.walk(ctx, func(h *tar.Header, r io.Reader) error {
		if h.Name != filePrefix+root {
			return nil
		}
		var b bytes.Buffer
		_, err := io.Copy(&b, io.LimitReader(r, maxLabel))
		content = b.Bytes()
		return err
	})
	return content, err
}
