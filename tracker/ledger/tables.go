package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

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
	members := w.sums(func(r *row) int64 { return int64(r.member) })
	if err := upsertSums(ctx, tx, "transfer_member", "member_id", members, nil); err != nil {
		return err
	}
	torrents := w.sums(func(r *row) int64 { return int64(r.torrent) })
	return upsertSums(ctx, tx, "transfer_torrent", "torrent_id", torrents, w.snatched)
}

const pairTable = "transfer_member_torrent"

func (w *batch) writeRows(ctx context.Context, tx *db.Tx) error {
	sums := []string{"uploaded", "downloaded", "raw_up", "raw_down"}
	spec := db.UpsertSpec{
		Table: pairTable,
		Key:   []string{"member_id", "torrent_id"},
		Set:   []string{"bytes_left", "active", "last_at"},
		Add:   append(sums, "seedtime"),
		Keep:  []string{"first_at", "snatched_at"},
	}
	return tx.UpsertIntegers(ctx, spec, len(w.rows), func(i int, to []int64) error {
		r := w.rows[i]
		*(*[12]int64)(to) = [12]int64{int64(r.member), int64(r.torrent), r.left, flag(r.active), int64(r.last),
			r.up, r.down, r.rawUp, r.rawDown, int64(r.seconds), int64(r.first), 0}
		if slices.Max(to[5:9]) <= largeAmount {
			return nil
		}
		return limitSums(ctx, tx, pairTable, sums, to[5:9], "member_id = ? AND torrent_id = ?", r.member, r.torrent)
	})
}

// unfinished returns the rows that may be completions and whose member was not
// finished, as far as the database knows. It must run before the rows are
// overwritten.
func (w *batch) unfinished(ctx context.Context, tx *db.Tx) (map[key]bool, error) {
	var maybe []*row
	for _, r := range w.rows {
		if r.completion == MaybeCompleted {
			maybe = append(maybe, r)
		}
	}
	return matching(ctx, tx, maybe, "bytes_left > 0")
}

// complete writes who has finished a download for the first time, and returns how many
// members did for each torrent. This transaction has written the rows, and so holds
// their locks.
func (w *batch) complete(ctx context.Context, tx *db.Tx, unfinished map[key]bool) (map[core.TorrentID]int64, error) {
	var done []*row
	for _, r := range w.rows {
		if r.completion == Completed || unfinished[r.key] {
			done = append(done, r)
		}
	}
	first, err := matching(ctx, tx, done, "snatched_at = 0")
	if err != nil {
		return nil, err
	}
	done = slices.DeleteFunc(done, func(r *row) bool { return !first[r.key] })
	snatched := map[core.TorrentID]int64{}
	for _, r := range done {
		snatched[r.torrent]++
	}
	return snatched, tx.UpsertIntegers(ctx, db.UpsertSpec{
		Table: pairTable,
		Key:   []string{"member_id", "torrent_id"},
		Set:   []string{"snatched_at"},
		Keep:  []string{"uploaded", "downloaded", "raw_up", "raw_down", "seedtime", "bytes_left", "active", "first_at", "last_at"},
	}, len(done), func(i int, to []int64) error {
		to[0], to[1], to[2] = int64(done[i].member), int64(done[i].torrent), int64(done[i].completed)
		return nil
	})
}

// matching returns the keys of those rows that meet a condition in the database.
func matching(ctx context.Context, tx *db.Tx, rows []*row, condition string) (map[key]bool, error) {
	found := map[key]bool{}
	for some := range slices.Chunk(rows, 100) {
		args := make([]any, 0, 2*len(some))
		for _, r := range some {
			args = append(args, r.member, r.torrent)
		}
		where := strings.TrimSuffix(strings.Repeat("(member_id = ? AND torrent_id = ?) OR ", len(some)), " OR ")
		keys, err := db.All(ctx, tx, func(s db.Scanner) (k key, err error) { return k, s.Scan(&k.member, &k.torrent) },
			"SELECT member_id, torrent_id FROM "+pairTable+" WHERE "+condition+" AND ("+where+")", args...)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			found[k] = true
		}
	}
	return found, nil
}

// sum is what a member or torrent has gained.
type sum struct{ id, up, down int64 }

// sums adds up the rows by the id that of returns, and sorts by it. The result is
// valid until the next call.
func (w *batch) sums(of func(*row) int64) []sum {
	all := slices.Grow(w.sorter.sums[:0], len(w.rows))
	for _, r := range w.rows {
		all = append(all, sum{of(r), r.up, r.down})
	}
	w.sorter.sums = all
	return addUp(all)
}

// addUp sorts sums by id and merges those with the same id.
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

// upsertSums adds to one of the two tables of sums; snatched is nil for the table
// without that column.
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
		if max(s.up, s.down) <= largeAmount {
			return nil
		}
		return limitSums(ctx, tx, table, cols, to[1:3], id+" = ?", s.id)
	})
}

const (
	largeAmount = int64(core.TiB) // more than this in one flush is checked before it is added
	maxSum      = int64(1) << 62  // no sum grows beyond this
)

// limitSums lowers values so that no column grows beyond maxSum. Nobody gets there
// honestly, but one sum out of the column's range would make this and every later
// flush fail, for everybody.
func limitSums(ctx context.Context, tx *db.Tx, table string, cols []string, values []int64, where string, args ...any) error {
	for i, col := range cols {
		now, _, err := db.One(ctx, tx, db.Value[int64], "SELECT "+col+" FROM "+table+" WHERE "+where, args...)
		if err != nil {
			return err
		}
		values[i] = min(values[i], max(maxSum-now, 0))
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
