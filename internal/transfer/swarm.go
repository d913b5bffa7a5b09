package transfer

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Swarm is the size of a torrent's swarm as its tracker last wrote it.
type Swarm struct {
	Torrent  core.TorrentID
	Seeders  int
	Leechers int
	Snatches int64
}

// Swarms returns the swarms of the torrents after an id, by id, at most limit of
// them. Torrents that nobody ever announced are left out.
func (s *Store) Swarms(ctx context.Context, after core.TorrentID, limit int) ([]Swarm, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (w Swarm, err error) {
		return w, sc.Scan(&w.Torrent, &w.Seeders, &w.Leechers, &w.Snatches)
	}, `SELECT c.torrent_id, c.seeders, c.leechers, COALESCE(x.snatches, 0)
		FROM swarm_count c LEFT JOIN transfer_torrent x ON x.torrent_id = c.torrent_id
		WHERE c.torrent_id > ? ORDER BY c.torrent_id LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the sizes of swarms: %w", err)
	}
	return list, nil
}
