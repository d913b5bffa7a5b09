package members

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

const findLines = 15

type findArgs struct {
	Part  string        `arg:"part,optional" hint:"Part of a name, or # and a number."`
	Class *member.Class `arg:"class,flag"`
	Held  string        `arg:"held,flag,optional" hint:"What concerns them, such as warned; or enabled."`
	After string        `arg:"after,flag,optional" hint:"Names after this one."`
}

// find looks for accounts.
func (d Deps) find() command.Command {
	return command.Question[findArgs]{
		Spec: command.Spec{Name: "member find", Summary: "members by a part of the name, a number, class, or what concerns them", Permission: core.MemberSeePrivate},
		Run: func(ctx context.Context, _ command.Call, a findArgs) (command.Reply, error) {
			f := member.Filter{Part: a.Part, State: strings.ToLower(a.Held), After: a.After}
			if f.State != "" && f.State != "enabled" && member.Effect(f.State).Info().Effect == "" {
				return command.Reply{}, core.FieldErrorf("held", "there is nothing of that kind; there are enabled, %s", effectNames())
			}
			again := "member find"
			if a.Class != nil {
				f.ClassID = a.Class.ID
				again += " " + command.Join([]string{"--class", a.Class.Name})
			}
			if f.State != "" {
				again += " --held " + f.State
			}
			list, count, err := d.Members.Find(ctx, f, findLines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Member", "Number", "Class", "State"}, Empty: "Nobody fits."}
			if len(list) > findLines {
				list = list[:findLines]
				many := fmt.Sprint(count)
				if count > member.MostCounted {
					many = fmt.Sprintf("more than %d", member.MostCounted)
				}
				again += " --after " + list[findLines-1].Name
				if a.Part != "" {
					again += " " + command.Join([]string{a.Part})
				}
				t.More = fmt.Sprintf("There are %s. More: %s", many, again)
			}
			for _, m := range list {
				t.Rows = append(t.Rows, command.Row{Cells: []string{m.Name, fmt.Sprint(m.ID), m.Class.Name, stateOf(m)}, Link: d.card(m),
					Text: fmt.Sprintf("%s, id %d, %s, %s", m.Name, m.ID, m.Class.Name, stateOf(m))})
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

type atArgs struct {
	Address string `arg:"address,secret" hint:"One address, such as 192.0.2.1 or 2001:db8::1. The audit log says that you looked, and not for which."`
}

// at lists who was at an address. Each look is in the audit log.
func (d Deps) at() command.Command {
	return command.Question[atArgs]{
		Spec: command.Spec{Name: "member at", Summary: "the accounts below yours that were used from an address", Permission: core.MemberSeeAddress, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a atArgs) (command.Reply, error) {
			address, err := netip.ParseAddr(strings.TrimSpace(a.Address))
			if err != nil {
				return command.Reply{}, core.FieldErrorf("address", "write one address, such as 192.0.2.1 or 2001:db8::1")
			}
			list, more, err := d.Members.Security().At(ctx, address)
			if err != nil {
				return command.Reply{}, err
			}
			return d.nearReply(ctx, c, list, more, "No account was used from there, as far as the security log goes back.")
		},
	}
}
