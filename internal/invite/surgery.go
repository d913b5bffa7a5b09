package invite

import (
	"context"
	"fmt"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// MaxSurgery is how many accounts one act on a branch disables at most.
const MaxSurgery = 200

// addStates notes who is disabled or warned now.
func (s *Store) addStates(ctx context.Context, nodes []Node) error {
	now := s.Clock()
	at := make(map[core.MemberID]int, len(nodes))
	for i, n := range nodes {
		at[n.ID] = i
	}
	for part := range slices.Chunk(nodes, 200) {
		args := make([]any, 0, len(part)+2)
		for _, n := range part {
			args = append(args, n.ID)
		}
		list, err := db.All(ctx, s.db, func(sc db.Scanner) (c member.Cause, err error) {
			var starts, ends int64
			err = sc.Scan(&c.Member, &c.Effect, &starts, &ends)
			c.Starts, c.Ends = instant(starts), instant(ends)
			return c, err
		}, "SELECT member_id, effect, starts_at, ends_at FROM member_cause WHERE member_id IN ("+db.Marks(len(part))+") AND ended_at = 0 AND effect IN (?, ?)",
			append(args, member.Disabled, member.Warned)...)
		if err != nil {
			return fmt.Errorf("read the causes of a branch: %w", err)
		}
		for _, c := range list {
			if !c.HoldsAt(now) {
				continue
			}
			n := &nodes[at[c.Member]]
			n.Disabled = n.Disabled || c.Effect == member.Disabled
			n.Warned = n.Warned || c.Effect == member.Warned
		}
	}
	return nil
}

// Surgery is what an act on a branch does, or would do.
type Surgery struct {
	Act      int64  // what EnableBranch takes; 0 before it was done
	Do       []Node // who is disabled by it
	Out      []Node // who is left out, as whoever acts may not act on them
	Disabled int    // who is disabled already, and left as they are
}

// PlanDisable returns what disabling a member with all below would do. may is the rule of rank.
// It fails with Conflict where there are too many for one act, or nobody is left.
func (s *Store) PlanDisable(ctx context.Context, id core.MemberID, may func(member.Member) bool) (out Surgery, err error) {
	b, err := s.Branch(ctx, id, MaxSurgery)
	if err != nil {
		return out, err
	}
	if b.More {
		return out, core.Errorf(core.Conflict, "more than %d stand in this branch; begin with its parts (invite tree shows them)", MaxSurgery)
	}
	for _, n := range b.Nodes {
		if n.Disabled {
			out.Disabled++
			continue
		}
		m, err := s.Members.ByID(ctx, n.ID)
		if err != nil {
			return out, err
		}
		if may(m) {
			out.Do = append(out.Do, n)
		} else {
			out.Out = append(out.Out, n)
		}
	}
	if len(out.Do) == 0 {
		return out, core.Errorf(core.Conflict, "there is nobody in this branch whom you could disable")
	}
	return out, nil
}

// DisableBranch disables a member with all below in one transaction, as PlanDisable says, each
// for the same reason, which they read. The caller checks who may do this.
func (s *Store) DisableBranch(ctx context.Context, id core.MemberID, by member.By, reason string, may func(member.Member) bool) (out Surgery, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, treeTurn); err != nil {
			return err
		}
		bound := s.In(tx)
		if out, err = bound.PlanDisable(ctx, id, may); err != nil {
			return err
		}
		// In one order, against deadlocks.
		list := slices.SortedFunc(slices.Values(out.Do), func(a, b Node) int { return int(a.ID - b.ID) })
		for _, n := range list {
			c, err := bound.Members.BeginCause(ctx, member.NewCause{Member: n.ID, Effect: member.Disabled, Reason: reason, By: by})
			if err != nil {
				return err
			}
			if out.Act == 0 {
				out.Act = c.ID
			}
			if _, err := tx.Insert(ctx, "branch_cause", db.Row{"cause_id", c.ID, "act", out.Act}); err != nil {
				return fmt.Errorf("note what was done to a branch: %w", err)
			}
		}
		return nil
	})
	return out, err
}

// EnableBranch ends what an act of DisableBranch began, as far as it still holds and the rule
// of rank allows, and returns of whom. It fails with NotFound for an act that there is not, and
// with Conflict where nothing of it holds any more.
func (s *Store) EnableBranch(ctx context.Context, act int64, by member.By, may func(member.Member) bool) (done []member.Member, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		done = nil
		bound := s.In(tx)
		causes, err := db.All(ctx, tx, db.Value[int64], "SELECT cause_id FROM branch_cause WHERE act = ? ORDER BY cause_id LIMIT ?", act, MaxSurgery)
		if err != nil {
			return fmt.Errorf("read what was done to a branch: %w", err)
		}
		if len(causes) == 0 {
			return core.Errorf(core.NotFound, "no branch was disabled by an act %d", act)
		}
		for _, id := range causes {
			c, err := bound.Members.CauseByID(ctx, id)
			if err != nil {
				return err
			}
			if !c.HoldsAt(s.Clock()) {
				continue
			}
			m, err := bound.Members.ByID(ctx, c.Member)
			if err != nil {
				return err
			}
			if !may(m) {
				continue
			}
			if _, err := bound.Members.EndCause(ctx, id, by, "the branch was enabled again"); err != nil {
				return err
			}
			done = append(done, m)
		}
		if len(done) == 0 {
			return core.Errorf(core.Conflict, "nothing of that act holds any more for anybody whom you could enable")
		}
		return nil
	})
	return done, err
}
