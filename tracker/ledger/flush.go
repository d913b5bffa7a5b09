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

// A transaction writes the rows of as many shards as have maxBatch rows together:
// the more there are, the fewer sums of torrents are written with them. A batch that
// failed is split in two, down to smallBatch, because a slow database may not manage
// all of it in one try.
const (
	maxBatch   = 1 << 16
	smallBatch = 1 << 13
)

// batch is what one transaction writes: all rows of some shards, and the marks of
// these shards. It stays the same from try to try, unless it is split.
type batch struct {
	upto     uint64 // the position to which it sets the marks
	shards   []int
	rows     []*row  // of these shards, sorted by member and torrent
	sorter   *sorter // holds the rows
	counts   []Count
	snatched map[core.TorrentID]int64 // found by the last try
}

// Flush writes everything that was recorded before it was called, batch after batch,
// so that few rows are in memory besides those that are being merged. After an error
// the next call tries the same batch again before it takes another; until then new
// entries are merged in the buffers. It does no harm if a try that seemed to fail
// was committed after all.
func (b *Book) Flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.writePending(ctx); err != nil {
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
		if err := b.writePending(ctx); err != nil {
			return err
		}
	}
	b.flushedUntil.Store(now.UnixMilli())
	b.clearFlushEarly()
	select {
	case <-b.firstFlush:
	default:
		close(b.firstFlush)
	}
	if err := b.forget(); err != nil {
		b.o.Log.Error("the journal can't be shortened", "err", err)
	}
	return nil
}

// FirstFlush returns a channel that is closed once everything from before the start
// is in the database.
func (b *Book) FirstFlush() <-chan struct{} { return b.firstFlush }

func (b *Book) writePending(ctx context.Context) error {
	for len(b.pending) > 0 {
		w := b.pending[0]
		if err := b.write(ctx, w); err != nil {
			b.failures.Add(1)
			if len(w.shards) > 1 && len(w.rows) > smallBatch {
				b.pending = slices.Replace(b.pending, 0, 1, w.split()...)
			}
			return fmt.Errorf("write transfer sums: %w", err)
		}
		b.finish(w)
		b.pending = b.pending[1:]
	}
	return nil
}

// take empties the buffers of one or more shards, beginning at from, into a new
// batch, and returns the shard to go on with. No other batch may be pending.
func (b *Book) take(from int, counts []Count) (next int) {
	w := &batch{counts: counts, sorter: &b.sorter}
	var taken [shards]buffer
	n, oldest := 0, uint64(math.MaxUint64)
	b.recording.Lock()
	w.upto = b.journal.Appended()
	for next = from; next < shards; next++ {
		buf := &b.shards[next].buffer
		if next > from && b.mergeRatio*float64(n+buf.rows) > maxBatch {
			break
		}
		w.shards, n, oldest = append(w.shards, next), n+buf.rows, min(oldest, b.marks[next])
		if buf.full {
			b.fullBuffers.Add(-1)
		}
		taken[next], *buf = *buf, buffer{compactAt: compactFrom}
	}
	b.recording.Unlock()
	b.sorter.reset()
	for i := from; i < next; i++ {
		taken[i].mergeInto(&b.sorter.rowTable)
		b.chunks.put(taken[i].chunks)
	}
	w.rows = b.sorter.sorted()
	b.rows.Add(int64(len(w.rows) - n))
	b.mergeRatio = 1
	if n > smallBatch {
		b.mergeRatio = float64(len(w.rows)) / float64(n)
	}
	if w.upto > oldest || len(counts) > 0 {
		b.pending = append(b.pending, w)
	}
	return next
}

// sorter merges the rows of a batch and sorts them. It is reused, because garbage in
// large pieces makes the heap grow by a multiple of its size.
type sorter struct {
	rowTable
	order []keyedRow
	list  []*row
	sums  []sum
}

// reset makes room for the next batch. Memory that only an unusually large batch
// needed is given back.
func (d *sorter) reset() {
	if cap(d.rows) > 2*maxBatch {
		*d = sorter{rowTable: *newRowTable()}
	}
	d.rowTable.reset()
}

// keyedRow is the index of a row next to the row's key, so that sorting need not
// look at the rows.
type keyedRow struct {
	key
	index int
}

