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

// Endangered is a torrent with one seeder or none.
type Endangered struct {
	Watched
	Group    core.GroupID
	Title    string
	Format   string
	License  string
	Version  string
	Size     core.Bytes
	Leechers int
	SeenAt   time.Time // when a client that had everything last announced; zero when none ever did
	Holders  int       // members who had everything when they last announced
	Mine     bool      // the viewer is one of them
}

// Danger is where the list of endangered torrents continues. The zero value is its
// beginning.
type Danger struct {
	Seeders int
	Since   int64
	Torrent core.TorrentID
}

// Endangered returns the torrents that need seeders, at most limit of them: those
// without any first, and among equals those that have waited longest first. next is
// nil at the end.
func (s *Store) Endangered(ctx context.Context, viewer core.MemberID, from Danger, limit int) (list []Endangered, next *Danger, err error) {
	limit = max(1, min(limit, pageLimit))
	list, err = db.All(ctx, s.db, scanEndangered, `SELECT w.torrent_id, w.seeders, w.since, g.id, g.title, t.format, t.license, t.version, t.size,
		COALESCE(c.leechers, 0),
		COALESCE((SELECT MAX(x.last_at) FROM transfer_member_torrent x WHERE x.torrent_id = w.torrent_id AND x.bytes_left = 0), 0),
		(SELECT COUNT(*) FROM transfer_member_torrent x WHERE x.torrent_id = w.torrent_id AND x.bytes_left = 0),
		(SELECT COUNT(*) FROM transfer_member_torrent x WHERE x.torrent_id = w.torrent_id AND x.bytes_left = 0 AND x.member_id = ?)
		FROM swarm_watch w JOIN torrent t ON t.id = w.torrent_id JOIN torrent_group g ON g.id = t.group_id
		LEFT JOIN swarm_count c ON c.torrent_id = w.torrent_id
		WHERE t.deleted_at = 0 AND (w.seeders > ? OR (w.seeders = ? AND (w.since > ? OR (w.since = ? AND w.torrent_id > ?))))
		ORDER BY w.seeders, w.since, w.torrent_id LIMIT ?`,
		viewer, from.Seeders, from.Seeders, from.Since, from.Since, from.Torrent, limit+1)
	if err != nil {
		return nil, nil, fmt.Errorf("read endangered torrents: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = &Danger{Seeders: last.Seeders, Since: last.Since.Unix(), Torrent: last.Torrent}
	}
	return list, next, nil
}

func scanEndangered(sc db.Scanner) (e Endangered, err error) {
	var since, seen int64
	err = sc.Scan(&e.Torrent, &e.Seeders, &since, &e.Group, &e.Title, &e.Format, &e.License, &e.Version, &e.Size, &e.Leechers, &seen, &e.Holders, &e.Mine)
	e.Since = time.Unix(since, 0).UTC()
	if seen > 0 {
		e.SeenAt = time.Unix(seen, 0).UTC()
	}
	return e, err
}

// EndangeredCounts returns how many torrents have no seeder and how many one.
func (s *Store) EndangeredCounts(ctx context.Context) (none, one int, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT COALESCE(SUM(CASE WHEN w.seeders = 0 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN w.seeders = 1 THEN 1 ELSE 0 END), 0)
		FROM swarm_watch w JOIN torrent t ON t.id = w.torrent_id WHERE t.deleted_at = 0`).Scan(&none, &one)
	if err != nil {
		return 0, 0, fmt.Errorf("count endangered torrents: %w", err)
	}
	return none, one, nil
}
