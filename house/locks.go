package house

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// lockDataDir makes sure that one process at a time uses an embedded database.
// The lock ends with the process, however it ends.
func lockDataDir(s Settings) (func(), error) {
	if s.Database.Engine != db.SQLite {
		return func() {}, os.MkdirAll(s.House.DataDir, 0o750)
	}
	if err := os.MkdirAll(s.House.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(s.House.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(core.Errorf(core.Conflict, "another caduceus uses %s already; stop it first (commands reach it through: caduceus do …)", s.House.DataDir), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives up the lock; nothing was written
}
