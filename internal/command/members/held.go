package members

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

const heldLines = 15

type heldArgs struct {
	What   string      `arg:"what,optional" hint:"Such as warned, disabled or no-download; left empty, everything."`
	Before *command.ID `arg:"before,flag"`
}

// held lists what is in force, of all members.
func (d Deps) held() command.Command {
	return command.Question[heldArgs]{
		Spec: command.Spec{Name: "member held", Summary: "the warnings, restrictions and grants that are in force, of all members, newest first", Permission: core.MemberSeePrivate, Secret: true},
		Run: func(ctx context.Context, _ command.Call, a heldArgs) (command.Reply, error) {
			effect, again := member.Effect(strings.ToLower(a.What)), "member held"
			if a.What != "" {
				if effect.Info().Effect == "" {
					return command.Reply{}, core.FieldErrorf("what", "there is no %q; there are %s", text.Cut(a.What, 40), effectNames())
				}
				again += " " + string(effect)
			}
			list, next, err := d.Members.Running(ctx, effect, before(a.Before), heldLines)
			if err != nil {
				return command.Reply{}, err
			}
			ids := make([]core.MemberID, len(list))
			for i, c := range list {
				ids[i] = c.Member
			}
			known, err := d.Members.ByIDs(ctx, ids)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Member", "Cause", "What", "Since", "Until", "By", "Reason"}, Empty: "Nothing is in force."}
			for _, c := range list {
				m := known[c.Member]
				row := causeRow(c)
				t.Rows = append(t.Rows, command.Row{Cells: append([]string{m.Name}, row.Cells[:6]...), Text: m.Name + ": " + row.Text, Link: d.card(m)})
			}
			if next > 0 {
				t.More = fmt.Sprintf("Older ones: %s --before %d", again, next)
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

// effectNames lists the effects.
func effectNames() string {
	var out []string
	for _, i := range member.Effects() {
		out = append(out, string(i.Effect))
	}
	return strings.Join(out, ", ")
}
