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
	rows     []*row // of these shards, by member and torrent
	desk     *desk  // where they lie
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
	w := &batch{counts: counts, desk: &b.desk}
	var piles [shards]pile
	slips, old := 0, uint64(math.MaxUint64)
	b.cut.Lock()
	w.upto = b.journal.Appended()
	for next = from; next < shards; next++ {
		p := &b.shards[next].pile
		if next > from && b.merged*float64(slips+p.slips) > maxBatch {
			break
		}
		w.shards, slips, old = append(w.shards, next), slips+p.slips, min(old, b.marks[next])
		if p.full {
			b.fulls.Add(-1)
		}
		piles[next], *p = *p, pile{limit: pressFrom}
	}
	b.cut.Unlock()
	b.desk.empty()
	for i := from; i < next; i++ {
		piles[i].into(&b.desk.sheet)
		b.spare.put(piles[i].leaves)
	}
	w.rows = b.desk.sorted()
	b.rows.Add(int64(len(w.rows) - slips))
	b.merged = 1
	if slips > smallBatch {
		b.merged = float64(len(w.rows)) / float64(slips)
	}
	if w.upto > old || len(counts) > 0 {
		b.taken = append(b.taken, w)
	}
	return next
}

// desk is where the rows of a batch are merged and put into order. It is used again,
// as large pieces of garbage cost a multiple of themselves.
type desk struct {
	sheet
	order []placed
	list  []*row
	sums  []sum
}

// empty makes room for others. What an unusual lot took is not kept.
func (d *desk) empty() {
	if cap(d.rows) > 2*maxBatch {
		*d = desk{sheet: *newSheet()}
	}
	d.sheet.empty()
}

// placed is a row beside its key, which is compared again and again.
type placed struct {
	key
	place int
}

// sorted returns the rows in the order of their primary key: the database writes page
// after page, and several trackers lock rows in the same order.
func (d *desk) sorted() []*row {
	n := len(d.rows)
	d.order, d.list = slices.Grow(d.order[:0], n), slices.Grow(d.list[:0], n)
	for i := range d.rows {
		d.order = append(d.order, placed{d.rows[i].key, i})
	}
	slices.SortFunc(d.order, func(a, b placed) int {
		if a.member != b.member {
			return cmp.Compare(a.member, b.member)
		}
		return cmp.Compare(a.torrent, b.torrent)
	})
	for _, o := range d.order {
		d.list = append(d.list, &d.rows[o.place])
	}
	return d.list
}

// halves are two batches that do the same. When the whole was in truth committed,
// each finds its marks moved.
func (w *batch) halves() []*batch {
	h := len(w.shards) / 2
	both := []*batch{
		{upto: w.upto, shards: w.shards[:h], desk: w.desk, counts: w.counts, snatched: w.snatched},
		{upto: w.upto, shards: w.shards[h:], desk: w.desk},
	}
	for _, r := range w.rows {
		half := both[1]
		if shardOf(r.member) < half.shards[0] {
			half = both[0]
		}
		half.rows = append(half.rows, r)
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
}

// settle takes back that it is time to flush early when all that was full has been
// written.
func (b *Book) settle() {
	if b.fulls.Load() > 0 {
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
	var ours [shards]bool
	for _, i := range w.shards {
		ours[i] = true
	}
	made := &desk{sheet: *newSheet()} // halves of a batch share theirs
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
		if i := shardOf(e.Member); ours[i] && !e.Move && pos > marks[i] {
			r := rowOf(&e)
			made.add(&r)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnd) {
		return err
	}
	for _, i := range w.shards {
		b.marks[i] = marks[i]
	}
	was := len(w.rows)
	*w = batch{upto: w.upto, shards: w.shards, rows: made.sorted(), desk: made, counts: w.counts}
	b.rows.Add(int64(len(w.rows) - was))
	return nil
}
