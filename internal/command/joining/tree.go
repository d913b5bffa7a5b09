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

// branchLines is how many members of a branch are told of in chat.
const branchLines = 40

type memberArgs struct {
	Member member.Member `arg:"name"`
}

func (d Deps) tree() command.Command {
	return command.Question[memberArgs]{
		Spec: command.Spec{Name: "invite tree", Summary: "who came by a member, with the figures of the branch", Permission: core.InviteManage, Secret: true},
		Run: func(ctx context.Context, c command.Call, a memberArgs) (command.Reply, error) {
			b, err := d.Invites.Branch(ctx, a.Member.ID, branchLines)
			if err != nil {
				return command.Reply{}, err
			}
			from, err := d.Invites.Origin(ctx, a.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			ids := make([]core.MemberID, len(b.Nodes))
			for i, n := range b.Nodes {
				ids[i] = n.ID
			}
			views, err := d.Members.SeeIDs(ctx, c.Actor.Sees(), ids[1:])
			if err != nil {
				return command.Reply{}, err
			}
			r := command.Say("%s", cameBy(a.Member, from))
			r.Blocks = append(r.Blocks, command.Line{Text: sumsOf(b, c.Actor.Sees().Private)})
			t := command.Table{Columns: []string{"Below", "Name", "Class", "Uploaded", "Downloaded", "Ratio", "State"}, Empty: ""}
			for _, n := range b.Nodes[1:] {
				up, down, by := amounts(views[n.ID])
				cells := []string{fmt.Sprint(n.Depth), n.Name, n.Class, up, down, by, stateOf(n)}
				t.Rows = append(t.Rows, command.Row{Cells: cells, Text: fmt.Sprintf("%s %s (%s): uploaded %s, downloaded %s, ratio %s, %s", strings.Repeat(">", n.Depth), n.Name, n.Class, up, down, by, stateOf(n))})
			}
			if b.More {
				t.More = "More stand below; the site shows all."
			}
			r.Blocks = append(r.Blocks, t)
			return r, nil
		},
	}
}

// cameBy says how somebody came.
func cameBy(m member.Member, o invite.Origin) string {
	at := m.CreatedAt.Format("2006-01-02")
	switch {
	case o.Via == invite.ViaOpen:
		return fmt.Sprintf("%s joined by themselves on %s.", m.Name, at)
	case o.Name == "" && o.Via == "":
		return fmt.Sprintf("Of %s it is not recorded who invited them; they are here since %s.", m.Name, at)
	case o.Name == "":
		return fmt.Sprintf("%s came by %s on %s, below nobody.", m.Name, o.Via, at)
	}
	return fmt.Sprintf("%s came by %s on %s, and stands below %s.", m.Name, o.Via, at, o.Name)
}

// amounts are the transfer of a member as the viewer may see it.
func amounts(v member.View) (up, down, by string) {
	up, down, by = "hidden", "hidden", "hidden"
	if f := v.Uploaded(); f.Shown {
		up = f.Value.String()
	}
	if f := v.Downloaded(); f.Shown {
		down = f.Value.String()
	}
	if f := v.Ratio(); f.Shown {
		by = ratio(f.Value.Value, f.Value.Any)
	}
	return up, down, by
}

// sumsOf tells of a branch; its amounts only to whoever may see what members hide, as a
// branch may be of one member.
func sumsOf(b invite.Branch, withAmounts bool) string {
	s := b.Sums()
	if s.Members == 0 {
		return "Nobody stands below."
	}
	more := ""
	if b.More {
		more = "At least "
	}
	sums := ""
	if withAmounts {
		sums = fmt.Sprintf(": uploaded %s, downloaded %s, ratio %s", s.Uploaded, s.Downloaded, ratio(s.Ratio()))
	}
	return fmt.Sprintf("%s%d stand below, %d deep%s; %d are disabled, %d warned.", more, s.Members, s.Depth, sums, s.Disabled, s.Warned)
}

func ratio(r float64, ok bool) string {
	if !ok {
		return "none yet"
	}
	return fmt.Sprintf("%.2f", r)
}

func stateOf(n invite.Node) string {
	switch {
	case n.Disabled:
		return "disabled"
	case n.Warned:
		return "warned"
	}
	return "in order"
}

type moveArgs struct {
	Member member.Member  `arg:"name,below"`
	Under  *member.Member `arg:"under" hint:"who they shall stand below; empty is nobody"`
}

// under is whom a branch is put below, 0 for nobody.
func (a moveArgs) under() (core.MemberID, string) {
	if a.Under == nil {
		return 0, ""
	}
	return a.Under.ID, a.Under.Name
}

func (d Deps) moveBranch() command.Command {
	return command.Action[moveArgs]{
		Spec: command.Spec{Name: "branch move", Summary: "put a member, with all that came by them, below somebody else in the invite tree", Permission: core.InviteManage},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a moveArgs) ([]string, error) {
			under, name := a.under()
			was, err := d.Invites.In(tx).PlanMove(ctx, a.Member.ID, under)
			if err != nil {
				return nil, err
			}
			b, err := d.Invites.In(tx).Branch(ctx, a.Member.ID, invite.MaxBranch)
			if err != nil {
				return nil, err
			}
			return []string{fmt.Sprintf("This would put %s below %s; now they stand below %s. %s", a.Member.Name, called(name), called(was.Name), sumsOf(b, false))}, nil
		},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a moveArgs) (string, error) {
			o, err := d.Invites.In(tx).Origin(ctx, a.Member.ID)
			return fmt.Sprint(a.Member.ID, o.Inviter), err
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a moveArgs) (command.Reply, error) {
			under, name := a.under()
			if a.Under != nil && a.Under.Class.Name == member.BotClass {
				return command.Reply{}, core.FieldErrorf("under", "%s invites nobody", name)
			}
			was, err := d.Invites.In(tx).Move(ctx, a.Member.ID, under)
			if err != nil {
				return command.Reply{}, err
			}
			if was.Inviter == under {
				return command.Say("%s stands below %s already.", a.Member.Name, called(name)), nil
			}
			back := moveArgs{Member: a.Member}
			if was.Inviter != 0 {
				m, err := d.Members.In(tx).ByID(ctx, was.Inviter)
				if err != nil {
					return command.Reply{}, err
				}
				back.Under = &m
			}
			return command.Say("%s stands below %s now; it was below %s.", a.Member.Name, called(name), called(was.Name)).With("branch move", back), nil
		},
	}
}

// called is the name of a member, or the word for nobody.
func called(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}
