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

// endangeredOf selects the columns of an Endangered, of a torrent t whose number of
// seeders and whose beginning of that are %s.
const endangeredOf = `SELECT t.id, %s, g.id, g.title, t.format, t.license, t.version, t.size,
	COALESCE((SELECT c.leechers FROM swarm_count c WHERE c.torrent_id = t.id), 0),
	COALESCE((SELECT MAX(x.last_at) FROM transfer_member_torrent x WHERE x.torrent_id = t.id AND x.bytes_left = 0), 0),
	(SELECT COUNT(*) FROM transfer_member_torrent x WHERE x.torrent_id = t.id AND x.bytes_left = 0),
	(SELECT COUNT(*) FROM transfer_member_torrent x WHERE x.torrent_id = t.id AND x.bytes_left = 0 AND x.member_id = ?) `

// newOnes are conditions on a torrent t that no tracker has looked at yet, and that was
// never seeded; the argument is the latest upload that counts.
const newOnes = "t.id > COALESCE((SELECT m.torrent_id FROM swarm_watch_mark m WHERE m.id = 1), 0) AND t.created_at <= ? AND " + neverSeeded

// Endangered returns the torrents that need seeders by the rule Endangers, at most limit
// of them: those without any first, and among equals those that have waited longest
// first. next is nil at the end.
func (s *Store) Endangered(ctx context.Context, now time.Time, viewer core.MemberID, from Danger, limit int) (list []Endangered, next *Danger, err error) {
	limit = max(1, min(limit, pageLimit))
	list, err = db.All(ctx, s.db, scanEndangered, fmt.Sprintf(endangeredOf, "w.seeders, w.since")+
		"FROM swarm_watch w"+s.db.Engine().Using("swarm_watch_risk")+` JOIN torrent t ON t.id = w.torrent_id JOIN torrent_group g ON g.id = t.group_id
		WHERE t.deleted_at = 0 AND w.seeders >= ? AND (w.seeders > ? OR w.since > ? OR (w.since = ? AND w.torrent_id > ?))
		ORDER BY w.seeders, w.since, w.torrent_id LIMIT ?`,
		viewer, from.Seeders, from.Seeders, from.Since, from.Since, from.Torrent, limit+1)
	if err != nil {
		return nil, nil, fmt.Errorf("read endangered torrents: %w", err)
	}
	if from.Seeders == 0 {
		fresh, err := db.All(ctx, s.db, scanEndangered, fmt.Sprintf(endangeredOf, "0, t.created_at")+
			"FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE "+newOnes+
			" AND (t.created_at > ? OR (t.created_at = ? AND t.id > ?)) ORDER BY t.id LIMIT ?", // that is by their upload
			viewer, now.Add(-Patience).Unix(), from.Since, from.Since, from.Torrent, limit+1)
		if err != nil {
			return nil, nil, fmt.Errorf("read endangered torrents: %w", err)
		}
		list = append(list, fresh...)
		slices.SortFunc(list, func(a, b Endangered) int {
			return cmp.Or(cmp.Compare(a.Seeders, b.Seeders), a.Since.Compare(b.Since), cmp.Compare(a.Torrent, b.Torrent))
		})
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

// Many is where EndangeredCounts ends to count.
const Many = 1000

// EndangeredCounts returns how many torrents have no seeder and how many one, by the
// rule Endangers. More than Many are Many+1: nobody helps them one by one, and counting
// costs.
func (s *Store) EndangeredCounts(ctx context.Context, now time.Time) (none, one int, err error) {
	const watched = `(SELECT COUNT(*) FROM (SELECT 1 FROM swarm_watch w JOIN torrent t ON t.id = w.torrent_id
		WHERE w.seeders = ? AND t.deleted_at = 0 LIMIT ?) AS s)`
	var fresh int
	err = s.db.QueryRowContext(ctx, "SELECT "+watched+", "+watched+", (SELECT COUNT(*) FROM (SELECT 1 FROM torrent t WHERE "+newOnes+" LIMIT ?) AS s)",
		0, Many+1, 1, Many+1, now.Add(-Patience).Unix(), Many+1).Scan(&none, &one, &fresh)
	if err != nil {
		return 0, 0, fmt.Errorf("count endangered torrents: %w", err)
	}
	return min(none+fresh, Many+1), one, nil
}
