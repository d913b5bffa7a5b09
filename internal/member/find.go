package member

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Filter chooses accounts. What is empty chooses nothing.
type Filter struct {
	Part    string // of a name, in any case
	State   string // "enabled", which is not disabled, or an Effect that has a hold on them
	ClassID int64  // of the primary class
	After   string // names after this one
}

// MaxPart is the longest part of a name that is looked for, in bytes.
const MaxPart = 64

// hasCause chooses members whom a cause with an effect concerns.
const hasCause = "EXISTS (SELECT 1 FROM member_cause f WHERE f.member_id = m.id AND f.effect = ? AND f.ended_at = 0 AND (f.ends_at = 0 OR f.ends_at > ?))"

// Find returns up to limit (1 to 200) accounts, by name, and how many there are on all
// pages.
func (s *Store) Find(ctx context.Context, f Filter, limit int) (list []Member, count int, err error) {
	where, args := []string{"m.name <> ?"}, []any{BotName}
	now := s.clock().Unix()
	if part := strings.TrimSpace(f.Part); part != "" {
		if len(part) > MaxPart {
			return nil, 0, nil
		}
		where, args = append(where, "m.name LIKE ? ESCAPE '!'"), append(args, "%"+db.EscapeLike(part)+"%")
	}
	switch f.State {
	case "":
	case "enabled":
		where, args = append(where, "NOT "+hasCause), append(args, Disabled, now)
	default:
		where, args = append(where, hasCause), append(args, f.State, now)
	}
	if f.ClassID > 0 {
		where, args = append(where, "m.class_id = ?"), append(args, f.ClassID)
	}
	chosen := " FROM member m WHERE " + strings.Join(where, " AND ")
	if err := s.db.QueryRowContext(ctx, "SELECT COUNT(*)"+chosen, args...).Scan(&count); err != nil {
		return nil, 0, fmt.Errorf("count members: %w", err)
	}
	list, err = s.list(ctx, "SELECT "+s.columns()+chosen+" AND m.name > ? ORDER BY m.name LIMIT ?", append(args, f.After, min(max(limit, 1), 200))...)
	if err != nil {
		return nil, 0, fmt.Errorf("find members: %w", err)
	}
	return list, count, nil
}
