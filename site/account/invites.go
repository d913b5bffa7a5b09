package account

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// invitesPage is the visitor's own invites, and who came by them.
type invitesPage struct {
	settings
	Why    string // why they may make none; "" where they may
	Closed bool   // nobody joins at present
	ByMail bool
	Have   invite.Allowance
	Life   time.Duration
	Mail   string
	Note   string
	List   []ownInvite
	Next   string // the address of older ones, "" where there are none
	Tree   []twig
	More   bool // not all of the tree is shown
}

// ownInvite is an invite with what came of it.
type ownInvite struct {
	invite.Invite
	Now invite.State
}

// twig is a member below the visitor in the invite tree, as the visitor may see them.
type twig struct {
	View  member.View
	Depth int
	Under string // by whom they came; "" for the visitor
}

var invitesView = web.NewView[invitesPage]("settings_invites")

const (
	invitesPerPage = 25
	mostTwigs      = 100
	invitesPath    = "/settings/invites"
)

func (h handlers) invites(v *web.Visit) error {
	return h.showInvites(v, http.StatusOK, invitesPage{settings: settingsOf(v, invitesSection)})
}

func (h handlers) showInvites(v *web.Visit, status int, p invitesPage) error {
	door, err := h.Invites.Door(v.Context())
	if err != nil {
		return err
	}
	p.Closed, p.ByMail, p.Life = door.Mode == "closed", h.Recovery.ByMail(), door.InviteLife
	if why := v.Me.WhyNot(core.InviteSend); why != nil {
		p.Why = core.Sentence(why)
	}
	if p.Have, err = h.Invites.Allowance(v.Context(), v.Me); err != nil {
		return err
	}
	before := web.Number(v.Query("before"))
	list, err := h.Invites.Of(v.Context(), v.Me.ID, before, invitesPerPage+1)
	if err != nil {
		return err
	}
	for _, i := range list[:min(len(list), invitesPerPage)] {
		p.List = append(p.List, ownInvite{i, i.State(h.Clock())})
	}
	if len(list) > invitesPerPage {
		p.Next = fmt.Sprintf("%s?before=%d", invitesPath, p.List[invitesPerPage-1].ID)
	}
	if err := h.grow(v, &p); err != nil {
		return err
	}
	return invitesView.Render(v, status, p)
}

// grow adds the invite tree below the visitor. Whom somebody invited is theirs to show: where
// they hide it, those below them are left out.
func (h handlers) grow(v *web.Visit, p *invitesPage) error {
	b, err := h.Invites.Branch(v.Context(), v.Me.ID, mostTwigs+1)
	if err != nil {
		return err
	}
	p.More = b.More
	ids := make([]core.MemberID, 0, len(b.Nodes))
	for _, n := range b.Nodes[1:] {
		ids = append(ids, n.ID)
	}
	views, err := h.Members.SeeIDs(v.Context(), v.Me.Viewer(), ids)
	if err != nil {
		return err
	}
	shows := map[core.MemberID]bool{v.Me.ID: true} // whose invites are seen
	for _, n := range b.Nodes[1:] {                // each stands behind who invited them
		view, there := views[n.ID]
		if !there || !shows[n.Inviter] {
			continue
		}
		shows[n.ID] = view.Shows(member.HideInvites)
		t := twig{View: view, Depth: n.Depth}
		if n.Inviter != v.Me.ID {
			t.Under = views[n.Inviter].Member().Name
		}
		p.Tree = append(p.Tree, t)
	}
	return nil
}

// makeInvite runs the command that mails an invite, or that makes a link.
func (h handlers) makeInvite(v *web.Visit) error {
	p := invitesPage{settings: settingsOf(v, invitesSection), Mail: strings.TrimSpace(v.Form("email")), Note: text.Line(v.Form("note"))}
	name, given := "invite link", map[string]string{"note": p.Note}
	if p.Mail != "" {
		name, given = "invite send", map[string]string{"note": p.Note, "mail": p.Mail}
	}
	if err := h.command(v, name, given); err != nil {
		return again(err, &p.settings, func(status int) error { return h.showInvites(v, status, p) })
	}
	return web.RedirectTo(invitesPath)
}

// command runs a command and keeps its answer, with what is shown once, for the next page.
func (h handlers) command(v *web.Visit, name string, given map[string]string) error {
	a, err := h.Commands.Execute(v.Context(), command.Request{Actor: v.Actor(), Command: name, Given: given})
	if err != nil {
		return err
	}
	f := web.Flash{Good: strings.Join(a.Lines, " ")}
	for _, b := range a.Blocks {
		if s, ok := b.(command.Secret); ok {
			f.Secrets = append(f.Secrets, web.FlashSecret{Label: s.Label, Value: s.Value})
		}
	}
	return v.Tell(f)
}

func (h handlers) askInvite() act {
	return act{title: "Take this invite back?", button: "Take it back", back: invitesPath, do: h.revokeInvite,
		breaks: func(v *web.Visit) ([]string, error) {
			i, err := h.ownInvite(v)
			if err != nil {
				return nil, err
			}
			if st := i.State(h.Clock()); st != invite.Open {
				return nil, core.Errorf(core.Conflict, "this invite is %s already", st)
			}
			return []string{"Its link is no good any more, wherever it is. The invite is yours again, and you can make another."}, nil
		}}
}

// ownInvite is the invite that the address names. Those of others are taken back by the
// command alone.
func (h handlers) ownInvite(v *web.Visit) (invite.Invite, error) {
	i, err := h.Invites.ByID(v.Context(), web.Number(v.Param("id")))
	if core.CodeOf(err) == core.NotFound || err == nil && i.Inviter != v.Me.ID {
		err = web.NotFound("you have no such invite")
	}
	return i, err
}

func (h handlers) revokeInvite(v *web.Visit) error {
	if _, err := h.ownInvite(v); err != nil {
		return err
	}
	if err := h.command(v, "invite revoke", map[string]string{"id": v.Param("id")}); err != nil {
		return err
	}
	return web.RedirectTo(invitesPath)
}
