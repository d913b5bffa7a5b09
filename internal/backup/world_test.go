package backup

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// site is a database with files beside it.
type site struct {
	t     *testing.T
	d     *db.DB
	dir   string // of its files
	to    string // where its backups are
	clock *dbtest.Clock
}

func newSite(t *testing.T, d *db.DB) *site {
	t.Helper()
	s := &site{t: t, d: d, dir: filepath.Join(t.TempDir(), "data"), to: filepath.Join(t.TempDir(), "backups"),
		clock: dbtest.NewClock(time.Date(2026, 11, 30, 3, 11, 0, 0, time.UTC))}
	put(t, filepath.Join(s.dir, "secrets", "site.key"), "a key", 0o600)
	put(t, filepath.Join(s.dir, "empty"), "", 0o640)
	put(t, filepath.Join(s.dir, "uploads", "half"), "left out", 0o600)
	if err := os.Symlink(filepath.Join(s.dir, "secrets", "site.key"), filepath.Join(s.dir, "linked")); err != nil {
		t.Fatal(err)
	}
	s.exec("INSERT INTO tag (name) VALUES ('gone')") // its id is not given again
	s.exec("DELETE FROM tag WHERE name = 'gone'")
	for i, text := range []string{"", "a", "Ünï\u2028code 🧬", "nul\x00 and \xe2\x80\x8b", strings.Repeat("long ", 1000)} {
		mac := make([]byte, 32)
		mac[0], mac[31] = byte(i), 0xff
		s.exec("INSERT INTO session (token_mac, member_id, agent, created_at, seen_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
			mac, int64(1)<<62, text[:min(len(text), 60)], -1, 0, int64(i))
		s.exec("INSERT INTO event (id, kind, at, body) VALUES (?, 'x', 0, ?)", i+1, text)
	}
	return s
}

func (s *site) exec(query string, args ...any) {
	s.t.Helper()
	err := s.d.Tx(s.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(s.t.Context(), query, args...)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func put(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func (s *site) options() Options {
	return Options{Dir: s.to, DB: s.d, Program: "a test", Clock: s.clock.Now,
		Roots: []Root{{Name: "data", Path: s.dir, Skip: func(path string) bool { return filepath.Base(path) == "uploads" }},
			{Name: "nothing", Path: s.dir + ".none"}},
		Hold: func(string) (Journal, error) { return nil, nil }}
}

// make makes a backup, a day after the last one.
func (s *site) make(change ...func(*Options)) Made {
	s.t.Helper()
	o := s.options()
	for _, c := range change {
		c(&o)
	}
	m, err := Make(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.clock.Add(24 * time.Hour)
	return m
}

// place is an empty one.
type place struct {
	t      *testing.T
	config db.Config
	dir    string
	target Target
}

func newPlace(t *testing.T, c db.Config) *place {
	t.Helper()
	p := &place{t: t, config: c, dir: filepath.Join(t.TempDir(), "new")}
	p.target = Target{Present: c.Engine != db.SQLite, Paths: map[string]string{"data": p.dir}, Open: p.open}
	return p
}

func (p *place) open() (*db.DB, error) {
	return db.Open(p.t.Context(), p.config, slog.New(slog.DiscardHandler))
}

// present makes the place look again whether there is a database.
func (p *place) present() Target {
	t := p.target
	if p.config.Engine == db.SQLite {
		_, err := os.Stat(p.config.Path)
		t.Present = err == nil
	}
	return t
}

func (p *place) restore(folder string, ids ...age.Identity) (Restored, error) {
	p.t.Helper()
	a, err := Open(p.t.Context(), folder, ids)
	if err != nil {
		p.t.Fatal(err)
	}
	return a.Restore(p.t.Context(), p.present())
}

// tables is everything in a database but the schema's version, read by other means than
// those of this package: one sorted text for each table.
func tables(t *testing.T, d *db.DB) map[string]string {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' LIMIT 1000"
	if d.Engine() == db.MariaDB {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() LIMIT 1000"
	}
	names, err := db.All(t.Context(), d, db.Value[string], query)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		if name != "goose_db_version" {
			all[name] = content(t, d, name)
		}
	}
	return all
}

func content(t *testing.T, d *db.DB, table string) string {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range into {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		cells := make([]string, len(columns))
		for i, v := range values {
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			cells[i] = fmt.Sprintf("%s=%q", columns[i], fmt.Sprint(v))
		}
		slices.Sort(cells)
		lines = append(lines, strings.Join(cells, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, rows := range want {
		if got[name] != rows {
			t.Errorf("%s was\n%.2000s\nand is\n%.2000s", name, rows, got[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d tables were %d", len(got), len(want))
	}
}

// writer moves figures in two tables at once, until it is told to stop.
func (s *site) writer() (stop func()) {
	s.t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	first := int(number(s.t, s.d, "SELECT COUNT(*) FROM tag"))
	wg.Go(func() {
		for n := first; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			ctx := context.WithoutCancel(s.t.Context())
			err := s.d.Tx(ctx, func(tx *db.Tx) error {
				for table, id := range map[string]string{"transfer_member": "member_id", "transfer_torrent": "torrent_id"} {
					spec := db.UpsertSpec{Table: table, Key: []string{id}, Add: []string{"uploaded", "downloaded"}}
					if table == "transfer_torrent" {
						spec.Keep = []string{"snatches"}
						if err := tx.Upsert(ctx, spec, []any{n % 50, 1, 2, 0}); err != nil {
							return err
						}
						continue
					}
					if err := tx.Upsert(ctx, spec, []any{n % 50, 1, 2}); err != nil {
						return err
					}
				}
				_, err := tx.Insert(ctx, "tag", db.Row{"name", fmt.Sprintf("tag-%d", n)})
				return err
			})
			if err != nil {
				s.t.Error(err)
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func number(t *testing.T, d *db.DB, query string) int64 {
	t.Helper()
	n, _, err := db.One(t.Context(), d, db.Value[int64], query)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// identity is a new key of age.
func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// says checks code and text of an error.
func says(t *testing.T, err error, code core.Code, part string) {
	t.Helper()
	if core.CodeOf(err) != code || !strings.Contains(err.Error(), part) {
		t.Errorf("want an error with code %q that says %q, got %q: %v", code, part, core.CodeOf(err), err)
	}
}

// noBackups checks that nothing in the folder looks like a backup, nor is left over.
func (s *site) noBackups() {
	s.t.Helper()
	entries, err := os.ReadDir(s.to)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" {
			s.t.Errorf("%s is left", e.Name())
		}
	}
}

// failing is a file that fails after some bytes.
type failing struct {
	file
	left *int
	err  error
}

// Write implements io.Writer.
func (f failing) Write(p []byte) (int, error) {
	if *f.left < len(p) {
		n := *f.left
		*f.left = 0
		if n > 0 {
			_, _ = f.file.Write(p[:n])
		}
		return n, f.err
	}
	*f.left -= len(p)
	return f.file.Write(p)
}

var _ io.Writer = failing{}
