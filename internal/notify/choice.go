package notify

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Pair is one kind by one way.
type Pair struct {
	Kind Kind
	Way  Way
}

// Choices are what a member wants where that is not the default.
type Choices map[Pair]bool

// Wants reports whether a member gets a kind by a way.
func (c Choices) Wants(i Info, w Way) bool {
	if i.Fixed(w) {
		return true
	}
	if wanted, chosen := c[Pair{i.Kind, w}]; chosen {
		return wanted
	}
	return i.Default(w)
}

// Choices returns what a member has chosen.
func (s *Store) Choices(ctx context.Context, m core.MemberID) (Choices, error) {
	type row struct {
		Pair
		wanted bool
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (r row, err error) { return r, sc.Scan(&r.Kind, &r.Way, &r.wanted) },
		"SELECT kind, way, wanted FROM notify_choice WHERE member_id = ? ORDER BY kind, way LIMIT 1000", m)
	if err != nil {
		return nil, fmt.Errorf("read what member %d wants to be told: %w", m, err)
	}
	out := make(Choices, len(rows))
	for _, r := range rows {
		out[r.Pair] = r.wanted
	}
	return out, nil
}

// Choose keeps what a member wants. What c does not name stays as it was. A kind or way
// that there is not, and one that can't be switched off, is an error with code Invalid.
func (s *Store) Choose(ctx context.Context, m core.MemberID, c Choices) error {
	for p, wanted := range c {
		info, ok := KindNamed(p.Kind)
		switch {
		case !ok || p.Way.Words() == "":
			return core.FieldErrorf("kind", "there is no such notification; open the page again")
		case !wanted && info.Fixed(p.Way):
			return core.FieldErrorf("kind", "“%s” can't be switched off by %s: it guards your account", info.Words, p.Way)
		}
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, info := range kinds { // in one order, against deadlocks
			for _, w := range allWays() {
				wanted, named := c[Pair{info.Kind, w}]
				if !named {
					continue
				}
				if err := choose(ctx, tx, m, info, w, wanted); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what member %d wants to be told: %w", m, err)
	}
	return nil
}

func choose(ctx context.Context, tx *db.Tx, m core.MemberID, info Info, w Way, wanted bool) error {
	if wanted == info.Default(w) { // and follows it, if that ever changes
		_, err := tx.Exec(ctx, "DELETE FROM notify_choice WHERE member_id = ? AND kind = ? AND way = ?", m, info.Kind, w)
		return err
	}
	return tx.Upsert(ctx, db.UpsertSpec{Table: "notify_choice", Key: []string{"member_id", "kind", "way"}, Set: []string{"wanted"}}, []any{m, info.Kind, w, wanted})
}
