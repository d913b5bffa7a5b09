package house

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/caduceus-bio/caduceus/internal/backup"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Return says which backup is restored, and how.
type Return struct {
	Folder      string // of the backup
	Identity    string // the file with the identity of age; "" where it is not encrypted
	Config      string // the configuration file; "" is the usual one, if there is one
	EndSessions bool   // whoever is logged in on the site has to log in again
}

// Returned is what Restore has done.
type Returned struct {
	backup.Restored
	Label    backup.Label
	Settings Settings
	Notes    []string // what else there is to do or to know
}

// OpenBackup reads a backup to its end and compares all its checksums. identity names the
// file with an identity of age; without one, of an encrypted backup only the archive as a
// whole is compared.
func OpenBackup(ctx context.Context, folder, identity string) (_ *backup.Archive, err error) {
	var ids []age.Identity
	if identity != "" {
		raw, err := os.ReadFile(identity)
		if err != nil {
			return nil, err
		}
		if ids, err = backup.ParseIdentities(bytes.NewReader(raw)); err != nil {
			return nil, err
		}
	}
	return backup.Open(ctx, folder, ids)
}

// Restore checks a backup, and then puts everything that is in it into the empty place that
// the configuration names. Where there is no configuration it takes that of the backup.
func Restore(ctx context.Context, r Return) (out Returned, err error) {
	a, err := OpenBackup(ctx, r.Folder, r.Identity)
	if err != nil {
		return out, err
	}
	if a.Locked() {
		return out, core.Errorf(core.Invalid, "the backup is encrypted: pass --identity FILE with the secret key of one of its recipients (%s)", strings.Join(a.Label.Recipients, ", "))
	}
	s, taken, err := r.settings(ctx, a)
	if err != nil {
		return out, err
	}
	out.Settings, out.Label = s, a.Label
	paths := s.restorePaths(a.Contents.Roots, taken)
	unlock := func() {}
	defer func() { unlock() }()
	_, err = os.Stat(s.Database.Path)
	out.Restored, err = a.Restore(ctx, backup.Target{
		Present: s.Database.Engine != db.SQLite || !errors.Is(err, fs.ErrNotExist),
		Open: func() (d *db.DB, err error) {
			if err := makeDataDir(s); err != nil {
				return nil, err
			}
			if unlock, err = lockDataDir(s); err != nil {
				unlock = func() {}
				return nil, err
			}
			return db.Open(ctx, s.Database, s.House.logger())
		},
		Paths: paths,
		May:   s.notInTheWay(r),
		Then: func(ctx context.Context, d *db.DB) (err error) {
			out.Notes, err = s.afterRestore(ctx, d, r)
			return err
		},
	})
	if err != nil {
		return out, err
	}
	out.Notes = append(out.Notes, s.restoreNotes(a, taken)...)
	return out, nil
}

// settings returns the configuration that holds in the new place. taken reports that it is
// the backup's, whose file is restored, too.
func (r Return) settings(ctx context.Context, a *backup.Archive) (_ Settings, taken bool, err error) {
	file := r.Config
	if file == "" {
		file = defaultFile
	}
	_, err = os.Stat(file)
	if err == nil {
		s, err := Load(file)
		return s, false, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Settings{}, false, err
	}
	text, err := a.File(ctx, rootConfig)
	if err != nil {
		return Settings{}, false, err
	}
	if text == nil { // that site had none, either
		s, err := Load(r.Config)
		return s, false, err
	}
	dir, err := os.MkdirTemp("", "caduceus-restore-")
	if err != nil {
		return Settings{}, false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		return Settings{}, false, err
	}
	s, err := Load(copied)
	s.File = file
	return s, true, err
}

// restorePaths says where each root of a backup belongs.
func (s Settings) restorePaths(roots []backup.Place, takesConfig bool) map[string]string {
	paths := map[string]string{rootData: s.House.DataDir, rootJournal: s.Tracker.JournalDir, rootSecrets: filepath.Dir(s.House.siteKey()), rootConfig: ""}
	if takesConfig {
		paths[rootConfig] = s.File
	}
	for _, root := range roots {
		if !strings.HasPrefix(root.Name, rootFolder) {
			continue
		}
		for _, folder := range s.Backup.Folders {
			if absolute(folder) == root.Path {
				paths[root.Name] = folder
			}
		}
	}
	return paths
}

