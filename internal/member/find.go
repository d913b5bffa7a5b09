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
	Part    string        // of a name, in any case; "#" and a number is that account
	State   string        // "enabled", which is not disabled, or an Effect that has a hold on them
	Class   Class         // the primary class, or one of the duties beside it
	Client  string        // the beginning of a client's name, as client.Name writes it: who announced with it lately
	Inviter core.MemberID // who stand right below this member in the invite tree
	After   string        // names after this one
}

// Empty reports whether nothing is chosen, wherever the list goes on.
func (f Filter) Empty() bool {
	return strings.TrimSpace(f.Part) == "" && f.State == "" && f.Class.ID == 0 && f.Client == "" && f.Inviter == 0
}

// MaxPart is the longest part of a name that is looked for, in bytes.
const MaxPart = 64

// mostRecords is how many announces are looked through for a client.
const mostRecords = 5000

// withClient are announces with a client, the index of clients alone being read.
const withClient = "(SELECT r.member_id FROM announce_record r WHERE r.client >= ? AND r.client < ? LIMIT ?)"

// clientArgs are the bounds of the names that begin with a text.
func clientArgs(begins string, limit int) []any { return []any{begins, begins + "\U0010FFFF", limit} }

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
	if f.Class.Secondary {
		where, args = append(where, "m.id IN (SELECT x.member_id FROM member_class x WHERE x.class_id = ?)"), append(args, f.Class.ID)
	} else if f.Class.ID > 0 {
		where, args = append(where, "m.class_id = ?"), append(args, f.Class.ID)
	}
	if f.Client != "" {
		where, args = append(where, "m.id IN (SELECT c.member_id FROM "+withClient+" AS c)"), append(args, clientArgs(f.Client, mostRecords)...)
	}
	if f.Inviter > 0 {
		where, args = append(where, "m.id IN (SELECT i.member_id FROM member_inviter i WHERE i.inviter_id = ?)"), append(args, f.Inviter)
	}
	return " FROM member m WHERE " + strings.Join(where, " AND "), args, true
}

// ClientIsCommon reports whether more announces are with a client than Find looks through:
// then it finds only some of those who use it.
func (s *Store) ClientIsCommon(ctx context.Context, client string) (bool, error) {
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+withClient+" AS c", clientArgs(client, mostRecords+1)...).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("count announces with a client: %w", err)
	}
	return n > mostRecords, nil
}