// sorted returns the rows in the order of their primary key. So the database writes
// page after page, and several trackers lock rows in the same order.
func (d *sorter) sorted() []*row {
	n := len(d.rows)
	d.order, d.list = slices.Grow(d.order[:0], n), slices.Grow(d.list[:0], n)
	for i := range d.rows {
		d.order = append(d.order, keyedRow{d.rows[i].key, i})
	}
	slices.SortFunc(d.order, func(a, b keyedRow) int {
		if a.member != b.member {
			return cmp.Compare(a.member, b.member)
		}
		return cmp.Compare(a.torrent, b.torrent)
	})
	for _, o := range d.order {
		d.list = append(d.list, &d.rows[o.index])
	}
	return d.list
}

// split returns two batches that together do the same. If the whole was committed
// after all, each of them finds its marks moved.
func (w *batch) split() []*batch {
	h := len(w.shards) / 2
	halves := []*batch{
		{upto: w.upto, shards: w.shards[:h], sorter: w.sorter, counts: w.counts, snatched: w.snatched},
		{upto: w.upto, shards: w.shards[h:], sorter: w.sorter},
	}
	for _, r := range w.rows {
		half := halves[1]
		if shardOf(r.member) < half.shards[0] {
			half = halves[0]
		}
		half.rows = append(half.rows, r)
	}
	return halves
}

func (b *Book) finish(w *batch) {
	for _, i := range w.shards {
		b.marks[i] = w.upto
	}
	// Each transaction has found the mark that was there as it should be: so the database
	// had everything before, in all shards, when the last of them was moved.
	if position := slices.Min(b.marks[:]); position > b.flushedPosition.Swap(position) {
		b.provenAt.Store(b.o.Clock().UnixNano())
	}
	for id, n := range w.snatched {
		b.addSnatches(id, n)
	}
	b.rows.Add(-int64(len(w.rows)))
}

// clearFlushEarly withdraws the request to flush early once every buffer that was
// full has been written.
func (b *Book) clearFlushEarly() {
	if b.fullBuffers.Load() > 0 {
		return
	}
	select {
	case <-b.flushEarly:
	default:
	}
}

// marksMismatch is the error when the database has other marks than this book.
type marksMismatch struct{ marks [shards]uint64 }

func (e *marksMismatch) Error() string {
	return "the marks in the database are not where this tracker has left them"
}

// write applies w in one transaction, unless its marks say that this was done.
func (b *Book) write(ctx context.Context, w *batch) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	if err := b.syncUpTo(w.upto); err != nil {
		return err
	}
	err := b.db.Tx(ctx, func(tx *db.Tx) error {
		if err := b.writeOnce(ctx, tx, w); err != nil {
			return err
		}
		return b.writeCounts(ctx, tx, w.counts)
	})
	if other := (*marksMismatch)(nil); errors.As(err, &other) {
		if err := b.rebuild(w, &other.marks); err != nil {
			return err
		}
		return b.write(ctx, w)
	}
	return err
}

// syncUpTo makes sure that the journal is on the disk up to a position: the database
// must not hold anything that the journal could lose in a power failure.
func (b *Book) syncUpTo(upto uint64) error {
	if b.journal.Stats().Durable >= upto {
		return nil
	}
	if err := b.journal.Sync(); err != nil && b.journal.Stats().Durable < upto {
		return err
	}
	return nil
}

// writeOnce moves the marks and applies w, or does nothing if a commit that seemed
// to fail has done so already. The marks are locked until the transaction ends, so
// that nobody else can move them meanwhile.
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
		return &marksMismatch{got}
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

// rebuild makes the batch again from the journal, starting from the marks that the
// database has: it has lost what it had committed, or an older copy was put back.
// Marks ahead of ours were written by another tracker.
func (b *Book) rebuild(w *batch, marks *[shards]uint64) error {
	least := w.upto
	for _, i := range w.shards {
		if marks[i] > b.marks[i] {
			return core.Errorf(core.Conflict, "the mark of ledger %s is at %d, but this tracker has left it at %d: another tracker writes under the same name",
				b.markName(i), marks[i], b.marks[i])
		}
		least = min(least, marks[i])
	}
	b.settled.forget()
	b.o.Log.Warn("the database has lost what it had committed; it is written again from the journal", "from", least, "upto", w.upto)
	var ours [shards]bool
	for _, i := range w.shards {
		ours[i] = true
	}
	rebuilt := &sorter{rowTable: *newRowTable()} // not w's, which the other half of a split batch may use
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
			r := newRow(&e)
			rebuilt.add(&r)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnd) {
		return err
	}
	for _, i := range w.shards {
		b.marks[i] = marks[i]
	}
	before := len(w.rows)
	*w = batch{upto: w.upto, shards: w.shards, rows: rebuilt.sorted(), sorter: rebuilt, counts: w.counts}
	b.rows.Add(int64(len(w.rows) - before))
	return nil
}
