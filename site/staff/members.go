package staff

import (
	"net/url"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// staffMembersPage lists accounts.
type staffMembersPage struct {
	Members []member.Member
	Count   int
	After   string
	Next    string
}

var staffMembersView = web.NewView[staffMembersPage]("staff_members")

// staffMemberPage is one account with what the visitor may do to it.
type staffMemberPage struct {
	Profile  member.Profile
	Acts     []web.CommandForm
	Security bool // they may see the security log
}

var staffMemberView = web.NewView[staffMemberPage]("staff_member")

const membersPerPage = 50

func (h handlers) staffMembers(v *web.Visit) error {
	p := staffMembersPage{After: v.Query("after")}
	var err error
	if p.Members, err = h.Members.List(v.Context(), p.After, membersPerPage+1); err != nil {
		return err
	}
	if len(p.Members) > membersPerPage {
		p.Members = p.Members[:membersPerPage]
		p.Next = "/staff/members?after=" + url.QueryEscape(p.Members[membersPerPage-1].Name)
	}
	if p.Count, err = h.Members.Count(v.Context()); err != nil {
		return err
	}
	return staffMembersView.OK(v, p)
}

func (h handlers) staffMember(v *web.Visit) error {
	m := v.Found.Member
	p := staffMemberPage{Security: h.Commands.Allows(v.Actor(), "member security", command.Subject{Member: &m})}
	var err error
	if p.Profile, err = h.Members.Profile(v.Context(), m.ID, v.Me.Can(core.TorrentSeeHidden)); err != nil {
		return err
	}
	if p.Acts, err = web.CommandForms(v, h.Commands, command.Subject{Member: &m}, web.StaffAddress(m.Name)); err != nil {
		return err
	}
	return staffMemberView.OK(v, p)
}
