package staff

import (
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

const (
	treeRows    = 200 // members of a branch that are shown
	deepest     = 12  // how far rows are moved in
	treeInvites = 20  // invites of the member that are shown
)

// treePage is a member's branch of the invite tree, with what may be done to it.
type treePage struct {
	Name    string
	Came    invite.Origin
	Sums    invite.Sums
	More    bool // there are more than were read
	Amounts bool // the visitor sees what members hide
	Show    string
	Rows    []treeRow
	Left    int // members below who are not shown
	Invites []invitedRow
	Acts    []web.CommandForm
}

// treeRow is a member in the branch.
type treeRow struct {
	invite.Node
	View member.View
	In   []struct{} // one for each step by which the row is moved in
}

// invitedRow is an invite that the member made.
type invitedRow struct {
	invite.Invite
	State  invite.State
	Revoke []web.CommandForm // one at most
}

var treeView = web.NewView[treePage]("staff_tree")

// treeAddress is a member's branch.
func treeAddress(name string) string { return web.StaffAddress(name) + "/tree" }

// tree shows a member's branch. Figures that members hide are shown to those alone who may
// see them and ask for it, as each look is noted.
func (h handlers) tree(v *web.Visit) (err error) {
	m := v.Found.Member
	p := treePage{Name: m.Name}
	viewer := member.Others()
	if v.Me.Can(core.MemberSeePrivate) {
		if p.Amounts = v.Query("private") == "yes"; p.Amounts {
			viewer = v.Me.Viewer()
		} else {
			p.Show = treeAddress(m.Name) + "?private=yes"
		}
	}
	if err := h.Members.LookAtInvites(v.Context(), v.Me.Viewer(), m.ID); err != nil {
		return err
	}
	b, err := h.Invites.Branch(v.Context(), m.ID, invite.MaxBranch)
	if err != nil {
		return err
	}
	if p.Came, err = h.Invites.Origin(v.Context(), m.ID); err != nil {
		return err
	}
	p.Sums, p.More = b.Sums(), b.More
	below := b.Nodes[1:]
	shown := below[:min(len(below), treeRows)]
	p.Left = len(below) - len(shown)
	ids := make([]core.MemberID, len(shown))
	for i, n := range shown {
		ids[i] = n.ID
	}
	views, err := h.Members.SeeIDs(v.Context(), viewer, ids)
	if err != nil {
		return err
	}
	for _, n := range shown {
		p.Rows = append(p.Rows, treeRow{Node: n, View: views[n.ID], In: make([]struct{}, min(n.Depth-1, deepest))})
	}
	if err := h.treeInvites(v, m, &p); err != nil {
		return err
	}
	for _, f := range []string{"branch move", "branch disable", "invite give"} {
		if !h.Commands.Allows(v.Actor(), f, command.Subject{Member: &m}) {
			continue
		}
		forms, err := h.forms(v, treeAddress(m.Name), map[string]string{"name": m.Name}, f)
		if err != nil {
			return err
		}
		p.Acts = append(p.Acts, forms...)
	}
	return treeView.OK(v, p)
}

// treeInvites reads the newest invites of the member, and offers to take back what is open.
func (h handlers) treeInvites(v *web.Visit, m member.Member, p *treePage) error {
	list, err := h.Invites.Of(v.Context(), m.ID, 0, treeInvites)
	if err != nil {
		return err
	}
	for _, i := range list {
		row := invitedRow{Invite: i, State: i.State(h.Clock())}
		if row.State == invite.Open && h.Commands.Allows(v.Actor(), "invite give", command.Subject{Member: &m}) { // the same rule of rank
			if row.Revoke, err = h.forms(v, treeAddress(m.Name), map[string]string{"id": strconv.FormatInt(i.ID, 10)}, "invite revoke"); err != nil {
				return err
			}
		}
		p.Invites = append(p.Invites, row)
	}
	return nil
}
