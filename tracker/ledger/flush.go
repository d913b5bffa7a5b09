package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// maxBatch is how many rows a transaction is to have: shards are put together up
// to there.
const maxBatch = 10_000

// batch is what one transaction writes: all rows of some shards, and their marks.
// It does not change between tries.
type batch struct {
	upto     uint64 // the marks that it sets
	shards   []int
	sheets   []*sheet // of these shards
	rows     []*row   // in them, in the order in which they are written
	counts   []Count
	snatched map[core.TorrentID]int64 // found by the last try
}

// Flush writes everything that was recorded before it was called. After an error
// the same batches are tried again by the next call, before anything else is
// taken: until then new entries go on being merged. It makes no difference
// whether a failed try was in truth committed.
func (b *Book) Flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.writeTaken(ctx); err != nil {
		return err
	}
	now := b.o.Clock()
	b.take()
	if err := b.writeTaken(ctx); err != nil {
		return err
	}
	b.clean.Store(now.UnixMilli())
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
			return fmt.Errorf("write transfer sums: %w", err)
		}
		b.finish(w)
		b.taken = b.taken[1:]
	}
	return nil
}

// take moves what is pending into batches. Nothing may be waiting.
func (b *Book) take() {
	var counts []Count
	if b.o.Counts != nil {
		counts = b.o.Counts()
		slices.SortFunc(counts, func(a, b Count) int { return cmp.Compare(a.Torrent, b.Torrent) })
	}
	var sheets [shards]*sheet
	b.cut.Lock()
	upto := b.journal.Appended()
	b.open.Store(0)
	for i := range b.shards {
		sheets[i] = b.shards[i].turn()
	}
	b.cut.Unlock()
	if upto == slices.Min(b.marks[:]) && len(counts) == 0 {
		b.recycle(sheets[:])
		return
	}
	w := &batch{upto: upto}
	for i, s := range sheets {
		if len(w.rows) > 0 && len(w.rows)+len(s.rows) > maxBatch {
			b.taken = append(b.taken, w)
			w = &batch{upto: upto}
		}
		w.add(i, s)
	}
	w.counts = counts
	b.taken = append(b.taken, w)
}

// turn takes the sheet of a shard and puts an empty one in its place.
func (sh *shard) turn() *sheet {
	full := sh.open
	if n := len(sh.spare); n > 0 {
		sh.open, sh.spare = sh.spare[n-1], sh.spare[:n-1]
	} else {
		sh.open = newSheet()
	}
	return full
}

