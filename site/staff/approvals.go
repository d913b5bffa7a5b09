package staff

import (
	"slices"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// approvalsPage lists acts that wait until another member of staff approves them.
type approvalsPage struct{ Acts []waitingAct }

// waitingAct is one of them, with the buttons that the visitor has.
type waitingAct struct {
	command.Waiting
	Face    string // on which it was asked for, in words
	Approve web.CommandForm
	Drop    web.CommandForm
}

var approvalsView = web.NewView[approvalsPage]("approvals")

const approvalsAddress = "/staff/approvals"

// faces are where something is asked for, in words.
var faces = map[string]string{"site": "on the site", "irc": "on IRC", "shell": "in a shell"}

// approvals lists what waits. Who asked for an act sees why they can't approve it: the
// engine says so when they try.
func (h handlers) approvals(v *web.Visit) error {
	list, err := h.Commands.Waiting(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	var p approvalsPage
	for _, w := range list {
		a := waitingAct{Waiting: w, Face: faces[string(w.Via)]}
		for name, into := range map[string]*web.CommandForm{"approve": &a.Approve, "pending drop": &a.Drop} {
			info, err := h.Commands.Named(v.Actor(), name)
			if err != nil {
				return err
			}
			if *into, err = web.NewCommandForm(v, h.Commands, info, map[string]string{"code": w.Code}, nil, approvalsAddress); err != nil {
				return err
			}
		}
		a.Drop.Note, a.Approve.Note = "", ""
		p.Acts = append(p.Acts, a)
	}
	return approvalsView.OK(v, p)
}

// Approving is who may approve something: who has a permission of a command that waits for
// it. The registry knows them as well, and a test holds the two against each other.
var Approving = []core.Permission{core.MemberKeys}

// mayApprove reports whether the visitor may approve anything.
func (h handlers) mayApprove(v *web.Visit) bool {
	return slices.ContainsFunc(Approving, v.Me.Can)
}