// notInTheWay tells what may be in an empty place: an embedded database, which is looked
// into, and what the person at the shell has put there for the restore.
func (s Settings) notInTheWay(r Return) func(path string) bool {
	var fine []string
	for _, p := range []string{s.Database.Path, s.Database.Path + "-wal", s.Database.Path + "-shm", s.House.path("lock"), s.House.DataDir, s.House.SecretsDir, s.Tracker.JournalDir} {
		if p != "" {
			fine = append(fine, absolute(p))
		}
	}
	return func(path string) bool {
		if slices.Contains(fine, path) {
			return true
		}
		for _, p := range []string{r.Folder, r.Identity, s.File, s.Backup.Directory} {
			if p != "" && isInside(p, path) {
				return true
			}
		}
		return false
	}
}

// afterRestore does what must be done before anybody uses the restored site: what was about
// to leave the house when the backup was made has left it since, for all we know.
func (s Settings) afterRestore(ctx context.Context, d *db.DB, r Return) (notes []string, err error) {
	keys, err := secret.LoadKeyring(s.House.siteKey(), false)
	if err != nil {
		return nil, fmt.Errorf("the site key: %w (the backup has none for %s, so put it there, and begin again)", err, s.House.siteKey())
	}
	clock := core.Clock(time.Now)
	events := eventlog.New(d, clock)
	queue, err := mail.NewQueue(d, events, keys, clock, s.Mail, mail.Site{Name: s.Site.Name, URL: s.siteURL()})
	if err != nil {
		return nil, err
	}
	letters, err := queue.Hold(ctx)
	if err != nil {
		return nil, err
	}
	told, err := notify.NewStore(d, keys, clock, notify.Options{Log: s.House.logger()}).Hold(ctx)
	if err != nil {
		return nil, err
	}
	if letters > 0 {
		notes = append(notes, fmt.Sprintf("%d letters waited when the backup was made, and may have gone since: they are not sent by themselves (mail queue lists them, mail again ID sends one)", letters))
	}
	if told > 0 {
		notes = append(notes, fmt.Sprintf("%d notifications waited for their delivery, and may have been delivered since: they are in the inboxes only", told))
	}
	if r.EndSessions {
		members := member.NewStore(d, events, keys, clock, member.SessionDays(s.Site.SessionDays))
		return notes, members.EndAllSessions(ctx)
	}
	return notes, nil
}

// restoreNotes are what to do next.
func (s Settings) restoreNotes(a *backup.Archive, taken bool) (notes []string) {
	if !taken && s.File != "" {
		notes = append(notes, "the configuration is the one that was here, "+absolute(s.File)+"; the backup's is in its archive as files/"+rootConfig)
	}
	if taken {
		notes = append(notes, "the configuration is the backup's, and is now "+absolute(s.File)+": look whether its addresses and folders are right for this machine, then: caduceus check-config")
	}
	if a.Contents.Engine != string(s.Database.Engine) {
		notes = append(notes, fmt.Sprintf("the backup was made on %s, and is now on %s", a.Contents.Engine, s.Database.Engine))
	}
	hasJournal := slices.ContainsFunc(a.Contents.Files, func(e backup.Entry) bool { return strings.HasSuffix(e.Name, ".wal") })
	if !hasJournal {
		notes = append(notes, "the backup has no tracker's journal: swarms start empty, and clients are counted from their next announce on")
	}
	if s.Database.Engine == db.MariaDB {
		notes = append(notes, "give the database users their grants: mariadb "+s.Database.Name+" < deploy/mariadb/grants.sql", "then start the units (deploy/README.md)")
	} else {
		notes = append(notes, "start the site: caduceus serve")
	}
	return notes
}
