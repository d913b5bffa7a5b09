package ledger

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/tracker/journal"
	"github.com/caduceus-bio/caduceus/tracker/journal/checkpoint"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// Open opens the books and restores them and the swarms to the state in which the last
// run ended, however it ended. Close the book, or let Run do it.
func Open(ctx context.Context, d *db.DB, o Options) (_ *Book, err error) {
	b := makeBook(d, o)
	if err := b.load(ctx); err != nil {
		return nil, err
	}
	if b.journal, err = b.openJournal(0); err != nil {
		return nil, err
	}
	if err := b.recover(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func makeBook(d *db.DB, o Options) *Book {
	b := &Book{db: d, o: o, firstFlush: make(chan struct{}), space: spaceOf, flushEarly: make(chan struct{}, 1), logLimit: rate.Sometimes{Interval: time.Minute}}
	for i := range b.shards {
		b.shards[i].compactAt = compactFrom
	}
	b.compacting.rowTable, b.sorter.rowTable, b.mergeRatio = *newRowTable(), *newRowTable(), 1
	now := o.Clock().UnixMilli()
	b.flushedUntil.Store(now)
	b.checkpoints.at.Store(now)
	return b
}

func (b *Book) openJournal(after uint64) (*journal.Journal, error) {
	return journal.Open(b.o.Dir, journal.Options{Sync: b.o.Sync, SyncEvery: b.o.SyncEvery, After: after, Keep: true})
}

// recover restores the last checkpoint and replays the journal.
func (b *Book) recover() error {
	begun := time.Now()
	if r := b.journal.Recovery(); r.File != "" {
		b.o.Log.Info("the end of the journal was cut: it was being written when the last run ended", "file", r.File, "bytes", r.Bytes, "groups", r.Groups)
	}
	held, found, err := b.restore()
	if err != nil {
		return err
	}
	end, oldest := b.journal.Position(), b.journal.Oldest()
	written := slices.Max(b.marks[:])
	whole := true // the journal goes back to the checkpoint and reaches as far as everything else
	switch high := max(written, held.Most()); {
	case high > end:
		whole = false
		b.o.Log.Error("the journal ends before what is known to have been recorded: its disk was lost, an old copy was put back, or this is another folder. "+
			"The swarms start empty, and each client is counted from its next announce; transfer that is neither in the journal nor in the database is lost",
			"dir", b.o.Dir, "journal", end, "database", written, "checkpoint", held.Most())
		if err := b.journal.Close(); err != nil {
			return err
		}
		if b.journal, err = b.openJournal(high); err != nil {
			b.closing.Do(func() {}) // the journal is closed already
			return err
		}
		oldest = b.journal.Oldest()
	case found && held.Least()+1 < oldest, !found && oldest > 1:
		whole = false
		b.o.Log.Error("the journal does not reach back to the last good checkpoint; clients that it does not mention are counted from their next announce",
			"dir", b.o.Dir, "oldest", oldest, "checkpoint", held.Least())
	}
	if !whole {
		// Old counters would credit again what is in the database.
		if err := checkpoint.Discard(b.o.Dir); err != nil {
			return err
		}
		b.o.Swarms.Clear()
		held, found = swarm.Positions{}, false
	}
	if least := slices.Min(b.marks[:]); least+1 < oldest && whole {
		b.o.Log.Error("the database ends before the journal begins, as if it was restored from an old backup; the transfer in between is lost",
			"database", least, "oldest", oldest)
	}
	n, err := b.replay(held, oldest, end < written)
	if err != nil {
		return err
	}
	b.flushedPosition.Store(slices.Min(b.marks[:]))
	b.provenAt.Store(b.o.Clock().UnixNano())
	if !whole {
		// Whatever happens next, a start begins from here.
		if err := b.Checkpoint(context.Background()); err != nil {
			return err
		}
	}
	b.o.Log.Info("the books are open", "checkpoint", found, "replayed", n, "clients", b.o.Swarms.Totals(), "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// restore fills the swarms from the newest checkpoint that is not damaged.
func (b *Book) restore() (held swarm.Positions, found bool, err error) {
	snap, err := checkpoint.Open(b.o.Dir)
	if errors.Is(err, checkpoint.ErrNone) {
		return held, false, nil
	}
	if damage := (*checkpoint.DamagedError)(nil); errors.As(err, &damage) {
		b.o.Log.Error("no checkpoint can be read; the swarms are rebuilt from the journal alone", "err", err)
		return held, false, nil
	}
	if err != nil {
		return held, false, err
	}
	for _, d := range snap.Damaged {
		b.o.Log.Error("a checkpoint is damaged; the one before it is used", "err", d)
	}
	held, err = b.o.Swarms.Restore(snap)
	if err = errors.Join(err, snap.Close()); err != nil {
		// Its checksums are right, so another version of the program wrote it.
		b.o.Log.Error("the checkpoint can't be used; the swarms are rebuilt from the journal alone", "err", err)
		b.o.Swarms.Clear()
		return swarm.Positions{}, false, nil
	}
	b.checkpoints.position.Store(snap.Position)
	b.checkpoints.oldest.Store(snap.Position)
	return held, true, nil
}
