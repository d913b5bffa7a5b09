package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// A transaction has the rows of as many shards as come to maxBatch: the sums of
// torrents are then few beside them. One that was not written is cut in two, down to
// smallBatch, as a database that is slow may not manage the whole within a try.
const (
	maxBatch   = 1 << 16
	smallBatch = 1 << 13
)

// batch is what one transaction writes: all rows of some shards, and their marks.
// It does not change between tries, but for being cut in two.
type batch struct {
	upto     uint64 // the marks that it sets
	shards   []int
	sheets   []*sheet // of these shards
	rows     []*row   // in them, by member and torrent
	counts   []Count
	snatched map[core.TorrentID]int64 // found by the last try
}

// Flush writes everything that was recorded before it was called, a batch after the
// other, so that few rows are in memory beside those that are being merged. After
// an error the same batch is tried again by the next call, before anything else is
// taken: until then new entries go on being merged. It makes no difference
// whether a failed try was in truth committed.
func (b *Book) Flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.writeTaken(ctx); err != nil {
		return err
	}
	now := b.o.Clock()
	var counts []Count
	if b.o.Counts != nil {
		counts = b.o.Counts()
		slices.SortFunc(counts, func(a, b Count) int { return cmp.Compare(a.Torrent, b.Torrent) })
	}
	for from := 0; from < shards; counts = nil {
		from = b.take(from, counts)
		if err := b.writeTaken(ctx); err != nil {
			return err
		}
	}
	b.clean.Store(now.UnixMilli())
	b.settle()
	select {
	case <-b.first:
	default:
		close(b.first)
	}
	if err := b.forget(); err != nil {
		b.o.Log.Error("the journal can't be shortened", "err", err)
	}
	return nil
}

// FirstFlush returns a channel that is closed once everything from before the start
// is in the database.
func (b *Book) FirstFlush() <-chan struct{} { return b.first }

func (b *Book) writeTaken(ctx context.Context) error {
	for len(b.taken) > 0 {
		w := b.taken[0]
		if err := b.write(ctx, w); err != nil {
			b.failures.Add(1)
			if len(w.shards) > 1 && len(w.rows) > smallBatch {
				b.taken = slices.Replace(b.taken, 0, 1, w.halves()...)
			}
			return fmt.Errorf("write transfer sums: %w", err)
		}
		b.finish(w)
		b.taken = b.taken[1:]
	}
	return nil
}

// take moves what is pending of one shard or more, from one on, into a batch, and
// returns the shard that is next. Nothing may be waiting.
func (b *Book) take(from int, counts []Count) (next int) {
	w := &batch{counts: counts}
	n, old := 0, uint64(math.MaxUint64)
	b.cut.Lock()
	w.upto = b.journal.Appended()
	for next = from; next < shards && (next == from || n+len(b.shards[next].open.rows) <= maxBatch); next++ {
		s := b.shards[next].open
		b.shards[next].open = b.blank()
		w.shards, w.sheets = append(w.shards, next), append(w.sheets, s)
		n, old = n+len(s.rows), min(old, b.marks[next])
	}
	b.open.Add(-int64(n))
	b.cut.Unlock()
	if w.upto == old && len(counts) == 0 {
		b.recycle(w.sheets)
		return next
	}
	w.sort()
	b.taken = append(b.taken, w)
	return next
}

// blank returns an empty sheet. It is called with cut held for writing.
func (b *Book) blank() *sheet {
	n := len(b.spare)
	if n == 0 {
		return newSheet()
	}
	s := b.spare[n-1]
	b.spare = b.spare[:n-1]
	return s
}

// sort puts the rows into the order of their primary key: the database writes page
// after page, and several trackers lock rows in the same order.
func (w *batch) sort() {
	n := 0
	for _, s := range w.sheets {
		n += len(s.rows)
	}
	type placed struct { // beside its key, which is compared again and again
		key
		row *row
	}
	order := make([]placed, 0, n)
	for _, s := range w.sheets {
		for i := range s.rows {
			order = append(order, placed{s.rows[i].key, &s.rows[i]})
		}
	}
	slices.SortFunc(order, func(a, b placed) int {
		if a.member != b.member {
			return cmp.Compare(a.member, b.member)
		}
		return cmp.Compare(a.torrent, b.torrent)
	})
	w.rows = make([]*row, n)
	for i := range order {
		w.rows[i] = order[i].row
	}
}

// halves are two batches that do the same. When the whole was in truth committed,
// each finds its marks moved.
func (w *batch) halves() []*batch {
	h := len(w.shards) / 2
	both := []*batch{
		{upto: w.upto, shards: w.shards[:h], sheets: w.sheets[:h], counts: w.counts, snatched: w.snatched},
		{upto: w.upto, shards: w.shards[h:], sheets: w.sheets[h:]},
	}
	for _, half := range both {
		half.sort()
	}
	return both
}

func (b *Book) finish(w *batch) {
	for _, i := range w.shards {
		b.marks[i] = w.upto
	}
	b.flushed.Store(slices.Min(b.marks[:]))
	for id, n := range w.snatched {
		b.snatches.Store(id, b.Snatches(id)+n)
	}
	b.rows.Add(-int64(len(w.rows)))
	b.recycle(w.sheets)
}