// add puts a shard into the batch. Rows are sorted, and shards are taken in order,
// so that several trackers lock rows in the same order.
func (w *batch) add(shard int, s *sheet) {
	w.shards, w.sheets = append(w.shards, shard), append(w.sheets, s)
	s.sort()
	for i := range s.rows {
		w.rows = append(w.rows, &s.rows[i])
	}
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

// recycle gives sheets back to whatever shard needs them next, so that recording
// allocates nothing. Very large ones are given up.
func (b *Book) recycle(sheets []*sheet) {
	const large = 1 << 13
	b.cut.Lock()
	defer b.cut.Unlock()
	for i, s := range sheets {
		if len(s.rows) > large || len(b.shards[i].spare) > 0 {
			continue
		}
		s.empty()
		b.shards[i].spare = append(b.shards[i].spare, s)
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
	made := &batch{upto: w.upto, counts: w.counts}
	for _, i := range w.shards {
		made.add(i, in[i])
		b.marks[i] = marks[i]
	}
	b.rows.Add(int64(len(made.rows) - len(w.rows)))
	*w = *made
	return nil
}

// apply adds the batch to the tables.
func (w *batch) apply(ctx context.Context, tx *db.Tx) error {
	if len(w.rows) == 0 {
		return nil
	}
	known, err := w.unfinished(ctx, tx)
	if err != nil {
		return err
	}
	if err := w.writeRows(ctx, tx); err != nil {
		return err
	}
	if w.snatched, err = w.complete(ctx, tx, known); err != nil {
		return err
	}
	members, torrents := w.sums()
	if err := upsertSums(ctx, tx, "transfer_member", "member_id", members, nil); err != nil {
		return err
	}
	return upsertSums(ctx, tx, "transfer_torrent", "torrent_id", torrents, w.snatched)
}

func (w *batch) writeRows(ctx context.Context, tx *db.Tx) error {
	const table = "transfer_member_torrent"
	sums := []string{"uploaded", "downloaded", "raw_up", "raw_down"}
	spec := db.UpsertSpec{
		Table: table,
		Key:   []string{"member_id", "torrent_id"},
		Set:   []string{"bytes_left", "active", "last_at"},
		Add:   append(sums, "seedtime"),
		Keep:  []string{"first_at", "snatched_at"},
	}
	return tx.UpsertIntegers(ctx, spec, len(w.rows), func(i int, to []int64) error {
		r := w.rows[i]
		*(*[12]int64)(to) = [12]int64{int64(r.member), int64(r.torrent), r.left, flag(r.active), int64(r.last),
			r.up, r.down, r.rawUp, r.rawDown, int64(r.seconds), int64(r.first), 0}
		return bound(ctx, tx, table, sums, to[5:9], "member_id = ? AND torrent_id = ?", r.member, r.torrent)
	})
}

// unfinished returns the rows that may be completed and that the books know as
// unfinished. It must run before the rows are overwritten.
func (w *batch) unfinished(ctx context.Context, tx *db.Tx) (map[key]bool, error) {
	const each = 100 // keys in one query
	found := map[key]bool{}
	var where []string
	var args []any
	for i, r := range w.rows {
		if r.completion == MaybeCompleted {
			where, args = append(where, "(member_id = ? AND torrent_id = ?)"), append(args, r.member, r.torrent)
		}
		if len(where) == 0 || len(where) < each && i < len(w.rows)-1 {
			continue
		}
		keys, err := db.All(ctx, tx, func(s db.Scanner) (k key, err error) { return k, s.Scan(&k.member, &k.torrent) },
			"SELECT member_id, torrent_id FROM transfer_member_torrent WHERE bytes_left > 0 AND ("+strings.Join(where, " OR ")+")", args...)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			found[k] = true
		}
		where, args = where[:0], args[:0]
	}
	return found, nil
}

// complete notes who has finished a download for the first time, and returns how
// many did for each torrent.
func (w *batch) complete(ctx context.Context, tx *db.Tx, unfinished map[key]bool) (map[core.TorrentID]int64, error) {
	snatched := map[core.TorrentID]int64{}
	for _, r := range w.rows {
		if r.completion != Completed && !unfinished[r.key] {
			continue
		}
		n, err := tx.Exec(ctx, "UPDATE transfer_member_torrent SET snatched_at = ? WHERE member_id = ? AND torrent_id = ? AND snatched_at = 0",
			r.completed, r.member, r.torrent)
		if err != nil {
			return nil, err
		}
		snatched[r.torrent] += n
	}
	return snatched, nil
}

// sum is what a member or torrent gained.
type sum struct{ id, up, down int64 }

// sums adds up the rows, by member and by torrent, each sorted by id.
func (w *batch) sums() (members, torrents []sum) {
	members, torrents = make([]sum, len(w.rows)), make([]sum, len(w.rows))
	for i, r := range w.rows {
		members[i] = sum{int64(r.member), r.up, r.down}
		torrents[i] = sum{int64(r.torrent), r.up, r.down}
	}
	return addUp(members), addUp(torrents)
}

// addUp sorts sums by id and makes one of those with the same.
func addUp(sums []sum) []sum {
	slices.SortFunc(sums, func(a, b sum) int { return cmp.Compare(a.id, b.id) })
	all := sums[:0]
	for _, s := range sums {
		if n := len(all); n > 0 && all[n-1].id == s.id {
			s.up, s.down = add(all[n-1].up, s.up), add(all[n-1].down, s.down)
			all = all[:n-1]
		}
		all = append(all, s)
	}
	return all
}

// upsertSums adds to one of the two tables of sums; snatched is nil for the one
// that has no such column.
func upsertSums(ctx context.Context, tx *db.Tx, table, id string, sums []sum, snatched map[core.TorrentID]int64) error {
	cols := []string{"uploaded", "downloaded"}
	spec := db.UpsertSpec{Table: table, Key: []string{id}, Add: cols}
	if snatched != nil {
		spec.Add = append(spec.Add, "snatches")
	}
	return tx.UpsertIntegers(ctx, spec, len(sums), func(i int, to []int64) error {
		s := sums[i]
		to[0], to[1], to[2] = s.id, s.up, s.down
		if snatched != nil {
			to[3] = snatched[core.TorrentID(s.id)]
		}
		return bound(ctx, tx, table, cols, to[1:3], id+" = ?", s.id)
	})
}

const (
	unusual = int64(core.TiB) // more than this in one flush is looked at before it is added
	ceiling = int64(1) << 62  // no sum grows over this
)

// bound cuts values so that no column grows over the ceiling. Nobody gets there
// honestly, but one sum over the range of the column would make this and every
// later flush fail, for everybody.
func bound(ctx context.Context, tx *db.Tx, table string, cols []string, values []int64, where string, args ...any) error {
	if slices.Max(values) <= unusual {
		return nil
	}
	for i, col := range cols {
		now, _, err := db.One(ctx, tx, db.Value[int64], "SELECT "+col+" FROM "+table+" WHERE "+where, args...)
		if err != nil {
			return err
		}
		values[i] = min(values[i], max(ceiling-now, 0))
	}
	return nil
}

func (b *Book) writeCounts(ctx context.Context, tx *db.Tx, counts []Count) error {
	if len(counts) == 0 {
		return nil
	}
	now := b.o.Clock().Unix()
	spec := db.UpsertSpec{Table: "swarm_count", Key: []string{"torrent_id"}, Set: []string{"seeders", "leechers", "updated_at"}}
	return tx.UpsertIntegers(ctx, spec, len(counts), func(i int, to []int64) error {
		c := counts[i]
		*(*[4]int64)(to) = [4]int64{int64(c.Torrent), int64(c.Seeders), int64(c.Leechers), now}
		return nil
	})
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
