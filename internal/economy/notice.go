package economy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// TellEdges appends one LeechEdge event for each edge that is due now (see Due) and
// returns how many. Each edge has one row in leech_notice, which is written together
// with its event. So each edge is told once, however often this runs and whoever else
// runs it at the same time. Run it every minute, at start, and when windows changed.
func (s *Store) TellEdges(ctx context.Context) (int64, error) {
	now := s.clock()
	windows, err := s.noticedWindows(ctx, now)
	if err != nil || len(windows) == 0 {
		return 0, err
	}
	var count int64
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		count = 0
		known, err := lockNotices(ctx, tx, windows)
		if err != nil {
			return err
		}
		for _, n := range Due(windows, known, now) {
			told, err := s.settle(ctx, tx, n, now)
			if err != nil {
				return err
			}
			count += told
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("tell of freeleech: %w", err)
	}
	return count, nil
}

// noticedWindows returns the windows whose edges may be due, by start.
func (s *Store) noticedWindows(ctx context.Context, now time.Time) ([]Window, error) {
	stored, err := db.All(ctx, s.db, scanWindow, "SELECT "+windowColumns+
		" FROM leech_window WHERE ends_at > ? AND torrent_id = 0 AND member_id = 0"+credible+" ORDER BY id DESC LIMIT ?",
		now.Add(-lookBack).Unix(), madeBy(now), pageSize)
	if err != nil {
		return nil, fmt.Errorf("read freeleech windows: %w", err)
	}
	if s.config.Calendar {
		stored = append(stored, Calendar(now.Add(-lookBack), now.Add(2*beforeLead), s.config.Zone.Loc())...)
	}
	windows := slices.DeleteFunc(stored, func(w Window) bool { return !noticed(w, now) })
	slices.SortFunc(windows, byStart)
	return windows, nil
}

// lockNotices waits until this transaction alone decides about the edges of the
// windows, and returns what was decided before.
func lockNotices(ctx context.Context, tx *db.Tx, windows []Window) (map[string]bool, error) {
	var keys []any
	for _, w := range windows {
		for _, p := range [...]Phase{PhaseBefore, PhaseStart, PhaseEnd} {
			keys = append(keys, noticeKey(w, p))
		}
	}
	if err := tx.Turn(ctx, "freeleech notices"); err != nil {
		return nil, err
	}
	type row struct {
		key  string
		told int64
	}
	rows, err := db.All(ctx, tx, func(s db.Scanner) (r row, err error) {
		return r, s.Scan(&r.key, &r.told)
	}, "SELECT notice, told FROM leech_notice WHERE notice IN ("+db.Marks(len(keys))+")", keys...)
	known := make(map[string]bool, len(rows))
	for _, r := range rows {
		known[r.key] = r.told != 0
	}
	return known, err
}

// settle writes the decision down, and the event when the edge is told. It
// returns 1 for an edge that was told by this call.
func (s *Store) settle(ctx context.Context, tx *db.Tx, n Notice, now time.Time) (int64, error) {
	var told int64
	if n.Told {
		told = 1
	}
	fresh, err := tx.InsertIgnore(ctx, "leech_notice", db.Row{"notice", n.Key(), "told", told, "at", now.Unix()})
	if err != nil || !fresh || !n.Told {
		return 0, err
	}
	_, err = s.log.Append(ctx, tx, eventlog.LeechEdge{
		Key: n.Window.Key, Phase: string(n.Phase), Name: n.Window.Reason, State: n.Window.State,
		Starts: n.Window.Starts.Unix(), Ends: n.Window.Ends.Unix(), Late: n.Late,
	})
	return 1, err
}
