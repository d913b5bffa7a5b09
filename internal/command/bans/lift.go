package bans

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

type liftArgs struct {
	ID     command.ID   `arg:"id" hint:"the number of the ban; ban list shows it"`
	Reason command.Text `arg:"reason"`
}

func (d Deps) lift() command.Command {
	return command.Action[liftArgs]{
		Spec: command.Spec{Name: "ban lift", Summary: "end a ban", Permission: core.BanManage, Button: "Lift"},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a liftArgs) (string, error) {
			return d.state(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a liftArgs) (command.Reply, error) {
			b, err := d.Bans.In(tx).Lift(ctx, int64(a.ID), c.Actor.Name, string(a.Reason))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Ban %d, of %s, is lifted.", b.ID, b.Kind.Words()).With("ban restore", liftArgs{ID: a.ID, Reason: "it was lifted by mistake"}), nil
		},
	}
}

func (d Deps) restore() command.Command {
	return command.Action[liftArgs]{
		Spec: command.Spec{Name: "ban restore", Summary: "let a ban that was lifted hold again, until its old end", Permission: core.BanManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a liftArgs) (string, error) {
			return d.state(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a liftArgs) (command.Reply, error) {
			b, err := d.Bans.In(tx).Restore(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Ban %d, of %s, holds again, %s.", b.ID, b.Kind.Words(), b.Until()).With("ban lift", liftArgs{ID: a.ID, Reason: "it was restored by mistake"}), nil
		},
	}
}

// state is what a decision about a ban rests on.
func (d Deps) state(ctx context.Context, tx *db.Tx, id command.ID) (string, error) {
	b, err := d.Bans.In(tx).ByID(ctx, int64(id))
	if err != nil {
		return "", err
	}
	return state(b), nil
}
