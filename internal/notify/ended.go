package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Nothing happens when the time of a restriction or an invite is over: what holds is computed
// from the time alone, and so no event tells of it. TellEnds looks for what has ended.
const (
	endsTold = 3 * 24 * time.Hour // how far back; while no job ran for longer, nothing is told
	endsPage = 200
)

// TellEnds tells members what has ended by itself lately: restrictions, warnings, permissions
// that they had for a while, and invites that nobody used. Each is told once. It returns how
// many were told.
func (c *Consumer) TellEnds(ctx context.Context) (told int64, err error) {
	now := c.clock()
	for after := int64(0); ; {
		list, err := c.Members.RanOut(ctx, now.Add(-endsTold), now, after, endsPage)
		if err != nil {
			return told, err
		}
		n, err := writeNew(ctx, c, list, c.ranOut)
		told += n
		if err != nil {
			return told, err
		}
		if len(list) < endsPage {
			break
		}
		after = list[len(list)-1].ID
	}
	if c.Joining == nil {
		return told, nil
	}
	for after := int64(0); ; {
		list, err := c.Joining.Invites.RanOut(ctx, now.Add(-endsTold), now, after, endsPage)
		if err != nil {
			return told, err
		}
		n, err := writeNew(ctx, c, list, unused)
		told += n
		if err != nil || len(list) < endsPage {
			return told, err
		}
		after = list[len(list)-1].ID
	}
}

// writeNew writes the notes about some things, but for those that are there.
func writeNew[T any](ctx context.Context, c *Consumer, things []T, about func(ctx context.Context, tx *db.Tx, thing T) (Note, error)) (fresh int64, err error) {
	if len(things) == 0 {
		return 0, nil
	}
	err = c.db.Tx(ctx, func(tx *db.Tx) error {
		fresh = 0
		var notes []Note
		var keys []any
		for _, thing := range things {
			n, err := about(ctx, tx, thing)
			if err != nil {
				return err
			}
			if n.Kind != "" {
				notes, keys = append(notes, n), append(keys, n.key())
			}
		}
		if len(notes) == 0 {
			return nil
		}
		there, err := db.All(ctx, tx, db.Value[string], "SELECT once FROM notification WHERE once IN ("+db.Marks(len(keys))+")", keys...)
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for _, key := range there {
			known[key] = true
		}
		for _, n := range notes {
			if known[n.key()] {
				continue
			}
			is, err := c.In(tx).Write(ctx, n)
			if err != nil {
				return err
			}
			if is {
				fresh++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("tell what has ended: %w", err)
	}
	return fresh, nil
}

// ranOut tells that a cause is over, the zero Note of one whose beginning was not told either.
func (c *Consumer) ranOut(ctx context.Context, tx *db.Tx, cause member.Cause) (Note, error) {
	if kindOf(cause) == "" {
		return Note{}, nil
	}
	n := Note{Member: cause.Member, Kind: AccountLifted, Subject: Subject{"cause", cause.ID}, Title: lifted[cause.Effect], Once: fmt.Sprintf("cause over:%d", cause.ID)}
	switch cause.Effect {
	case member.Granted:
		n.Kind, n.Title, n.Text = PermissionEnded, "The time is over for which you had a permission.", "It was to "+describe(cause.Permission)+"."
		return n, nil
	case member.Warned:
		n.Title, n.Text = "A warning of your account is over.", "Its time has passed."
		return n, nil
	}
	if n.Title == "" {
		n.Title = "A restriction of your account is over."
	}
	n.Text = "The time for which staff had set it has passed."
	m, err := c.Members.In(tx).ByID(ctx, cause.Member)
	if core.CodeOf(err) == core.NotFound {
		return Note{}, nil
	}
	if still, holds := m.Holds(cause.Effect); holds && still.Permission == cause.Permission {
		n.Title = "A restriction of your account is over, and another of its kind still holds."
		n.Text = still.Effect.Info().Title + " " + lasts(still)
	}
	return n, err
}

// unused tells that an invite ran out.
func unused(_ context.Context, _ *db.Tx, i invite.Invite) (Note, error) {
	return Note{Member: i.Inviter, Kind: InviteEnded, Subject: Subject{"invite", i.ID}, Once: fmt.Sprintf("invite over:%d", i.ID),
		Title: fmt.Sprintf("Your invite %d ran out, and nobody has used it.", i.ID), Text: "It is given back to you. Its link is no good any more."}, nil
}
