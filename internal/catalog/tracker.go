package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// keepDeleted is how long the tracker still tells clients why a torrent is gone.
const keepDeleted = 30 * 24 * time.Hour

const trackerSelect = `SELECT id, info_hash, announce_hash_2, size, leech, deleted_at, delete_reason, created_at FROM torrent`

// TrackerPage returns up to 5000 torrents with ids above after, in their order,
// those deleted in the last 30 days included.
func (s *Store) TrackerPage(ctx context.Context, after core.TorrentID, limit int) ([]TrackerTorrent, error) {
	const most = 5000
	list, err := db.All(ctx, s.db, scanTracker, trackerSelect+" WHERE id > ? AND (deleted_at = 0 OR deleted_at > ?) ORDER BY id LIMIT ?",
		after, s.clock().Add(-keepDeleted).Unix(), bounded(limit, most))
	if err != nil {
		return nil, fmt.Errorf("read torrents for the tracker: %w", err)
	}
	return list, nil
}

// TrackerTorrents returns those of the torrents that exist, deleted or not, by
// id.
func (s *Store) TrackerTorrents(ctx context.Context, ids []core.TorrentID) ([]TrackerTorrent, error) {
	var out []TrackerTorrent
	const chunk = 500
	for len(ids) > 0 {
		part := ids[:min(chunk, len(ids))]
		ids = ids[len(part):]
		list, err := db.All(ctx, s.db, scanTracker, trackerSelect+" WHERE id IN ("+db.Marks(len(part))+") ORDER BY id", db.Anys(part)...)
		if err != nil {
			return nil, fmt.Errorf("read torrents for the tracker: %w", err)
		}
		out = append(out, list...)
	}
	return out, nil
}

func scanTracker(sc db.Scanner) (TrackerTorrent, error) {
	var t TrackerTorrent
	var h1, h2 []byte
	var deleted, created int64
	err := sc.Scan(&t.ID, &h1, &h2, &t.Size, &t.Leech, &deleted, &t.DeleteReason, &created)
	for _, h := range [][]byte{h1, h2} {
		if len(h) == len(core.InfoHash{}) {
			t.Hashes = append(t.Hashes, core.InfoHash(h))
		}
	}
	t.Deleted, t.CreatedAt = deleted != 0, instant(created)
	return t, err
}
