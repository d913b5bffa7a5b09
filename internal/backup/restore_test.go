package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestDamaged changes and takes away parts of a backup: it is refused, and nothing is made
// from it.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s, id := newSite(t, dbtest.SQLite(t)), identity(t)
	plain := s.make()
	locked := s.make(func(o *Options) { o.Recipients = []string{id.Recipient().String()} })
	type damage func(t *testing.T, folder, archive string)
	edit := func(change func(raw []byte) []byte) damage {
		return func(t *testing.T, _, archive string) {
			put(t, archive, string(change([]byte(read(t, archive)))), 0o600)
		}
	}
	relabel := func(change func(l *Label)) damage {
		return func(t *testing.T, folder, _ string) { writeLabel(t, folder, change) }
	}
	for name, tt := range map[string]struct {
		do   damage
		code core.Code
		says string
	}{
		"a bit at the beginning": {edit(func(b []byte) []byte { b[0] ^= 1; return b }), core.Invalid, "another checksum"},
		"a bit in the middle":    {edit(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), core.Invalid, "another checksum"},
		"a bit at the end":       {edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), core.Invalid, "another checksum"},
		"cut":                    {edit(func(b []byte) []byte { return b[:len(b)-100] }), core.Invalid, "should have"},
		"longer":                 {edit(func(b []byte) []byte { return append(b, 0) }), core.Invalid, "should have"},
		"no archive":             {func(t *testing.T, _, archive string) { remove(t, archive) }, core.Invalid, "is missing"},
		"no label":               {func(t *testing.T, folder, _ string) { remove(t, filepath.Join(folder, labelName)) }, core.NotFound, "is no backup"},
		"a label that is no label": {func(t *testing.T, folder, _ string) { put(t, filepath.Join(folder, labelName), "[]", 0o600) },
			core.Invalid, "can't be read"},
		"a label of another format": {relabel(func(l *Label) { l.Format = 2 }), core.Invalid, "format 2"},
		"a label that leads away":   {relabel(func(l *Label) { l.File = "../../etc/passwd" }), core.Invalid, "no backup has"},
	} {
		for _, m := range []Made{plain, locked} {
			t.Run(name+" of "+m.Label.File, func(t *testing.T) {
				folder := filepath.Join(t.TempDir(), "copy")
				if err := os.CopyFS(folder, os.DirFS(m.Folder)); err != nil {
					t.Fatal(err)
				}
				tt.do(t, folder, filepath.Join(folder, m.Label.File))
				_, err := Open(t.Context(), folder, nil)
				says(t, err, tt.code, tt.says)
			})
		}
	}
	_, err := Open(t.Context(), locked.Folder, parseIdentity(t, identity(t).String()))
	says(t, err, core.Forbidden, "not encrypted for this identity")
	a, err := Open(t.Context(), locked.Folder, nil)
	if err != nil || !a.Locked() {
		t.Fatalf("without an identity: %v, %v", a, err)
	}
	_, err = a.Restore(t.Context(), newPlace(t, dbtest.SQLiteConfig(t)).target)
	says(t, err, core.Invalid, "is encrypted")
	if _, err := ParseIdentities(strings.NewReader("nonsense")); core.CodeOf(err) != core.Invalid {
		t.Errorf("a file that is no identity: %v", err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// writeLabel changes a label and, where the archive was changed, makes it fit.
func writeLabel(t *testing.T, folder string, change func(l *Label)) {
	t.Helper()
	var l Label
	path := filepath.Join(folder, labelName)
	if err := json.Unmarshal([]byte(read(t, path)), &l); err != nil {
		t.Fatal(err)
	}
	change(&l)
	raw, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(raw), 0o600)
}

// forged is a file of an archive.
type forged struct {
	tar.Header
	content string
}

// forge writes an archive with a label that fits it.
func forge(t *testing.T, folder string, files []forged) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if f.Typeflag == 0 {
			f.Typeflag = tar.TypeReg
		}
		f.Size = int64(len(f.content))
		if err := w.WriteHeader(&f.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder, plainName), b.String(), 0o600)
	sum := sha256.Sum256(b.Bytes())
	writeLabel(t, folder, func(l *Label) { l.Size, l.SHA256 = int64(b.Len()), hex.EncodeToString(sum[:]) })
}

