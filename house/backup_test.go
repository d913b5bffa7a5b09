package house

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// aSite makes a site on SQLite in an empty folder.
func aSite(t *testing.T, change func(*Settings)) *House {
	t.Helper()
	s := DefaultSettings()
	s.House.DataDir = filepath.Join(t.TempDir(), "var")
	if change != nil {
		change(&s)
	}
	s.Derive()
	return openSite(t, s, true)
}

func openSite(t *testing.T, s Settings, create bool) *House {
	t.Helper()
	s.House.LogLevel = "error"
	h, err := Open(t.Context(), s, create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	if _, err := h.SetUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestNightlyBackup runs the job where one process has everything, with backups in the
// data directory itself. The site is restored from there.
func TestNightlyBackup(t *testing.T) {
	t.Parallel()
	h := aSite(t, func(s *Settings) { s.Backup.Directory = filepath.Join(s.House.DataDir, "backups") })
	s := h.Settings
	if h.nightlyBackup("a test") != nil {
		t.Error("a process that serves some rooms backs up what it can't read")
	}
	h.whole = true
	rows, err := h.nightlyBackup("a test")(t.Context())
	if err != nil || rows < 1000 {
		t.Fatalf("%d rows: %v", rows, err)
	}
	found, err := filepath.Glob(filepath.Join(s.Backup.Directory, "20*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("backups %q: %v", found, err)
	}
	a, err := OpenBackup(t.Context(), found[0], "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range a.Contents.Files {
		if strings.HasPrefix(f.Name, "files/") {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	if want := []string{"files/data/secrets/hermes.irc-key", "files/data/secrets/site.key"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	h.Close()
	entries, err := os.ReadDir(s.House.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "backups" {
			if err := os.RemoveAll(filepath.Join(s.House.DataDir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	config := filepath.Join(t.TempDir(), "caduceus.toml")
	text := "[house]\ndata_dir = \"" + s.House.DataDir + "\"\n[backup]\ndirectory = \"" + s.Backup.Directory + "\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := Restore(t.Context(), Return{Folder: found[0], Config: config})
	if err != nil || done.Rows != rows {
		t.Fatalf("%+v, %v", done, err)
	}
	openSite(t, s, false)

	h.Settings.Backup.Directory = ""
	if h.nightlyBackup("a test") != nil {
		t.Error("without a folder a backup is made")
	}
	_, _, err = Backup(t.Context(), h.Settings, "a test", "")
	if core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "[backup]") {
		t.Errorf("a backup to nowhere: %v", err)
	}
}

// TestBackupOfNothing says where it has looked, and makes nothing.
func TestBackupOfNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := DefaultSettings()
	s.House.DataDir = filepath.Join(dir, "var")
	s.Derive()
	_, _, err := Backup(t.Context(), s, "a test", filepath.Join(dir, "backups"))
	if core.CodeOf(err) != core.NotFound {
		t.Errorf("a backup of nothing: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v was made: %v", entries, err)
	}
}

// TestLinksAndSessionsAfterARestore makes sure of what docs/backup.md says of them.
func TestLinksAndSessionsAfterARestore(t *testing.T) {
	t.Parallel()
	h, ctx := aSite(t, nil), t.Context()
	sysop, err := h.Members.ByName(ctx, sysopName)
	if err != nil {
		t.Fatal(err)
	}
	link := func() string {
		_, token, err := h.links.Make(ctx, credential.New{Purpose: credential.Reveal, Member: sysop.ID, Lifetime: time.Hour, Content: []byte("a secret")})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	spend := func(token string) (string, error) {
		_, content, err := h.links.Spend(ctx, credential.Reveal, token)
		return string(content), err
	}
	session := func() string {
		token, err := h.Members.NewSession(ctx, sysop.ID, "a browser")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	before, after := link(), link()
	if _, err := spend(before); err != nil {
		t.Fatal(err)
	}
	lasting := session()
	made, _, err := h.Settings.makeBackup(ctx, h.DB, "a test", t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := spend(after); err != nil {
		t.Fatal(err)
	}
	unknown, late := link(), session()
	h.Close()
	again := func(end bool) {
		t.Helper()
		config := filepath.Join(t.TempDir(), "caduceus.toml")
		s := h.Settings
		s.House.DataDir = filepath.Join(t.TempDir(), "var")
		if err := os.WriteFile(config, []byte("[house]\ndata_dir = \""+s.House.DataDir+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		done, err := Restore(ctx, Return{Folder: made.Folder, Config: config, EndSessions: end})
		if err != nil {
			t.Fatal(err)
		}
		h = openSite(t, done.Settings, false)
	}
	again(false)
	refused := (*credential.Refusal)(nil)
	if _, err := spend(before); !errors.As(err, &refused) || refused.State != credential.Used {
		t.Errorf("a link that was used before the backup: %v", err)
	}
	if content, err := spend(after); err != nil || content != "a secret" {
		t.Errorf("a link that was used after it: %q, %v", content, err)
	}
	if _, err := spend(unknown); !errors.As(err, &refused) || refused.State != credential.Unknown {
		t.Errorf("a link that was made after it: %v", err)
	}
	if m, _, err := h.Members.BySession(ctx, lasting); err != nil || m.ID != sysop.ID {
		t.Errorf("a session from before: %v", err)
	}
	if _, _, err := h.Members.BySession(ctx, late); err == nil {
		t.Error("a session from after it goes on")
	}
	again(true)
	if _, _, err := h.Members.BySession(ctx, lasting); err == nil {
		t.Error("--end-sessions has left one")
	}
}

// TestBackupIsTold writes what the timer's backup did into the history of jobs.
func TestBackupIsTold(t *testing.T) {
	t.Parallel()
	h, ctx := aSite(t, nil), t.Context()
	made, _, err := h.Settings.makeBackup(ctx, h.DB, "a test", t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel() // it was stopped, and still tells
	for _, failure := range []error{nil, core.Errorf(core.Unavailable, "there is no room")} {
		if err := recordBackup(ended, h.DB, made, failure); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := db.All(ctx, h.DB, func(s db.Scanner) (text string, err error) {
		var outcome, detail string
		err = s.Scan(&outcome, &detail)
		return outcome + " " + detail, err
	}, "SELECT outcome, detail FROM job_run WHERE job = ? ORDER BY id LIMIT 10", schedule.Backup)
	if want := []string{"ok ", "failed there is no room"}; err != nil || !slices.Equal(runs, want) {
		t.Errorf("the history is %q, want %q: %v", runs, want, err)
	}
	events, err := db.All(ctx, h.DB, db.Value[string], "SELECT body FROM event WHERE kind = 'JobFailed' LIMIT 10")
	if err != nil || len(events) != 1 || !strings.Contains(events[0], "there is no room") {
		t.Errorf("staff are told %q: %v", events, err)
	}
}
