package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Safe is the number of seeders from which on a torrent is no longer watched.
const Safe = 2

// Patience is how long a torrent must have had fewer seeders before it is listed as
// endangered: clients may be restarted, and whoever uploads begins to seed afterwards.
const Patience = 5 * time.Minute

// Endangers is the rule of the list: few seeders endanger a torrent once it has had no
// more since as long as patience ago. For one that was never seeded this counts from its
// upload. A moment in the future is a clock that was wrong, and counts as long ago.
func Endangers(seeders int, since, now time.Time, patience time.Duration) bool {
	age := now.Sub(since)
	return seeders < Safe && (age < 0 || age >= patience)
}

// Watched is how many clients seed a torrent, and since when: 0, 1, or Safe for
// that many and more.
type Watched struct {
	Torrent core.TorrentID
	Seeders int
	Since   time.Time
}

// Watch records changes, and drops torrents that are safe. It sorts the changes.
func (s *Store) Watch(ctx context.Context, changes []Watched) error {
	slices.SortFunc(changes, func(a, b Watched) int { return cmp.Compare(a.Torrent, b.Torrent) })
	for part := range slices.Chunk(changes, writeChunk) {
		var rows [][]any
		var safe []any
		for _, w := range part {
			if w.Seeders >= Safe {
				safe = append(safe, int64(w.Torrent))
				continue
			}
			rows = append(rows, []any{int64(w.Torrent), w.Seeders, w.Since.Unix()})
		}
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			if len(safe) > 0 {
				if _, err := tx.Exec(ctx, "DELETE FROM swarm_watch WHERE torrent_id IN ("+db.Marks(len(safe))+")", safe...); err != nil {
					return err
				}
			}
			return tx.Upsert(ctx, db.UpsertSpec{Table: "swarm_watch", Key: []string{"torrent_id"}, Set: []string{"seeders", "since"}}, rows...)
		})
		if err != nil {
			return fmt.Errorf("note who is about to lose its last seeder: %w", err)
		}
	}
	return nil
}

// Unwatched compares the next torrents after an id, at most limit of them, with what
// is recorded, and returns the correct entry wherever they differ. It finds torrents
// that were never announced, those of trackers that ended before they could record
// them, and deleted ones. next is 0 at the end.
func (s *Store) Unwatched(ctx context.Context, after core.TorrentID, limit int) (changes []Watched, next core.TorrentID, err error) {
	type compared struct {
		id                   core.TorrentID
		seeders, watched     int
		created, since, gone int64
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (c compared, err error) {
		return c, sc.Scan(&c.id, &c.created, &c.gone, &c.seeders, &c.since, &c.watched)
	}, `SELECT t.id, t.created_at, t.deleted_at, COALESCE(c.seeders, 0), COALESCE(c.updated_at, 0), COALESCE(w.seeders, ?)
		FROM torrent t LEFT JOIN swarm_count c ON c.torrent_id = t.id LEFT JOIN swarm_watch w ON w.torrent_id = t.id
		WHERE t.id > ? ORDER BY t.id LIMIT ?`, Safe, after, limit)
	if err != nil {
		return nil, after, fmt.Errorf("look for torrents without seeders: %w", err)
	}
	for _, c := range rows {
		is := min(c.seeders, Safe)
		if c.gone > 0 {
			is = Safe
		}
		if is != c.watched {
			changes = append(changes, Watched{Torrent: c.id, Seeders: is, Since: time.Unix(cmp.Or(c.since, c.created), 0).UTC()})
		}
	}
	if len(rows) == limit {
		next = rows[len(rows)-1].id
	}
	return changes, next, nil
}

// neverSeeded are conditions on torrent t: nothing was ever told of it. It may be
// announced by somebody who lacks it; then its swarm is watched as any other.
const neverSeeded = `t.deleted_at = 0 AND NOT EXISTS (SELECT 1 FROM swarm_count c WHERE c.torrent_id = t.id)
	AND NOT EXISTS (SELECT 1 FROM swarm_watch w WHERE w.torrent_id = t.id)`

// TakeNew makes the next torrents watched that were never announced, at most limit of
// them, until one that has not been here for as long as patience, and notes how far it
// came. seeded reports whether a tracker knows more of a torrent than its books.
// It returns what is watched now, and whether there may be more.
func (s *Store) TakeNew(ctx context.Context, now time.Time, patience time.Duration, limit int, seeded func(core.TorrentID) bool) (taken []Watched, more bool, err error) {
	type fresh struct {
		Watched
		never bool
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		taken, more = nil, false
		from, _, err := db.One(ctx, tx, db.Value[core.TorrentID], "SELECT torrent_id FROM swarm_watch_mark WHERE id = 1")
		if err != nil {
			return err
		}
		list, err := db.All(ctx, tx, func(sc db.Scanner) (f fresh, err error) {
			var created int64
			err = sc.Scan(&f.Torrent, &created, &f.never)
			f.Since = time.Unix(created, 0).UTC()
			return f, err
		}, "SELECT t.id, t.created_at, "+neverSeeded+" FROM torrent t WHERE t.id > ? ORDER BY t.id LIMIT ?", from, limit)
		if err != nil {
			return err
		}
		var rows [][]any
		done := from
		for _, f := range list {
			if !Endangers(0, f.Since, now, patience) {
				break
			}
			done = f.Torrent
			if f.never && !seeded(f.Torrent) {
				taken = append(taken, f.Watched)
				rows = append(rows, []any{int64(f.Torrent), 0, f.Since.Unix()})
			}
		}
		if done == from {
			return nil
		}
		more = len(list) == limit
		if err := tx.Upsert(ctx, db.UpsertSpec{Table: "swarm_watch", Key: []string{"torrent_id"}, Keep: []string{"seeders", "since"}}, rows...); err != nil {
			return err
		}
		return tx.Upsert(ctx, db.UpsertSpec{Table: "swarm_watch_mark", Key: []string{"id"}, Set: []string{"torrent_id"}}, []any{1, int64(done)})
	})
	if err != nil {
		return nil, false, fmt.Errorf("look for new torrents without seeders: %w", err)
	}
	return taken, more, nil
}

// WatchedPage returns the watched torrents after an id, ordered by id.
func (s *Store) WatchedPage(ctx context.Context, after core.TorrentID, limit int) ([]Watched, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (w Watched, err error) {
		var since int64
		err = sc.Scan(&w.Torrent, &w.Seeders, &since)
		w.Since = time.Unix(since, 0).UTC()
		return w, err
	}, "SELECT torrent_id, seeders, since FROM swarm_watch WHERE torrent_id > ? ORDER BY torrent_id LIMIT ?", after, limit)
	if err != nil {
		return nil, fmt.Errorf("read who is about to lose its last seeder: %w", err)
	}
	return list, nil
}
