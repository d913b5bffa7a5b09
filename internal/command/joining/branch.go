package joining

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// names are those of a branch, as far as they fit a line.
func names(list []invite.Node) string {
	const most = 12
	var out []string
	for _, n := range list[:min(len(list), most)] {
		out = append(out, n.Name)
	}
	if len(list) > most {
		out = append(out, fmt.Sprintf("and %d more", len(list)-most))
	}
	return strings.Join(out, ", ")
}

type branchArgs struct {
	Member member.Member `arg:"name,below"`
	Reason command.Text  `arg:"reason" hint:"Each of them is shown it. Sessions, tracker and IRC end at once."`
}

// allowed is the rule of rank of an actor.
func allowed(a command.Actor) func(member.Member) bool {
	return func(m member.Member) bool { return a.MayActOn(m) == nil }
}

func (d Deps) disableBranch() command.Command {
	return command.Action[branchArgs]{
		Spec: command.Spec{Name: "branch disable", Summary: "close an account and all that came by it; each is shown the reason", Permission: core.MemberDisable,
			Offer: func(s command.Subject) bool { return s.Member.Enabled() }},
		Preview: func(ctx context.Context, tx *db.Tx, c command.Call, a branchArgs) ([]string, error) {
			if err := member.CheckReason(string(a.Reason)); err != nil {
				return nil, err
			}
			p, err := d.Invites.In(tx).PlanDisable(ctx, a.Member.ID, allowed(c.Actor))
			if err != nil {
				return nil, err
			}
			out := []string{fmt.Sprintf("This would disable %d accounts: %s. Reason: %s", len(p.Do), names(p.Do), a.Reason)}
			if len(p.Out) > 0 {
				out = append(out, fmt.Sprintf("It leaves out %d whose class is not below yours: %s.", len(p.Out), names(p.Out)))
			}
			if p.Disabled > 0 {
				out = append(out, fmt.Sprintf("%d are disabled already, and stay as they are.", p.Disabled))
			}
			return out, nil
		},
		State: func(ctx context.Context, tx *db.Tx, c command.Call, a branchArgs) (string, error) {
			p, err := d.Invites.In(tx).PlanDisable(ctx, a.Member.ID, allowed(c.Actor))
			if core.CodeOf(err) == core.Conflict {
				return "nobody", nil
			}
			var ids []core.MemberID
			for _, n := range p.Do {
				ids = append(ids, n.ID)
			}
			return fmt.Sprint(ids, len(p.Out)), err
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a branchArgs) (command.Reply, error) {
			p, err := d.Invites.In(tx).DisableBranch(ctx, a.Member.ID, by(c.Actor), string(a.Reason), allowed(c.Actor))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("%d accounts are disabled: %s.", len(p.Do), names(p.Do)).With("branch enable", idArgs{ID: command.ID(p.Act)}), nil
		},
	}
}

// by is the actor as causes note who did something.
func by(a command.Actor) member.By { return member.By{ID: a.Member.ID, Name: a.Name} }

func (d Deps) enableBranch() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "branch enable", Summary: "take back that a branch was disabled, by the number of its first cause", Permission: core.MemberDisable},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a idArgs) (command.Reply, error) {
			done, err := d.Invites.In(tx).EnableBranch(ctx, int64(a.ID), by(c.Actor), allowed(c.Actor))
			if err != nil {
				return command.Reply{}, err
			}
			list := make([]invite.Node, len(done))
			for i, m := range done {
				list[i].Name = m.Name
			}
			return command.Say("%d accounts are enabled again: %s. Whoever has another cause for it stays disabled.", len(done), names(list)), nil
		},
	}
}
