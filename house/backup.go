package house

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/backup"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/tracker"
)

// The roots of a backup that have names of their own; see backup.Root. Folders of
// [backup] folders are called folder-1 and so on.
const (
	rootConfig  = "config"
	rootData    = "data"
	rootSecrets = "secrets"
	rootJournal = "journal"
	rootFolder  = "folder-"
)

// Backup makes a backup of the site in a folder, while it serves. Without a folder it is
// the one of the configuration, where old backups are then removed. It needs no secrets,
// and reads them.
func Backup(ctx context.Context, s Settings, version, dir string) (_ backup.Made, removed []string, err error) {
	standing := dir == ""
	if standing {
		if dir = s.Backup.Directory; dir == "" {
			return backup.Made{}, nil, core.Errorf(core.Invalid, "name the folder in which to make the backup, or set directory in [backup]")
		}
	}
	if err := s.hasSite(); err != nil {
		return backup.Made{}, nil, err
	}
	d, err := db.Open(ctx, s.Database, s.House.logger())
	if err != nil {
		return backup.Made{}, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	made, removed, err := s.makeBackup(ctx, d, version, dir, standing)
	if standing && d.Engine() == db.MariaDB && core.CodeOf(err) != core.Conflict { // elsewhere, or if another is being made, the job does it
		err = errors.Join(err, recordBackup(ctx, d, made, err))
	}
	return made, removed, err
}

// makeBackup makes a backup, and then removes old ones if dir is the standing folder.
func (s Settings) makeBackup(ctx context.Context, d *db.DB, version, dir string, standing bool) (made backup.Made, removed []string, err error) {
	made, err = backup.Make(ctx, backup.Options{Dir: dir, Recipients: s.Backup.Recipients, DB: d, Roots: s.backupRoots(dir), Hold: holdJournal, Program: version, Clock: time.Now})
	if err == nil && standing {
		removed, err = backup.Rotate(dir, s.Backup)
	}
	return made, removed, err
}

// recordBackup writes the history of the job backup, so that staff are told of a failure
// as of any other job's.
func recordBackup(ctx context.Context, d *db.DB, made backup.Made, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	store := schedule.NewStore(d, eventlog.New(d, time.Now), time.Now)
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	run, err := store.Begin(ctx, schedule.Backup, host, schedule.BySchedule)
	if err != nil {
		return err
	}
	res := schedule.Result{Outcome: schedule.OK, Items: made.Rows}
	if failure != nil {
		res = schedule.Result{Outcome: schedule.Failed, Detail: failure.Error(), Text: core.SafeText(failure)}
	}
	return store.Finish(ctx, run, 0, res)
}

const recordTime = 10 * time.Second

// nightlyBackup is the work of the job backup: nil where there is nothing to do for it.
func (h *House) nightlyBackup(version string) func(ctx context.Context) (int64, error) {
	s := h.Settings
	if s.Backup.Directory == "" || !h.whole {
		return nil
	}
	return func(ctx context.Context) (int64, error) {
		made, removed, err := s.makeBackup(ctx, h.DB, version, s.Backup.Directory, true)
		if err == nil {
			h.Log.Info("a backup was made", "folder", made.Folder, "bytes", made.Label.Size, "rows", made.Rows, "took", made.Took.Round(time.Millisecond), "removed", removed)
		}
		return made.Rows, err
	}
}

// backupRoots are what is copied besides the database.
func (s Settings) backupRoots(dir string) []backup.Root {
	skip := s.notInBackup(dir)
	roots := []backup.Root{{Name: rootJournal, Path: s.Tracker.JournalDir, Skip: skip}, {Name: rootData, Path: s.House.DataDir, Skip: skip}}
	if s.House.SecretsDir != "" && !isInside(s.House.SecretsDir, s.House.DataDir) {
		roots = append(roots, backup.Root{Name: rootSecrets, Path: s.House.SecretsDir, Skip: isScratch})
	}
	if s.File != "" {
		roots = append(roots, backup.Root{Name: rootConfig, Path: s.File})
	}
	for i, folder := range s.Backup.Folders {
		roots = append(roots, backup.Root{Name: rootFolder + strconv.Itoa(i+1), Path: folder, Skip: skip})
	}
	return roots
}

// notInBackup tells what of the data directories is copied in another way, or is of no use
// in another place.
func (s Settings) notInBackup(dir string) func(path string) bool {
	var out []string
	for _, p := range []string{s.Database.Path, s.Database.Path + "-wal", s.Database.Path + "-shm", s.Tracker.JournalDir, s.Backup.Directory, dir} {
		if p != "" {
			out = append(out, absolute(p))
		}
	}
	return func(path string) bool {
		name := filepath.Base(path)
		return slices.Contains(out, path) || isScratch(path) || name == "lock" || name == "uploads" // the site's, unfinished
	}
}

// isScratch tells of files that are just being written.
func isScratch(path string) bool { return strings.HasPrefix(filepath.Base(path), ".new-") }

// isInside reports whether path is dir or below it.
func isInside(path, dir string) bool {
	rel, err := filepath.Rel(absolute(dir), absolute(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// heldJournal is a tracker's journal for package backup.
type heldJournal struct{ *tracker.HeldJournal }

// Files implements backup.Journal.
func (h heldJournal) Files() (files []backup.JournalFile, err error) {
	copies, err := h.HeldJournal.Files()
	for _, c := range copies {
		files = append(files, backup.JournalFile(c))
	}
	return files, err
}

func holdJournal(dir string) (backup.Journal, error) {
	held, err := tracker.HoldJournal(dir)
	if err != nil || held == nil {
		return nil, err
	}
	return heldJournal{held}, nil
}
