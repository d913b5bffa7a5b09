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
	State   string // "enabled", "disabled" or "noleech", whose downloads are off
	ClassID int64  // of the primary class
	After   string // names after this one
}

// MaxPart is the longest part of a name that is looked for, in bytes.
const MaxPart = 64

// Find returns up to limit (1 to 200) accounts, by name, and how many there are on all
// pages.
func (s *Store) Find(ctx context.Context, f Filter, limit int) (list []Member, count int, err error) {
	where, args := []string{"m.name <> ?"}, []any{BotName}
	if part := strings.TrimSpace(f.Part); part != "" {
		if len(part) > MaxPart {
			return nil, 0, nil
		}
		where, args = append(where, "m.name LIKE ? ESCAPE '!'"), append(args, "%"+db.EscapeLike(part)+"%")
	}
	switch f.State {
	case "enabled":
		where, args = append(where, "m.state = ?"), append(args, Enabled)
	case "disabled":
		where, args = append(where, "m.state <> ?"), append(args, Enabled)
	case "noleech":
		where, args = append(where, "m.state = ? AND m.can_leech = 0"), append(args, Enabled)
	}
	if f.ClassID > 0 {
		where, args = append(where, "m.class_id = ?"), append(args, f.ClassID)
	}
	chosen := " FROM member m WHERE " + strings.Join(where, " AND ")
	if err := s.db.QueryRowContext(ctx, "SELECT COUNT(*)"+chosen, args...).Scan(&count); err != nil {
		return nil, 0, fmt.Errorf("count members: %w", err)
	}
	list, err = db.All(ctx, s.db, scanMember, "SELECT "+columns+chosen+" AND m.name > ? ORDER BY m.name LIMIT ?", append(args, f.After, min(max(limit, 1), 200))...)
	if err != nil {
		return nil, 0, fmt.Errorf("find members: %w", err)
	}
	return list, count, s.addClasses(ctx, s.db, list)
}
