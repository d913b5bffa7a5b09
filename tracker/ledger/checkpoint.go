package ledger

import (
	"context"
	"io"
	"math"
	"sync/atomic"
	"time"

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
	for sleep(ctx, time.Second) {
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
	return b.journal.RemoveUpTo(min(b.flushed.Load(), b.saved.oldest.Load(), math.MaxInt64))
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
