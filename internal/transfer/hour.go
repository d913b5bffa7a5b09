package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// What is summed up again each time, since the last minute of an hour may be written
// late, and how long that may take.
const (
	hoursAgain = 2 * time.Hour
	lateMinute = 2 * time.Minute
)

// SumHours keeps the sums of the minutes of each whole hour, of all trackers. It may run
// as often as one likes, and beside itself.
func (s *Store) SumHours(ctx context.Context, now time.Time) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var last int64
		if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(hour), 0) FROM tracker_hour").Scan(&last); err != nil {
			return err
		}
		from, before := time.Unix(last, 0).Add(-hoursAgain), now.Add(-lateMinute).Truncate(time.Hour)
		sums, err := db.All(ctx, tx, scanHour, `SELECT tracker, minute - minute % 3600 AS hour, SUM(seconds), SUM(announces), SUM(scrapes), SUM(refused),
			MAX(seeders), MAX(leechers), MAX(p50), MAX(p99), MAX(worst)
			FROM tracker_minute WHERE minute >= ? AND minute < ? GROUP BY tracker, hour ORDER BY tracker, hour`, from.Unix(), before.Unix())
		if err != nil || len(sums) == 0 {
			return err
		}
		rows := make([][]any, len(sums))
		for i, m := range sums {
			rows[i] = []any{m.Tracker, m.Start.Unix(), m.Seconds, m.Announces, m.Scrapes, m.Refused, m.Seeders, m.Leechers,
				m.P50.Microseconds(), m.P99.Microseconds(), m.Worst.Microseconds()}
		}
		return tx.Upsert(ctx, db.UpsertSpec{Table: "tracker_hour", Key: []string{"tracker", "hour"},
			Set: []string{"seconds", "announces", "scrapes", "refused", "seeders", "leechers", "p50", "p99", "worst"}}, rows...)
	})
	if err != nil {
		return fmt.Errorf("sum up the tracker's hours: %w", err)
	}
	return nil
}

// PruneHours deletes the sums of all trackers that are older than an instant.
func (s *Store) PruneHours(ctx context.Context, before time.Time) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM tracker_hour WHERE hour < ?", before.Unix())
		return err
	})
	if err != nil {
		return fmt.Errorf("delete the tracker's old hours: %w", err)
	}
	return nil
}

// maxHours bounds what is read at once: a month of six trackers.
const maxHours = 6 * 31 * 24

// Hours returns the sums of whole hours since an instant in steps of some hours, the newest
// first, each as a Minute that covers the seconds of all. Its clients and times are the
// most that any minute had; it has none of the other figures.
func (s *Store) Hours(ctx context.Context, since time.Time, step time.Duration) ([]Minute, error) {
	list, err := db.All(ctx, s.db, scanHour, `SELECT tracker, hour - hour % ? AS step, SUM(seconds), SUM(announces), SUM(scrapes), SUM(refused),
		MAX(seeders), MAX(leechers), MAX(p50), MAX(p99), MAX(worst)
		FROM tracker_hour WHERE hour >= ? GROUP BY tracker, step ORDER BY step DESC, tracker LIMIT ?`, int64(step/time.Second), since.Unix(), maxHours)
	if err != nil {
		return nil, fmt.Errorf("read the tracker's hours: %w", err)
	}
	return list, nil
}

func scanHour(sc db.Scanner) (m Minute, err error) {
	var start, p50, p99, worst int64
	err = sc.Scan(&m.Tracker, &start, &m.Seconds, &m.Announces, &m.Scrapes, &m.Refused, &m.Seeders, &m.Leechers, &p50, &p99, &worst)
	m.Start = time.Unix(start, 0).UTC()
	m.P50, m.P99, m.Worst = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond, time.Duration(worst)*time.Microsecond
	return m, err
}
