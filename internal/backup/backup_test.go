package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestThereAndBack backs a site up, wipes it and restores it, plain and encrypted, and
// compares every table and file.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		s, id := newSite(t, d), identity(t)
		want := tables(t, d)
		for _, locked := range []bool{false, true} {
			m := s.make(func(o *Options) {
				if locked {
					o.Recipients = []string{identity(t).Recipient().String(), id.Recipient().String()}
				}
			})
			raw := read(t, filepath.Join(m.Folder, m.Label.File))
			if strings.Contains(raw, "a key") == locked {
				t.Errorf("the key can be read: %v", !locked)
			}
			p := newPlace(t, emptyConfig(t, d.Engine()))
			done, err := p.restore(m.Folder, id)
			if err != nil {
				t.Fatal(err)
			}
			if done.Rows != m.Rows || done.Files != 3 || done.Again || len(done.Upgraded) > 0 {
				t.Errorf("restored %+v of %+v", done, m)
			}
			again := dbtest.Reopen(t, p.config)
			same(t, tables(t, again), want)
			if err := again.RequireSchema(t.Context()); err != nil {
				t.Error(err)
			}
			other := &site{t: t, d: again}
			other.exec("INSERT INTO tag (name) VALUES ('new')")
			if n := number(t, again, "SELECT id FROM tag WHERE name = 'new'"); n < 2 {
				t.Errorf("the id %d was given twice", n)
			}
			for path, content := range map[string]string{"secrets/site.key": "a key", "empty": "", "linked": "a key"} {
				if got := read(t, filepath.Join(p.dir, path)); got != content {
					t.Errorf("%s is %q", path, got)
				}
			}
			if info, err := os.Stat(filepath.Join(p.dir, "empty")); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("the mode is lost: %v, %v", info, err)
			}
			if _, err := os.Stat(filepath.Join(p.dir, "uploads")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what was to be left out is there: %v", err)
			}
		}
	})
}

// emptyConfig names a database without any tables.
func emptyConfig(t *testing.T, e db.Engine) db.Config {
	t.Helper()
	if e == db.MariaDB {
		return dbtest.MariaDBConfig(t)
	}
	return dbtest.SQLiteConfig(t)
}

// TestToTheOtherEngine moves a site from SQLite to MariaDB and back: every table has the
// same digest.
func TestToTheOtherEngine(t *testing.T) {
	t.Parallel()
	big := dbtest.MariaDBConfig(t)
	s := newSite(t, dbtest.SQLite(t))
	first := s.make()
	p := newPlace(t, big)
	if _, err := p.restore(first.Folder); err != nil {
		t.Fatal(err)
	}
	grown := &site{t: t, d: dbtest.Reopen(t, big), dir: p.dir, to: s.to, clock: s.clock}
	second := grown.make()
	back := newPlace(t, dbtest.SQLiteConfig(t))
	if _, err := back.restore(second.Folder); err != nil {
		t.Fatal(err)
	}
	same(t, tables(t, dbtest.Reopen(t, back.config)), tables(t, s.d))
	digests := func(m Made) (all []Table) {
		a, err := Open(t.Context(), m.Folder, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range a.Contents.Tables {
			table.Next = 0 // MariaDB begins it at 1
			all = append(all, table)
		}
		return all
	}
	if a, b := fmt.Sprint(digests(first)), fmt.Sprint(digests(second)); a != b {
		t.Errorf("the digests were\n%s\nand are\n%s", a, b)
	}
}

// TestWhileWriting backs a site up while somebody changes two tables in each transaction:
// the restored tables are of one moment, and were there at it.
func TestWhileWriting(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		s := newSite(t, d)
		var last int64
		for range 3 {
			stop := s.writer()
			before := number(t, d, "SELECT COALESCE(SUM(uploaded), 0) FROM transfer_member")
			m := s.make()
			after := number(t, d, "SELECT SUM(uploaded) FROM transfer_member")
			stop()
			p := newPlace(t, emptyConfig(t, d.Engine()))
			if _, err := p.restore(m.Folder); err != nil {
				t.Fatal(err)
			}
			r := dbtest.Reopen(t, p.config)
			up := number(t, r, "SELECT COALESCE(SUM(uploaded), 0) FROM transfer_member")
			for _, query := range []string{"SELECT COALESCE(SUM(uploaded), 0) FROM transfer_torrent", "SELECT COALESCE(SUM(downloaded) - SUM(uploaded), 0) FROM transfer_torrent",
				"SELECT COUNT(*) FROM tag"} {
				if n := number(t, r, query); n != up {
					t.Errorf("%s is %d, and in the other table it is %d", query, n, up)
				}
			}
			if up < before || up > after || up < last {
				t.Errorf("%d is in the backup, %d was there before and %d after", up, before, after)
			}
			last = up
		}
	})
}

