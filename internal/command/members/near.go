package members

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
)

const nearLines = 15

type nearArgs struct {
	Member member.Member `arg:"name,below"`
}

// near lists who has addresses in common with a member. Each look is in the audit log, and
// in the security log of each who is shown.
func (d Deps) near() command.Command {
	return command.Question[nearArgs]{
		Spec: command.Spec{Name: "member near", Summary: "other accounts below yours that were used from the same addresses as a member's",
			Permission: core.MemberSeeAddress, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a nearArgs) (command.Reply, error) {
			list, more, err := d.Members.Security().Near(ctx, a.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			if err := d.Members.LookAtAddresses(ctx, c.Actor.Sees(), a.Member.ID); err != nil {
				return command.Reply{}, err
			}
			return d.nearReply(ctx, c, list, more, "No other account was used from the latest addresses of "+a.Member.Name+", as far as the security log goes back.")
		},
	}
}

// nearReply lists accounts with what they have in common. Chat is told of the first alone.
func (d Deps) nearReply(ctx context.Context, c command.Call, list []security.Near, more bool, empty string) (command.Reply, error) {
	ids := make([]core.MemberID, len(list))
	for i, n := range list {
		ids[i] = n.Member
	}
	known, err := d.Members.ByIDs(ctx, ids)
	if err != nil {
		return command.Reply{}, err
	}
	t := command.Table{Columns: []string{"Member", "Class", "State", "Addresses in common", "Last there"}, Empty: empty}
	var shown []core.MemberID
	for _, n := range list {
		m, there := known[n.Member]
		if !there || c.Actor.MayActOn(m) != nil { // where others were is shown to nobody but those above them
			continue
		}
		shown = append(shown, m.ID)
		at, many := fmt.Sprintf("%s on %s", n.Address, text.Instant(n.LastAt)), "1 address"
		if n.Places > 1 {
			many = fmt.Sprintf("%d addresses", n.Places)
		}
		t.Rows = append(t.Rows, command.Row{Cells: []string{m.Name, m.Class.Name, stateOf(m), fmt.Sprint(n.Places), at}, Link: d.card(m),
			Text: fmt.Sprintf("%s (%s, %s): %s in common, last %s", m.Name, m.Class.Name, stateOf(m), many, at)})
	}
	if len(t.Rows) > nearLines {
		t.Chat = chatOf(t.Rows[:nearLines])
		t.Chat = append(t.Chat, fmt.Sprintf("(%d more; the site lists them)", len(t.Rows)-nearLines))
	}
	if more {
		t.More = "There are others besides: many share these addresses."
	}
	return command.Reply{Blocks: []command.Block{t}}, d.Members.LookAtAddresses(ctx, c.Actor.Sees(), shown...)
}

// chatOf is what chat is told of rows.
func chatOf(rows []command.Row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Text
	}
	return out
}

// card is the address of a member's card for staff.
func (d Deps) card(m member.Member) string { return d.SiteURL + "/staff/members/" + m.Name }
