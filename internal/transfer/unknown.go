package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Unknown is an info-hash that members asked for although it is not registered. Nothing
// tells who did.
type Unknown struct {
	InfoHash core.InfoHash
	Asked    int64 // at most so often
	Surplus  int64 // by which that may be too much
	LastAt   time.Time
}

// AtLeast is how often it was asked for without doubt.
func (u Unknown) AtLeast() int64 { return u.Asked - u.Surplus }

// Times says in words how often it was asked for.
func (u Unknown) Times() string {
	if u.Surplus == 0 {
		return fmt.Sprint(u.Asked)
	}
	return fmt.Sprintf("%d to %d", u.AtLeast(), u.Asked)
}

// MaxUnknown is how many info-hashes a tracker tells of, and how many are read at once.
const MaxUnknown = 50

// WriteUnknown writes what a tracker has counted since an instant, in place of what it
// wrote before with the same instant. The list has at most MaxUnknown entries.
func (s *Store) WriteUnknown(ctx context.Context, tracker string, since time.Time, list []Unknown) error {
	rows := make([][]any, len(list))
	for i, u := range list {
		rows[i] = []any{tracker, since.Unix(), u.InfoHash[:], u.Asked, u.Surplus, u.LastAt.Unix()}
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM tracker_unknown WHERE tracker = ? AND since = ?", tracker, since.Unix()); err != nil {
			return err
		}
		return tx.Upsert(ctx, db.UpsertSpec{Table: "tracker_unknown", Key: []string{"tracker", "since", "info_hash"}, Set: []string{"asked", "surplus", "last_at"}}, rows...)
	})
	if err != nil {
		return fmt.Errorf("write what is not registered: %w", err)
	}
	return nil
}

// Unknown returns what all trackers were asked for most since an instant and what is not
// registered to this day, at most limit of it (no more than MaxUnknown).
func (s *Store) Unknown(ctx context.Context, since time.Time, limit int) ([]Unknown, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (u Unknown, err error) {
		var hash []byte
		var last int64
		err = sc.Scan(&hash, &u.Asked, &u.Surplus, &last)
		copy(u.InfoHash[:], hash)
		u.LastAt = time.Unix(last, 0).UTC()
		return u, err
	}, `SELECT x.info_hash, x.asked, x.surplus, x.last_at FROM (
			SELECT u.info_hash, SUM(u.asked) AS asked, SUM(u.surplus) AS surplus, MAX(u.last_at) AS last_at
			FROM tracker_unknown u WHERE u.since >= ? GROUP BY u.info_hash) AS x
		WHERE NOT EXISTS (SELECT 1 FROM torrent t WHERE t.info_hash = x.info_hash) AND NOT EXISTS (SELECT 1 FROM torrent t WHERE t.announce_hash_2 = x.info_hash)
		ORDER BY x.asked DESC, x.last_at DESC, x.info_hash LIMIT ?`, since.Unix(), max(1, min(limit, MaxUnknown)))
	if err != nil {
		return nil, fmt.Errorf("read what is not registered: %w", err)
	}
	return list, nil
}