// recycle keeps sheets for whatever shard needs them next, so that recording
// allocates nothing. Very large ones are given up.
func (b *Book) recycle(sheets []*sheet) {
	const large = 1 << 13
	b.cut.Lock()
	defer b.cut.Unlock()
	for _, s := range sheets {
		if len(s.rows) > large || len(b.spare) == shards {
			continue
		}
		s.empty()
		b.spare = append(b.spare, s)
	}
}

// settle takes back that it is time to flush early, which merging may have said
// while the flush was going on.
func (b *Book) settle() {
	if b.open.Load() >= enoughRows {
		return
	}
	select {
	case <-b.many:
	default:
	}
}

// markedOtherwise says that the marks of a batch are not what they should be.
type markedOtherwise struct{ marks [shards]uint64 }

func (e *markedOtherwise) Error() string {
	return "the marks in the database are not where this tracker has left them"
}

// write applies w in one transaction, unless its marks say that this was done.
func (b *Book) write(ctx context.Context, w *batch) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	if err := b.secure(w.upto); err != nil {
		return err
	}
	err := b.db.Tx(ctx, func(tx *db.Tx) error {
		if err := b.writeOnce(ctx, tx, w); err != nil {
			return err
		}
		return b.writeCounts(ctx, tx, w.counts)
	})
	if other := (*markedOtherwise)(nil); errors.As(err, &other) {
		if err := b.rebuild(w, &other.marks); err != nil {
			return err
		}
		return b.write(ctx, w)
	}
	return err
}

// secure makes sure that the journal is on the disk up to a position: the database
// must not know of anything that a power failure could take from the journal.
func (b *Book) secure(upto uint64) error {
	if b.journal.Stats().Durable >= upto {
		return nil
	}
	if err := b.journal.Sync(); err != nil && b.journal.Stats().Durable < upto {
		return err
	}
	return nil
}

// writeOnce moves the marks and applies w, or does nothing when a commit that
// seemed to fail has moved them already. They are locked until the transaction
// ends, so nobody can move them in between.
func (b *Book) writeOnce(ctx context.Context, tx *db.Tx, w *batch) error {
	where, args := b.marksOf(w.shards)
	if err := tx.Lock(ctx, "ledger_mark", where, args...); err != nil {
		return err
	}
	marks, err := readMarks(ctx, tx, where, args)
	if err != nil {
		return err
	}
	var got [shards]uint64
	done, expected := true, true
	for _, i := range w.shards {
		got[i] = marks[b.markName(i)]
		done, expected = done && got[i] == w.upto, expected && got[i] == b.marks[i]
	}
	switch {
	case done:
		return nil
	case !expected:
		return &markedOtherwise{got}
	}
	rows := make([][]any, len(w.shards))
	now := b.o.Clock().Unix()
	for n, i := range w.shards {
		rows[n] = []any{b.markName(i), int64(w.upto), now}
	}
	if err := tx.Upsert(ctx, db.UpsertSpec{Table: "ledger_mark", Key: []string{"ledger"}, Set: []string{"position", "updated_at"}}, rows...); err != nil {
		return err
	}
	return w.apply(ctx, tx)
}

// rebuild makes the batch anew from the journal, for marks other than ours: a
// database has lost what it had committed, or has gone back to a copy. Marks that
// are ahead of ours are somebody else's.
func (b *Book) rebuild(w *batch, marks *[shards]uint64) error {
	least := w.upto
	for _, i := range w.shards {
		if marks[i] > b.marks[i] {
			return core.Errorf(core.Conflict, "the mark of ledger %s is at %d, but this tracker has left it at %d: another tracker writes under the same name",
				b.markName(i), marks[i], b.marks[i])
		}
		least = min(least, marks[i])
	}
	b.o.Log.Warn("the database has lost what it had committed; it is written again from the journal", "from", least, "upto", w.upto)
	in := map[int]*sheet{}
	for _, i := range w.shards {
		in[i] = newSheet()
	}
	oldest := b.journal.Oldest()
	if least+1 < oldest {
		b.o.Log.Error("not all of that is in the journal any more; what lies between is lost to the database", "from", least, "oldest", oldest)
	}
	errEnd := errors.New("the end of the batch")
	err := b.journal.Replay(max(least, oldest-1), func(pos uint64, rec []byte) error {
		if pos > w.upto {
			return errEnd
		}
		e, err := decode(rec)
		if err != nil {
			return err
		}
		if s := in[shardOf(e.Member)]; s != nil && !e.Move && pos > marks[shardOf(e.Member)] {
			s.merge(&e)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnd) {
		return err
	}
	made := &batch{upto: w.upto, shards: w.shards, counts: w.counts}
	for _, i := range w.shards {
		made.sheets = append(made.sheets, in[i])
		b.marks[i] = marks[i]
	}
	made.sort()
	b.rows.Add(int64(len(made.rows) - len(w.rows)))
	*w = *made
	return nil
}
