package member

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Filter chooses accounts. What is empty chooses nothing.
type Filter struct {
	Part    string // of a name, in any case; "#" and a number is that account
	State   string // "enabled", which is not disabled, or an Effect that has a hold on them
	ClassID int64  // of the primary class
	After   string // names after this one
}

// MaxPart is the longest part of a name that is looked for, in bytes.
const MaxPart = 64

// hasCause chooses members whom a cause with an effect concerns.
const hasCause = "EXISTS (SELECT 1 FROM member_cause f WHERE f.member_id = m.id AND f.effect = ? AND f.ended_at = 0 AND (f.ends_at = 0 OR f.ends_at > ?))"

// MostCounted is up to how many accounts Find counts: a count above it says that there are
// more, and not how many.
const MostCounted = 1000

// held are the members whom a cause with an effect concerns: few of all, and read once.
const held = "(SELECT f.member_id FROM member_cause f WHERE f.effect = ? AND f.ended_at = 0 AND (f.ends_at = 0 OR f.ends_at > ?))"

// Find returns up to limit (1 to 200) accounts, by name, and how many there are on all
// pages, at most MostCounted+1. A part of a name is looked for in an index of names alone,
// so that no other row is read than those that are returned.
func (s *Store) Find(ctx context.Context, f Filter, limit int) (list []Member, count int, err error) {
	chosen, args, possible := s.chosen(f)
	if !possible {
		return nil, 0, nil
	}
	limit = min(max(limit, 1), mostByIDs)
	most := limit
	if f.After == "" { // the page is the beginning of what is counted
		most = MostCounted + 1
	}
	ids, err := db.All(ctx, s.db, db.Value[core.MemberID], "SELECT m.id"+chosen+" AND m.name > ? ORDER BY m.name LIMIT ?", append(append([]any{}, args...), f.After, most)...)
	if err != nil {
		return nil, 0, fmt.Errorf("find members: %w", err)
	}
	count = len(ids)
	if f.After != "" {
		if err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1"+chosen+" LIMIT ?) AS s", append(args, MostCounted+1)...).Scan(&count); err != nil {
			return nil, 0, fmt.Errorf("count members: %w", err)
		}
	}
	ids = ids[:min(len(ids), limit)]
	known, err := s.ByIDs(ctx, ids)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		if m, there := known[id]; there {
			list = append(list, m)
		}
	}
	return list, count, nil
}

// chosen is what follows SELECT in a statement about the accounts that a filter chooses.
func (s *Store) chosen(f Filter) (from string, args []any, possible bool) {
	where, args := []string{"m.name <> ?"}, []any{BotName}
	now := s.clock().Unix()
	part := strings.TrimSpace(f.Part)
	switch number, isNumber := strings.CutPrefix(part, "#"); {
	case part == "":
	case len(part) > MaxPart:
		return "", nil, false
	case isNumber:
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return "", nil, false
		}
		where, args = append(where, "m.id = ?"), append(args, id)
	default:
		where, args = append(where, "m.name LIKE ? ESCAPE '!'"), append(args, "%"+db.EscapeLike(part)+"%")
	}
	switch f.State {
	case "":
	case "enabled":
		where, args = append(where, "m.id NOT IN "+held), append(args, Disabled, now)
	default:
		where, args = append(where, "m.id IN "+held), append(args, f.State, now)
	}
	if f.ClassID > 0 {
		where, args = append(where, "m.class_id = ?"), append(args, f.ClassID)
	}
	return " FROM member m WHERE " + strings.Join(where, " AND "), args, true
}
