package staff

import (
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// staffMembersPage lists accounts, with the filters that chose them.
type staffMembersPage struct {
	Filter  member.Filter
	Class   string
	Members []member.View // as other members see them, or with what they hide
	Private string        // "yes": what is hidden is shown, of which each is told
	Show    string        // the address that shows it; "" where the visitor may not
	Count   int           // on all pages
	Many    bool          // there are more than were counted
	All     int
	Classes []web.Choice
	States  []web.Choice
	Chips   []part.Chip
	First   string
	Next    string
}

var staffMembersView = web.NewView[staffMembersPage]("staff_members")

const membersPerPage = 50

// memberStates are what the list may be narrowed to.
var memberStates = []web.Choice{{Value: "enabled", Text: "enabled"}, {Value: string(member.Disabled), Text: "disabled"}, {Value: string(member.NoDownload), Text: "downloads off"},
	{Value: string(member.NoUpload), Text: "may not upload"}, {Value: string(member.NoInvites), Text: "may not invite"}, {Value: string(member.NoIRC), Text: "no IRC"},
	{Value: string(member.Warned), Text: "warned"}, {Value: string(member.Parked), Text: "parked"}, {Value: string(member.Unconfirmed), Text: "mail not confirmed"},
	{Value: string(member.Granted), Text: "with a permission of their own"}, {Value: string(member.Withheld), Text: "with a permission less"}}

func (h handlers) staffMembers(v *web.Visit) error {
	p := staffMembersPage{Class: v.Query("class"), States: memberStates, Filter: member.Filter{
		Part: strings.TrimSpace(v.Query("name")), State: v.Query("state"), After: v.Query("after")}}
	classes, err := h.Members.Classes(v.Context())
	if err != nil {
		return err
	}
	for _, c := range classes {
		if c.Secondary {
			continue
		}
		p.Classes = append(p.Classes, web.Choice{Value: c.Name, Text: c.Name})
		if c.Name == p.Class {
			p.Filter.ClassID = c.ID
		}
	}
	found, count, err := h.Members.Find(v.Context(), p.Filter, membersPerPage+1)
	if err != nil {
		return err
	}
	viewer := member.Others()
	if v.Me.Can(core.MemberSeePrivate) {
		if p.Private = v.Query("private"); p.Private == "yes" {
			viewer = v.Me.Viewer()
		} else {
			p.Show = p.address("private", "yes")
		}
	}
	p.Count, p.Many = min(count, member.MostCounted), count > member.MostCounted
	if len(found) > membersPerPage {
		found = found[:membersPerPage]
		p.Next = p.address("after", found[membersPerPage-1].Name)
	}
	if p.Members, err = h.Members.SeeAll(v.Context(), viewer, found); err != nil {
		return err
	}
	if p.Filter.After != "" {
		p.First = p.address("after", "")
	}
	for _, c := range []struct{ name, label, value string }{{"name", "Name", p.Filter.Part}, {"class", "Class", p.Class}, {"state", "State", textOf(memberStates, p.Filter.State)}} {
		if c.value != "" {
			p.Chips = append(p.Chips, part.Chip{Text: c.label + ": " + c.value, Address: p.address(c.name, "")})
		}
	}
	if p.All, err = h.Members.Count(v.Context()); err != nil {
		return err
	}
	return staffMembersView.OK(v, p)
}

// textOf is the text of a choice, or "" where the value is none of them.
func textOf(choices []web.Choice, value string) string {
	for _, c := range choices {
		if c.Value == value {
			return c.Text
		}
	}
	return ""
}

// address is the page with one value changed. A filter that changes starts over.
func (p staffMembersPage) address(name, value string) string {
	q := url.Values{}
	for n, val := range map[string]string{"name": p.Filter.Part, "class": p.Class, "state": p.Filter.State, "private": p.Private, name: value} {
		if val != "" {
			q.Set(n, val)
		}
	}
	if len(q) == 0 {
		return "/staff/members"
	}
	return "/staff/members?" + q.Encode()
}
