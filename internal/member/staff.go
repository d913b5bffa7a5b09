package member

import (
	"context"
	"fmt"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// StaffClass is a class of staff with those who have it.
type StaffClass struct {
	Name    string
	Members []Member
}

// mostStaff bounds the list of staff.
const mostStaff = 200

// Having returns the members who have a permission by a class of theirs and may use it, by
// name, at most 200. Hermes and disabled accounts are left out.
func (s *Store) Having(ctx context.Context, p core.Permission) ([]Member, error) {
	classes, err := s.Classes(ctx)
	if err != nil {
		return nil, err
	}
	return s.having(ctx, classes, p)
}

func (s *Store) having(ctx context.Context, classes []Class, p core.Permission) ([]Member, error) {
	var ids []any
	for _, c := range classes {
		if c.Permissions.Has(p) && c.Name != BotClass {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	marks := db.Marks(len(ids))
	people, err := s.list(ctx, "SELECT "+s.columns()+" FROM member m WHERE m.id IN (SELECT id FROM member WHERE class_id IN ("+marks+
		") UNION SELECT member_id FROM member_class WHERE class_id IN ("+marks+")) AND m.name <> ? AND NOT "+hasCause+" ORDER BY m.name LIMIT ?",
		append(append(append([]any{}, ids...), ids...), BotName, Disabled, s.clock().Unix(), mostStaff)...)
	if err != nil {
		return nil, fmt.Errorf("list who may %s: %w", p, err)
	}
	return slices.DeleteFunc(people, func(m Member) bool { return !m.Can(p) }), nil // from some it is withheld
}

// Staff returns those who may enter the staff's channel, by the highest of their classes
// that allows it, the highest class first. Hermes and disabled accounts are left out.
func (s *Store) Staff(ctx context.Context) ([]StaffClass, error) {
	classes, err := s.Classes(ctx)
	if err != nil {
		return nil, err
	}
	people, err := s.having(ctx, classes, core.IRCStaff)
	if err != nil {
		return nil, err
	}
	var out []StaffClass
	for _, c := range classes { // highest first
		var have []Member
		people = slices.DeleteFunc(people, func(m Member) bool {
			has := m.Class.ID == c.ID || slices.Contains(m.SecondaryIDs(), c.ID)
			if has = has && c.Permissions.Has(core.IRCStaff) && c.Name != BotClass; has {
				have = append(have, m)
			}
			return has
		})
		if len(have) > 0 {
			out = append(out, StaffClass{c.Name, have})
		}
	}
	return out, nil
}
