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

// manyRecords is the number of records after which a checkpoint is due before its
// time. Replaying as many takes about a second.
const manyRecords = 2_000_000

// checkpointState is what the book knows of its checkpoints.
type checkpointState struct {
	at       atomic.Int64  // Unix milliseconds
	took     atomic.Int64  // nanoseconds
	position atomic.Uint64 // of the last one
	oldest   atomic.Uint64 // of those on the disk; the journal must keep everything after it
}

// keepCheckpointing writes a checkpoint every Options.CheckpointEvery, or earlier if
// the journal has grown long.
func (b *Book) keepCheckpointing(ctx context.Context) error {
	retryAt := time.Time{}
	for core.Sleep(ctx, time.Second) {
		now, fresh := b.o.Clock(), b.journal.Appended()-b.checkpoints.position.Load()
		due := fresh > manyRecords || fresh > 0 && now.Sub(time.UnixMilli(b.checkpoints.at.Load())) >= b.o.CheckpointEvery
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

// Checkpoint writes a snapshot of the swarms while announces go on, and removes what
// the journal need not keep any more. Only one may be written at a time.
func (b *Book) Checkpoint(ctx context.Context) error {
	begun := time.Now()
	position := b.journal.Appended()
	oldest, err := checkpoint.Write(b.o.Dir, position, func(w io.Writer) error {
		if err := b.o.Swarms.Snapshot(contextWriter{ctx, w}, b.journal.Appended); err != nil {
			return err
		}
		// The journal must last as long as the snapshot does: otherwise counters
		// could be restored that no record credits.
		return b.journal.Sync()
	})
	if err != nil {
		return err
	}
	b.checkpoints.took.Store(int64(time.Since(begun)))
	b.checkpoints.at.Store(b.o.Clock().UnixMilli())
	b.checkpoints.position.Store(position)
	b.checkpoints.oldest.Store(oldest)
	return b.forget()
}

// forget removes what neither the database nor a checkpoint needs.
func (b *Book) forget() error {
	lasting := b.settled.advance(b.flushedPosition.Load(), time.Unix(0, b.provenAt.Load()))
	return b.journal.RemoveUpTo(min(lasting, b.checkpoints.oldest.Load(), math.MaxInt64))
}

// settleTime is how long a database must have been there after the commit of sums before
// the journal forgets their records. One whose server or machine dies may lose its last
// seconds, depending on how it writes its log (MariaDB's innodb_flush_log_at_trx_commit);
// the time for which it is away settles nothing.
const settleTime = 15 * time.Second

// settledMark is the position up to which the database has had everything for at
// least settleTime. The zero value is none.
type settledMark struct {
	mu    sync.Mutex
	old   uint64 // has settled
	young uint64 // is in the database since then, and has not settled yet
	since time.Time
}

// advance notes the position that the database has reached, and now, when it was last seen
// to have everything. It returns the position that has settled.
func (l *settledMark) advance(flushed uint64, now time.Time) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		l.young, l.since = flushed, now
	}
	if now.Sub(l.since) >= settleTime {
		l.old, l.young, l.since = l.young, flushed, now
	}
	return l.old
}

// forget is for a database that has lost something: nothing newer has settled.
func (l *settledMark) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.young, l.since = l.old, time.Time{}
}

// contextWriter is a writer that fails once ctx has ended.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (u contextWriter) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}
