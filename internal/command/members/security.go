package members

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
)

const securityLines = 15

type securityArgs struct {
	Member member.Member `arg:"name,below"`
	Before *command.ID   `arg:"before,flag"`
}

// security shows the security log of a member to staff. Each look is in the audit log, and
// the member finds it in theirs.
func (d Deps) security() command.Command {
	return command.Question[securityArgs]{
		Spec: command.Spec{Name: "member security", Summary: "who logged in to an account or tried to, from where, and what became of its keys",
			Permission: core.MemberSeeAddress, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a securityArgs) (command.Reply, error) {
			list, err := d.Members.Security().Page(ctx, a.Member.ID, before(a.Before), securityLines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"When", "What", "Where", "From"}, Empty: "There is nothing in the security log of " + a.Member.Name + "."}
			if len(list) > securityLines {
				list = list[:securityLines]
				t.More = fmt.Sprintf("Older ones: member security %s --before %d", a.Member.Name, list[securityLines-1].ID)
			}
			for _, e := range list {
				t.Rows = append(t.Rows, securityRow(e))
			}
			return command.Reply{Blocks: []command.Block{t}}, d.Members.LookAtAddresses(ctx, c.Actor.Sees(), a.Member.ID)
		},
	}
}

func securityRow(e security.Entry) command.Row {
	what, where, from := e.What(), e.Where(), e.Address
	if e.Detail != "" {
		what += ": " + e.Detail
	}
	if e.Tries > 1 {
		what += fmt.Sprintf(" (%d times)", e.Tries)
	}
	if e.By != "" {
		where += ", by " + e.By
	}
	if from == "" && e.By == "" {
		from = "not known"
	}
	row := command.Row{Cells: []string{text.Instant(e.LastAt), what, where, from}}
	row.Text = strings.Join(row.Cells, ", ")
	return row
}
