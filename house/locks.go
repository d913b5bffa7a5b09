package house

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// makeDataDir makes the data directory where there is none.
func makeDataDir(s Settings) error {
	mode := fs.FileMode(0o750)
	if s.Database.Engine == db.SQLite {
		mode = 0o700
	}
	if err := os.MkdirAll(s.House.DataDir, mode); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// lockDataDir makes sure that one process at a time uses an embedded database.
// The lock ends with the process, however it ends.
func lockDataDir(s Settings) (func(), error) {
	if s.Database.Engine != db.SQLite {
		return func() {}, nil
	}
	f, err := os.OpenFile(s.House.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(core.Errorf(core.Conflict, "another caduceus uses %s already: stop it first. If a command was to reach it, it is just starting or stopping: try again in a moment", s.House.DataDir), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives up the lock; nothing was written
}