// TestForged gives archives whose checksums fit, and whose contents no program of ours has
// written.
func TestForged(t *testing.T) {
	t.Parallel()
	m := newSite(t, dbtest.SQLite(t)).make()
	genuine := members(t, filepath.Join(m.Folder, plainName))
	index := func(part string) int {
		for i, f := range genuine {
			if strings.Contains(f.Name, part) {
				return i
			}
		}
		t.Fatalf("there is no %s", part)
		return 0
	}
	contents := len(genuine) - 1
	recount := func(all []forged, change func(c *Contents)) []forged {
		var c Contents
		if err := json.Unmarshal([]byte(all[contents].content), &c); err != nil {
			t.Fatal(err)
		}
		change(&c)
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		all[contents].content = string(raw)
		return all
	}
	for name, tt := range map[string]struct {
		change func(all []forged) []forged
		says   string
	}{
		"unchanged":        {func(all []forged) []forged { return all }, ""},
		"no contents":      {func(all []forged) []forged { return all[:contents] }, "contents.json is missing"},
		"broken contents":  {func(all []forged) []forged { all[contents].content = "{"; return all }, "can't be read"},
		"more behind":      {func(all []forged) []forged { return append(all, all[0]) }, "behind"},
		"a file less":      {func(all []forged) []forged { return append(all[:1:1], all[2:]...) }, "not among"},
		"a file twice":     {func(all []forged) []forged { return append(all[:1:1], all...) }, "not among"},
		"another content":  {func(all []forged) []forged { all[index("site.key")].content = "a kez"; return all }, "another size or checksum"},
		"no rows":          {func(all []forged) []forged { all[index("event/")].content = ""; return all }, "can't be read to its end"},
		"rows that end":    {func(all []forged) []forged { c := &all[index("event/")].content; *c = (*c)[:len(*c)-9]; return all }, "can't be read to its end"},
		"out of the place": {func(all []forged) []forged { all[index("site.key")].Name = "files/data/../../x"; return all }, "can't be the name"},
		"from the root":    {func(all []forged) []forged { all[index("site.key")].Name = "/etc/passwd"; return all }, "can't be the name"},
		"a link": {func(all []forged) []forged {
			f := &all[index("empty")]
			f.Typeflag, f.Linkname = tar.TypeSymlink, "/etc"
			return all
		}, "no plain file"},
		"no such root": {func(all []forged) []forged {
			return recount(all, func(c *Contents) { c.Roots = nil })
		}, "lies in no folder"},
		"fewer rows": {func(all []forged) []forged {
			return recount(all, func(c *Contents) { c.Tables[0].Rows++ })
		}, "another digest"},
		"a table less": {func(all []forged) []forged {
			return recount(all, func(c *Contents) {
				for i, table := range c.Tables {
					if table.Name == "event" {
						c.Tables = append(c.Tables[:i], c.Tables[i+1:]...)
						return
					}
				}
			})
		}, "not among"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "forged")
			if err := os.CopyFS(folder, os.DirFS(m.Folder)); err != nil {
				t.Fatal(err)
			}
			forge(t, folder, tt.change(append([]forged(nil), genuine...)))
			_, err := Open(t.Context(), folder, nil)
			if tt.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			says(t, err, core.Invalid, tt.says)
		})
	}
}

// members reads what an archive holds.
func members(t *testing.T, archive string) (list []forged) {
	t.Helper()
	r := tar.NewReader(strings.NewReader(read(t, archive)))
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		list = append(list, forged{*h, b.String()})
	}
	return list
}

