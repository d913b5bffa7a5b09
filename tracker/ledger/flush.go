package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// maxBatch is how many rows are written in one transaction.
const maxBatch = 10_000

// batch is what one transaction writes. Its rows do not change between tries.
type batch struct {
	rows     []*row
	records  int64 // entries in rows
	counts   []Count
	snatched map[core.TorrentID]int64 // found by the last try
	upto     int64                    // the mark that the last try has set
	doubtful bool                     // the last try failed in its commit: it may have happened
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
	return nil
}

func (b *Book) writeTaken(ctx context.Context) error {
	for len(b.taken) > 0 {
		if err := b.write(ctx, b.taken[0]); err != nil {
			b.failures.Add(1)
			return err
		}
		b.finish(b.taken[0])
		b.taken = b.taken[1:]
	}
	return nil
}

// take moves what is pending into batches, sorted by key so that concurrent
// transactions lock rows in the same order. Nothing may be waiting.
func (b *Book) take() {
	var rows []*row
	for i := range b.shards {
		sh := &b.shards[i]
		sh.mu.Lock()
		for _, r := range sh.rows {
			rows = append(rows, r)
		}
		if len(sh.rows) > 0 {
			sh.rows = make(map[key]*row, len(sh.rows))
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.member, b.member), cmp.Compare(a.torrent, b.torrent))
	})
	for part := range slices.Chunk(rows, maxBatch) {
		w := &batch{rows: part}
		for _, r := range part {
			w.records += r.records
		}
		b.taken = append(b.taken, w)
	}
	if b.o.Counts == nil {
		return
	}
	if counts := b.o.Counts(); len(counts) > 0 {
		if len(b.taken) == 0 {
			b.taken = append(b.taken, &batch{})
		}
		slices.SortFunc(counts, func(a, b Count) int { return cmp.Compare(a.Torrent, b.Torrent) })
		b.taken[len(b.taken)-1].counts = counts
	}
}

func (b *Book) finish(done *batch) {
	for id, n := range done.snatched {
		b.snatches.Store(id, b.Snatches(id)+n)
	}
	b.rows.Add(-int64(len(done.rows)))
}

// write applies w in one transaction, unless its mark says that this was done.
func (b *Book) write(ctx context.Context, w *batch) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	complete := false
	err := b.db.Tx(ctx, func(tx *db.Tx) error {
		complete = false
		if len(w.rows) > 0 {
			if err := b.writeOnce(ctx, tx, w); err != nil {
				return err
			}
		}
		if err := b.writeCounts(ctx, tx, w.counts); err != nil {
			return err
		}
		complete = true
		return nil
	})
	if err != nil {
		w.doubtful = w.doubtful || complete
		return fmt.Errorf("write transfer sums: %w", err)
	}
	return nil
}

// writeOnce moves the mark and applies w, or does nothing when a commit that
// seemed to fail has moved it already. The mark is locked until the transaction
// ends, so nobody can move it in between.
func (b *Book) writeOnce(ctx context.Context, tx *db.Tx, w *batch) error {
	if err := tx.Lock(ctx, "ledger_mark", "ledger = ?", b.o.Name); err != nil {
		return err
	}
	position, ok, err := db.One(ctx, tx, db.Value[int64], "SELECT position FROM ledger_mark WHERE ledger = ?", b.o.Name)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the mark of ledger %q is gone from the database; restart the tracker", b.o.Name)
	}
	if w.doubtful && position == w.upto {
		return nil
	}
	w.upto = position + w.records
	if _, err := tx.Exec(ctx, "UPDATE ledger_mark SET position = ?, updated_at = ? WHERE ledger = ?",
		w.upto, b.o.Clock().Unix(), b.o.Name); err != nil {
		return err
	}
	return w.apply(ctx, tx)
}

// apply adds the batch to the tables.
func (w *batch) apply(ctx context.Context, tx *db.Tx) error {
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
	rows := make([][]any, len(w.rows))
	for i, r := range w.rows {
		v := [4]int64{r.up, r.down, r.rawUp, r.rawDown}
		if err := bound(ctx, tx, table, sums, v[:], "member_id = ? AND torrent_id = ?", r.member, r.torrent); err != nil {
			return err
		}
		rows[i] = []any{r.member, r.torrent, r.left, flag(r.active), r.last, v[0], v[1], v[2], v[3], r.seconds, r.first, 0}
	}
	return tx.Upsert(ctx, db.UpsertSpec{
		Table: table,
		Key:   []string{"member_id", "torrent_id"},
		Set:   []string{"bytes_left", "active", "last_at"},
		Add:   append(sums, "seedtime"),
		Keep:  []string{"first_at", "snatched_at"},
	}, rows...)
}

// unfinished returns the rows that may be completed and that the books know as
// unfinished. It must run before the rows are overwritten.
func (w *batch) unfinished(ctx context.Context, tx *db.Tx) (map[key]bool, error) {
	found := map[key]bool{}
	for _, r := range w.rows {
		if r.completion != MaybeCompleted {
			continue
		}
		_, ok, err := db.One(ctx, tx, db.Value[int64],
			"SELECT bytes_left FROM transfer_member_torrent WHERE member_id = ? AND torrent_id = ? AND bytes_left > 0", r.member, r.torrent)
		if err != nil {
			return nil, err
		}
		found[r.key] = ok
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
	byMember, byTorrent := map[int64]sum{}, map[int64]sum{}
	for _, r := range w.rows {
		for _, into := range []struct {
			sums map[int64]sum
			id   int64
		}{{byMember, int64(r.member)}, {byTorrent, int64(r.torrent)}} {
			s := into.sums[into.id]
			into.sums[into.id] = sum{id: into.id, up: add(s.up, r.up), down: add(s.down, r.down)}
		}
	}
	return sorted(byMember), sorted(byTorrent)
}

func sorted(sums map[int64]sum) []sum {
	out := make([]sum, 0, len(sums))
	for _, s := range sums {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b sum) int { return cmp.Compare(a.id, b.id) })
	return out
}

// upsertSums adds to one of the two tables of sums; snatched is nil for the one
// that has no such column.
func upsertSums(ctx context.Context, tx *db.Tx, table, id string, sums []sum, snatched map[core.TorrentID]int64) error {
	cols := []string{"uploaded", "downloaded"}
	spec := db.UpsertSpec{Table: table, Key: []string{id}, Add: cols}
	if snatched != nil {
		spec.Add = append(spec.Add, "snatches")
	}
	rows := make([][]any, len(sums))
	for i, s := range sums {
		v := [2]int64{s.up, s.down}
		if err := bound(ctx, tx, table, cols, v[:], id+" = ?", s.id); err != nil {
			return err
		}
		rows[i] = []any{s.id, v[0], v[1]}
		if snatched != nil {
			rows[i] = append(rows[i], snatched[core.TorrentID(s.id)])
		}
	}
	return tx.Upsert(ctx, spec, rows...)
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
	rows := make([][]any, len(counts))
	for i, c := range counts {
		rows[i] = []any{c.Torrent, c.Seeders, c.Leechers, now}
	}
	return tx.Upsert(ctx, db.UpsertSpec{
		Table: "swarm_count", Key: []string{"torrent_id"}, Set: []string{"seeders", "leechers", "updated_at"},
	}, rows...)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
