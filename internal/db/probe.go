package db

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/internal/core"
)

const (
	probeTime = 2 * time.Second // for one try
	probeKeep = 4 * time.Second // for which what it found counts
	lowSpace  = 16 * core.MiB   // less room on SQLite's disk is none: one upload may need as much
)

// Probe tells whether the database takes changes, by writing one. It writes a row of
// one process, however many ask: one try at a time, and one in probeKeep at most. It is
// safe for concurrent use.
type Probe struct {
	db    *DB
	name  string
	clock core.Clock

	mu     sync.Mutex
	trying chan struct{} // closed at the end of the try under way; nil without one
	begun  time.Time     // of that try, or else of the last one
	found  error
	known  bool // there has been a try
}

// NewProbe makes a probe. name, up to 64 letters of ASCII, is that of the process.
func NewProbe(d *DB, name string, clock core.Clock) *Probe {
	return &Probe{db: d, name: name, clock: clock}
}

// Look returns nil when a change was just taken, or why none was: see Diagnose. It
// waits for a try, and no longer than ctx and probeTime; a try that ctx leaves goes on
// for those who ask next.
func (p *Probe) Look(ctx context.Context) error {
	p.mu.Lock()
	if p.trying == nil {
		if age := p.clock().Sub(p.begun); p.known && age >= 0 && age < probeKeep {
			defer p.mu.Unlock()
			return p.found
		}
		return p.try(ctx)
	}
	trying, begun := p.trying, p.begun
	p.mu.Unlock()
	limit := time.NewTimer(probeTime)
	defer limit.Stop()
	select {
	case <-trying:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.found
	case <-limit.C:
	case <-ctx.Done():
	}
	return core.Wrap(fmt.Errorf("a try to write, begun %v ago, has not ended: %w", p.clock().Sub(begun).Round(time.Second), context.DeadlineExceeded),
		core.Unavailable, tooBusy)
}

// try makes one try. It is called with mu held, and gives it up.
func (p *Probe) try(ctx context.Context) error {
	done := make(chan struct{})
	p.trying, p.begun = done, p.clock()
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
	defer cancel()
	err := explain(p.write(ctx))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trying, p.found, p.known = nil, err, true
	close(done)
	return err
}

var probeSpec = UpsertSpec{Table: "write_probe", Key: []string{"name"}, Set: []string{"at"}, Add: []string{"tries"}}

func (p *Probe) write(ctx context.Context) error {
	if err := p.db.hasRoom(); err != nil {
		return err
	}
	return p.db.Tx(ctx, func(tx *Tx) error { // tries makes it a change, however often it is written
		return tx.Upsert(ctx, probeSpec, []any{p.name, p.clock().Unix(), 1})
	})
}

// hasRoom looks at the disk of an embedded database: a small change may find room in
// the files when a large one no longer does.
func (d *DB) hasRoom() error {
	if d.engine != SQLite {
		return nil
	}
	dir := filepath.Dir(d.config.Path)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	if free := core.Bytes(fs.Bavail) * core.Bytes(fs.Bsize); free < lowSpace {
		return fmt.Errorf("there are %v left on the disk of %s: %w", free, dir, syscall.ENOSPC)
	}
	return nil
}