// TestOnlyIntoAnEmptyPlace names what is in the way, and leaves everything as it is.
func TestOnlyIntoAnEmptyPlace(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		s := newSite(t, d)
		m := s.make()
		p := newPlace(t, emptyConfig(t, d.Engine()))
		for _, path := range []string{"secrets/site.key", "something else"} {
			put(t, filepath.Join(p.dir, path), "mine", 0o600)
			_, err := p.restore(m.Folder)
			says(t, err, core.Conflict, filepath.Join(p.dir, strings.Split(path, "/")[0]))
			if got := read(t, filepath.Join(p.dir, path)); got != "mine" {
				t.Errorf("%s is %q", path, got)
			}
			if _, err := os.Stat(p.config.Path); d.Engine() == db.SQLite && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a database was made: %v", err)
			}
			if err := os.RemoveAll(p.dir); err != nil {
				t.Fatal(err)
			}
		}
		there := dbtest.Reopen(t, p.config)
		if n, err := there.Migrate(t.Context()); err != nil || len(n) == 0 {
			t.Fatalf("migrated %v: %v", n, err)
		}
		_, err := p.restore(m.Folder)
		says(t, err, core.Conflict, "the database is not empty")
		if err := there.RequireSchema(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("files were made: %v", err)
		}
	})
}

// TestNoPlaceFor refuses a backup with a folder that the configuration does not know, and
// one of a newer program.
func TestNoPlaceFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	m := s.make()
	p := newPlace(t, dbtest.SQLiteConfig(t))
	p.target.Paths = map[string]string{}
	_, err := p.restore(m.Folder)
	says(t, err, core.Invalid, s.dir+", and the configuration here has no place for it")
	p.target.Paths = map[string]string{"data": p.dir}
	a, err := Open(t.Context(), m.Folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.Contents.Schema = 99999
	_, err = a.Restore(t.Context(), p.target)
	says(t, err, core.Invalid, "schema 99999")
	p.target.Paths["data"] = "" // it is left out
	done, err := p.restore(m.Folder)
	if err != nil || done.Files != 0 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestInterruptedRestore stops a restore at many moments. Whoever opens the database is
// told, and the restore can be done again, also from another backup.
func TestInterruptedRestore(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		s := newSite(t, d)
		first := s.make()
		if err := os.Rename(filepath.Join(s.dir, "linked"), filepath.Join(s.dir, "renamed")); err != nil {
			t.Fatal(err)
		}
		second := s.make()
		want := tables(t, d)
		p := newPlace(t, emptyConfig(t, d.Engine()))
		step := int64(97)
		if d.Engine() == db.MariaDB {
			step = 400 // each try makes all tables
		}
		stopped := 0
		for n := int64(1); ; n += step {
			a, err := Open(t.Context(), first.Folder, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = a.Restore(endsAfter(t, n), p.present()); err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("stopped after %d: %v", n, err)
			}
			if p.config.Engine == db.SQLite && !p.present().Present {
				continue
			}
			half := dbtest.Reopen(t, p.config)
			if len(tables(t, half)) == 0 {
				continue // it had not begun
			}
			stopped++
			_, err = half.Migrate(t.Context())
			says(t, err, core.Conflict, "caduceus restore")
			says(t, half.RequireSchema(t.Context()), core.Conflict, "caduceus restore")
			says(t, half.Snapshot(t.Context(), func(*db.Snapshot) error { return nil }), core.Conflict, "caduceus restore")
		}
		if stopped < 3 {
			t.Errorf("it was stopped %d times only", stopped)
		}

		// What is not of an interrupted restore stays in the way of the next one.
		p = newPlace(t, emptyConfig(t, d.Engine()))
		p.target.Then = func(context.Context, *db.DB) error { return context.Canceled }
		if _, err := p.restore(first.Folder); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		put(t, filepath.Join(p.dir, "mine"), "mine", 0o600)
		p.target.Then = nil
		_, err := p.restore(second.Folder)
		says(t, err, core.Conflict, filepath.Join(p.dir, "mine"))
		remove(t, filepath.Join(p.dir, "mine"))
		done, err := p.restore(second.Folder)
		if err != nil || !done.Again {
			t.Fatalf("%+v, %v", done, err)
		}
		restored := dbtest.Reopen(t, p.config)
		same(t, tables(t, restored), want)
		if err := restored.RequireSchema(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(p.dir, "linked")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file of the first backup is left: %v", err)
		}
		if got := read(t, filepath.Join(p.dir, "renamed")); got != "a key" {
			t.Errorf("a file of the second is %q", got)
		}
	})
}
