package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// ClientUse is a BitTorrent client that a member announced with, as far as records tell.
type ClientUse struct {
	Client  string
	LastAt  time.Time
	Refused bool // its newest announce was refused
}

// recordsOfClients bounds how many records of a member are looked at for clients.
const recordsOfClients = 20_000

// Clients returns up to limit (1 to 200) clients that a member announced with lately, the
// latest first.
func (s *Store) Clients(ctx context.Context, m core.MemberID, limit int) ([]ClientUse, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (c ClientUse, err error) {
		var newest int64
		err = sc.Scan(&c.Client, &newest)
		c.LastAt, c.Refused = time.Unix(newest/2, 0).UTC(), newest%2 == 1
		return c, err
	}, `SELECT x.client, MAX(x.at * 2 + x.refused) AS newest FROM (SELECT client, at, CASE WHEN ring = 0 THEN 1 ELSE 0 END AS refused
		FROM announce_record WHERE member_id = ? LIMIT ?) AS x WHERE x.client <> '' GROUP BY x.client ORDER BY newest DESC, x.client LIMIT ?`,
		m, recordsOfClients, max(1, min(limit, pageLimit)))
	if err != nil {
		return nil, fmt.Errorf("read the clients of a member: %w", err)
	}
	return list, nil
}

// Snatch is a download that a member completed.
type Snatch struct {
	Torrent core.TorrentID
	Group   core.GroupID
	Title   string // of the dataset
	Gone    bool   // it was deleted
	At      time.Time
}

// Snatches returns up to limit (1 to 200) downloads that a member completed, the latest first.
func (s *Store) Snatches(ctx context.Context, m core.MemberID, limit int) ([]Snatch, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (n Snatch, err error) {
		var gone, at int64
		err = sc.Scan(&n.Torrent, &n.Group, &n.Title, &gone, &at)
		n.Gone, n.At = gone > 0, instant(at)
		return n, err
	}, `SELECT p.torrent_id, t.group_id, g.title, t.deleted_at, p.snatched_at FROM (SELECT torrent_id, snatched_at FROM transfer_member_torrent
		WHERE member_id = ? AND snatched_at > 0 ORDER BY snatched_at DESC, torrent_id DESC LIMIT ?) AS p
		JOIN torrent t ON t.id = p.torrent_id JOIN torrent_group g ON g.id = t.group_id ORDER BY p.snatched_at DESC, p.torrent_id DESC`,
		m, max(1, min(limit, pageLimit)))
	if err != nil {
		return nil, fmt.Errorf("read what a member has downloaded: %w", err)
	}
	return list, nil
}
