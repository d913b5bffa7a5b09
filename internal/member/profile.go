package member

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Profile is a member with what the tracker has credited them.
type Profile struct {
	Member     Member
	Uploaded   core.Bytes
	Downloaded core.Bytes
	Snatched   int // torrents whose download was completed
	Seeding    int // torrents seeded at this moment
	Leeching   int
	Uploads    int // live torrents on the site
	Seedtime   time.Duration
}

// Ratio returns uploaded divided by downloaded; ok is false when nothing was
// downloaded.
func (p Profile) Ratio() (ratio float64, ok bool) {
	if p.Downloaded == 0 {
		return 0, false
	}
	return float64(p.Uploaded) / float64(p.Downloaded), true
}

// Profile returns a member's figures. It reads the ledger's and the catalogue's
// tables; uploads made anonymously are counted only in the owner's own view.
func (s *Store) Profile(ctx context.Context, id core.MemberID, own bool) (Profile, error) {
	m, err := s.ByID(ctx, id)
	if err != nil {
		return Profile{}, err
	}
	p := Profile{Member: m}
	_, _, err = db.One(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
		return struct{}{}, sc.Scan(&p.Uploaded, &p.Downloaded)
	}, "SELECT uploaded, downloaded FROM transfer_member WHERE member_id = ?", id)
	if err != nil {
		return Profile{}, fmt.Errorf("read transfer: %w", err)
	}
	var seedtime int64
	err = s.db.QueryRowContext(ctx, `SELECT
		COALESCE(SUM(CASE WHEN snatched_at > 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN active > 0 AND bytes_left = 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN active > 0 AND bytes_left > 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(seedtime), 0)
		FROM transfer_member_torrent WHERE member_id = ?`, id).Scan(&p.Snatched, &p.Seeding, &p.Leeching, &seedtime)
	if err != nil {
		return Profile{}, fmt.Errorf("read activity: %w", err)
	}
	p.Seedtime = time.Duration(seedtime) * time.Second
	query := "SELECT COUNT(*) FROM torrent WHERE uploader_id = ? AND deleted_at = 0"
	if !own {
		query += " AND anonymous = 0"
	}
	if err := s.db.QueryRowContext(ctx, query, id).Scan(&p.Uploads); err != nil {
		return Profile{}, fmt.Errorf("count uploads: %w", err)
	}
	return p, nil
}