// journals is a journal that knows when it was held and read.
type journals struct {
	held, read func()
	closed     atomic.Int32
}

func (j *journals) Files() ([]JournalFile, error) {
	j.read()
	return []JournalFile{{"1.wal", 3, strings.NewReader("abc and more")}}, nil
}

func (j *journals) Close() error { j.closed.Add(1); return nil }

// TestJournalsAreHeldFirst makes sure of the order by which no byte is lost or counted
// twice: a journal is held before the moment of the database and read after it.
func TestJournalsAreHeldFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	put(t, filepath.Join(s.dir, "tracker", "1.wal"), "never read as a file", 0o600)
	count := func(n int) { s.exec("INSERT INTO tag (name) VALUES (?)", fmt.Sprint("tag-", n)) }
	j := &journals{held: func() { count(1) }, read: func() { count(2) }}
	m := s.make(func(o *Options) {
		o.Hold = func(dir string) (Journal, error) {
			if filepath.Base(dir) != "tracker" {
				return nil, nil
			}
			j.held()
			return j, nil
		}
	})
	p := newPlace(t, dbtest.SQLiteConfig(t))
	if _, err := p.restore(m.Folder); err != nil {
		t.Fatal(err)
	}
	if n := number(t, dbtest.Reopen(t, p.config), "SELECT COUNT(*) FROM tag"); n != 1 {
		t.Errorf("the database has %d of the two rows: it is of another moment", n)
	}
	if got := read(t, filepath.Join(p.dir, "tracker", "1.wal")); got != "abc" {
		t.Errorf("the journal's file is %q", got)
	}
	if j.closed.Load() != 1 {
		t.Errorf("closed %d times", j.closed.Load())
	}
}

// TestNoRoom fails before, and at any byte of, what is written, and leaves nothing.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	o := s.options()
	o.free = func(string) (core.Bytes, error) { return core.MiB, nil }
	_, err := Make(t.Context(), o)
	says(t, err, core.Unavailable, "make room")
	s.noBackups()
	o.free = nil
	whole := s.make()
	if err := os.RemoveAll(whole.Folder); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 1, 511, whole.Label.Size / 2, whole.Label.Size - 1, whole.Label.Size, whole.Label.Size + 20} {
		left := int(at)
		o.create = func(path string) (file, error) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			return failing{f, &left, &os.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}}, err
		}
		_, err := Make(t.Context(), o)
		says(t, err, core.Unavailable, "no room left")
		s.noBackups()
	}
}

// ending is a context that ends after it was asked so many times.
type ending struct {
	context.Context
	left   *atomic.Int64
	cancel func()
}

func endsAfter(t *testing.T, n int64) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	e := ending{ctx, &atomic.Int64{}, cancel}
	e.left.Store(n)
	return e
}

// Err implements context.Context.
func (e ending) Err() error {
	if e.left.Add(-1) < 0 {
		e.cancel()
	}
	return e.Context.Err()
}

