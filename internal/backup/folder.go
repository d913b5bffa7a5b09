package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// nameForm is the name of a backup's folder, in UTC.
const nameForm = "2006-01-02T150405Z"

// What folders are called that are no backups yet, or any more.
const (
	unfinishedPrefix = ".unfinished-"
	removingPrefix   = ".removing-"
)

// lock keeps others from making and removing backups in dir, which is made where it is
// missing.
func lock(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for backups: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the folder for backups: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(core.Errorf(core.Conflict, "another backup is being made in %s; try again when it is done", dir), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives up the lock; nothing was written
}

// clearUnfinished removes what was interrupted.
func clearUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinishedPrefix) || strings.HasPrefix(e.Name(), removingPrefix) {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// list returns the times of the backups in dir, newest first.
func list(dir string) ([]time.Time, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []time.Time
	for _, e := range entries {
		at, err := time.Parse(nameForm, e.Name())
		if err != nil || !e.IsDir() || at.Format(nameForm) != e.Name() {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, e.Name(), labelName)); err != nil {
			continue // it is something else
		}
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b time.Time) int { return b.Compare(a) })
	return all, nil
}

// kept returns those of all backups, newest first, that are kept: the last of each of so
// many days on which one was made, and the last of each of so many weeks (ISO 8601). The
// newest is always one of them.
func kept(all []time.Time, days, weeks int) []time.Time {
	var keep []time.Time
	seenDays, seenWeeks := map[string]bool{}, map[string]bool{}
	for _, at := range all {
		year, week := at.ISOWeek()
		day, inWeek := at.Format(time.DateOnly), fmt.Sprint(year, week)
		wanted := false
		if !seenDays[day] && len(seenDays) < days {
			seenDays[day], wanted = true, true
		}
		if !seenWeeks[inWeek] && len(seenWeeks) < weeks {
			seenWeeks[inWeek], wanted = true, true
		}
		if wanted || len(keep) == 0 {
			keep = append(keep, at)
		}
	}
	return keep
}

// Rotate removes the backups of dir that are not to be kept, and returns their names.
func Rotate(dir string, c Config) (removed []string, err error) {
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	all, err := list(dir)
	if err != nil {
		return nil, err
	}
	keep := kept(all, c.KeepDaily, c.KeepWeekly)
	for _, at := range all {
		if slices.Contains(keep, at) {
			continue
		}
		name := at.Format(nameForm)
		going := filepath.Join(dir, removingPrefix+name) // a part of it must not look like a backup
		if err := os.Rename(filepath.Join(dir, name), going); err != nil {
			return removed, err
		}
		if err := os.RemoveAll(going); err != nil {
			return removed, err
		}
		removed = append(removed, name)
	}
	return removed, nil
}

func freeSpace(dir string) (core.Bytes, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return core.Bytes(st.Bavail) * core.Bytes(st.Bsize), nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
