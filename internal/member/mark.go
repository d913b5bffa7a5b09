package member

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Mark is something that the site remembers that a member has done.
type Mark string

// The marks.
const (
	StartDone Mark = "start done" // the first steps are done, or put away
	RulesRead Mark = "rules read" // they say so
)

// Marks returns the marks of a member, with when each was set.
func (s *Store) Marks(ctx context.Context, id core.MemberID) (map[Mark]time.Time, error) {
	type set struct {
		mark Mark
		at   time.Time
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (m set, err error) {
		var at int64
		err = sc.Scan(&m.mark, &at)
		m.at = time.Unix(at, 0).UTC()
		return m, err
	}, "SELECT mark, at FROM member_mark WHERE member_id = ?", id)
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	out := make(map[Mark]time.Time, len(rows))
	for _, r := range rows {
		out[r.mark] = r.at
	}
	return out, nil
}

// SetMark sets a mark. One that is set keeps its time.
func (s *Store) SetMark(ctx context.Context, id core.MemberID, m Mark) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.InsertIgnore(ctx, "member_mark", db.Row{"member_id", id, "mark", string(m), "at", s.clock().Unix()})
		return err
	})
	if err != nil {
		return fmt.Errorf("set a mark: %w", err)
	}
	return nil
}