// TestInterruptedBackup stops a backup at many moments: it leaves nothing. What a kill has
// left is cleared by the next one.
func TestInterruptedBackup(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	stopped := 0
	for n := int64(0); ; n += 7 {
		m, err := Make(endsAfter(t, n), s.options())
		if err == nil {
			if err := os.RemoveAll(m.Folder); err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d: %v", n, err)
		}
		stopped++
		if _, err := os.Stat(s.to); err == nil {
			s.noBackups()
		}
	}
	if stopped < 10 {
		t.Errorf("it was stopped %d times only", stopped)
	}
	put(t, filepath.Join(s.to, unfinishedPrefix+"2026-11-29T031100Z", plainName), "half", 0o600)
	put(t, filepath.Join(s.to, removingPrefix+"2026-11-28T031100Z", plainName), "half", 0o600)
	m := s.make()
	if got := folders(t, s.to); !slices.Equal(got, []string{filepath.Base(m.Folder)}) {
		t.Errorf("%q are there", got)
	}
	for _, e := range []string{m.Folder, filepath.Join(m.Folder, plainName), filepath.Join(m.Folder, labelName)} {
		info, err := os.Stat(e)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read %s: %v, %v", e, info.Mode(), err)
		}
	}
	s.clock.Add(-24 * time.Hour)
	_, err := Make(t.Context(), s.options())
	says(t, err, core.Conflict, "of this very second")
	unlock, err := lock(s.to)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, err = Make(t.Context(), s.options())
	says(t, err, core.Conflict, "another backup is being made")
	_, err = Rotate(s.to, DefaultConfig())
	says(t, err, core.Conflict, "another backup is being made")
}

func folders(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestUnreadableFile names the file, and makes no backup without it.
func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.SQLite(t))
	o := s.options()
	o.Hold = func(dir string) (Journal, error) {
		if filepath.Base(dir) == "secrets" {
			return nil, &os.PathError{Op: "open", Path: dir, Err: syscall.EACCES}
		}
		return nil, nil
	}
	_, err := Make(t.Context(), o)
	says(t, err, core.Unavailable, "can't be read by the user who makes it")
	s.noBackups()
}

// TestRotate keeps a week of days and four weeks.
func TestRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := time.Date(2026, 9, 1, 3, 11, 0, 0, time.UTC)
	for day := range 60 {
		for _, later := range []time.Duration{0, 9 * time.Hour} { // two a day
			put(t, filepath.Join(dir, first.AddDate(0, 0, day).Add(later).Format(nameForm), labelName), "{}", 0o600)
		}
	}
	put(t, filepath.Join(dir, "2026-01-01T000000Z", "something"), "else", 0o600)
	put(t, filepath.Join(dir, "notes", labelName), "{}", 0o600)
	removed, err := Rotate(dir, Config{KeepDaily: 3, KeepWeekly: 4})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"2026-01-01T000000Z", "2026-10-11T121100Z", "2026-10-18T121100Z", "2026-10-25T121100Z",
		"2026-10-28T121100Z", "2026-10-29T121100Z", "2026-10-30T121100Z", "notes"}
	if got := folders(t, dir); !slices.Equal(got, want) || len(removed) != 114 {
		t.Errorf("%d removed, these are left: %q", len(removed), got)
	}
	if removed, err := Rotate(dir, Config{KeepDaily: 3, KeepWeekly: 4}); err != nil || len(removed) > 0 {
		t.Errorf("again: %q, %v", removed, err)
	}
	if got := kept([]time.Time{first}, 1, 0); len(got) != 1 {
		t.Errorf("the only one is not kept: %v", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	id := identity(t)
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for field, change := range map[string]func(c *Config){
		"keep_daily":  func(c *Config) { c.KeepDaily = 0 },
		"keep_weekly": func(c *Config) { c.KeepWeekly = -1 },
		"folders":     func(c *Config) { c.Folders = []string{""} },
		"recipients":  func(c *Config) { c.Recipients = []string{"age1nonsense"} },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); core.FieldOf(err) != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	c := DefaultConfig()
	c.Recipients = []string{id.Recipient().String()}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Recipients = []string{id.String()}
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), id.String()) || !strings.Contains(err.Error(), "public") {
		t.Errorf("a secret key as recipient: %v", err)
	}
}
