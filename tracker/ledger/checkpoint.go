package ledger

import (
	"context"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/journal/checkpoint"
)

// manyRecords is after how many records a checkpoint is due before its time: so
// many are replayed in about a second.
const manyRecords = 2_000_000

// savedState is what is known of checkpoints.
type savedState struct {
	at       atomic.Int64  // Unix milliseconds
	took     atomic.Int64  // nanoseconds
	position atomic.Uint64 // of the last
	oldest   atomic.Uint64 // of those that are kept; what the journal holds after it is needed
}

// keepSaving writes a checkpoint every Options.CheckpointEvery, or when the journal
// has grown long.
func (b *Book) keepSaving(ctx context.Context) error {
	retryAt := time.Time{}
	for core.Sleep(ctx, time.Second) {
		now, fresh := b.o.Clock(), b.journal.Appended()-b.saved.position.Load()
		due := fresh > manyRecords || fresh > 0 && now.Sub(time.UnixMilli(b.saved.at.Load())) >= b.o.CheckpointEvery
		if !due || now.Before(retryAt) || b.journal.Stats().Trouble != nil {
			continue
		}
		if err := b.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			retryAt = now.Add(time.Minute)
			b.o.Log.Error("no checkpoint of the swarms could be written; the next start takes longer", "err", err)
		}
	}
	return nil
}

// Checkpoint writes a snapshot of the swarms while announces go on, and removes
// what the journal need not hold any more. One at a time may be written.
func (b *Book) Checkpoint(ctx context.Context) error {
	begun := time.Now()
	position := b.journal.Appended()
	oldest, err := checkpoint.Write(b.o.Dir, position, func(w io.Writer) error {
		if err := b.o.Swarms.Snapshot(until{ctx, w}, b.journal.Appended); err != nil {
			return err
		}
		// Nothing that the snapshot holds may be lost while the snapshot is not:
		// else credit would be counted that no journal tells of.
		return b.journal.Sync()
	})
	if err != nil {
		return err
	}
	b.saved.took.Store(int64(time.Since(begun)))
	b.saved.at.Store(b.o.Clock().UnixMilli())
	b.saved.position.Store(position)
	b.saved.oldest.Store(oldest)
	return b.forget()
}

// forget removes what neither the database nor a checkpoint needs.
func (b *Book) forget() error {
	lasting := b.lasting.upto(b.flushed.Load(), b.o.Clock())
	return b.journal.RemoveUpTo(min(lasting, b.saved.oldest.Load(), math.MaxInt64))
}

// lastsAfter is how long after a commit the journal still holds what it told, at
// least: a database whose server or machine dies may have forgotten its last
// seconds, depending on how it writes its log (MariaDB's innodb_flush_log_at_trx_commit).
const lastsAfter = 15 * time.Second

// lasting knows up to where the database not only has everything, but has had it
// for some time. The zero value knows of nothing.
type lasting struct {
	mu    sync.Mutex
	old   uint64 // has lasted
	young uint64 // is waited for since
	since time.Time
}

// upto notes what the database has now, and returns what it has had for lastsAfter.
func (l *lasting) upto(flushed uint64, now time.Time) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		l.young, l.since = flushed, now
	}
	if now.Sub(l.since) >= lastsAfter {
		l.old, l.young, l.since = l.young, flushed, now
	}
	return l.old
}

// until is a writer that fails when ctx has ended.
type until struct {
	ctx context.Context
	w   io.Writer
}

func (u until) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}
