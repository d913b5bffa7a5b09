package staff

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// staffMembersPage lists accounts, with the filters that chose them.
type staffMembersPage struct {
	Filter  member.Filter
	Class   string
	Inviter string        // who invited them, by name
	Common  bool          // only some are listed, as the client is common
	Lost    part.Empty    // why nothing is looked for; the zero value where it is
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
	if err := h.memberFilter(v, &p); err != nil {
		return err
	}
	var err error
	if p.Lost.Text == "" {
		if err = h.findMembers(v, &p); err != nil {
			return err
		}
	}
	if p.Filter.After != "" {
		p.First = p.address("after", "")
	}
	for _, c := range []struct{ name, label, value string }{{"name", "Name", p.Filter.Part}, {"class", "Class", p.Class}, {"state", "State", textOf(memberStates, p.Filter.State)},
		{"client", "Client", p.Filter.Client}, {"inviter", "Invited by", p.Inviter}} {
		if c.value != "" {
			p.Chips = append(p.Chips, part.Chip{Text: c.label + ": " + c.value, Address: p.address(c.name, "")})
		}
	}
	if p.All, err = h.Members.Count(v.Context()); err != nil {
		return err
	}
	return staffMembersView.OK(v, p)
}

// memberFilter reads what is looked for. What a member may hide is looked for by those alone
// who may see it: clients with the announces, inviters with the tree.
func (h handlers) memberFilter(v *web.Visit, p *staffMembersPage) error {
	classes, err := h.Members.Classes(v.Context())
	if err != nil {
		return err
	}
	for _, c := range classes {
		if c.Name == member.BotClass {
			continue
		}
		choice := web.Choice{Value: c.Name, Text: c.Name}
		if c.Secondary {
			choice.Text += " (a duty)"
		}
		p.Classes = append(p.Classes, choice)
		if c.Name == p.Class {
			p.Filter.Class = c
		}
	}
	if _, err := netip.ParseAddr(p.Filter.Part); err == nil || strings.ContainsRune(p.Filter.Part, '@') {
		p.Filter.Part = ""
		p.Lost = part.Empty{Title: "An address is looked for elsewhere", Text: "Each look for one is noted in the audit log, so it has a page of its own.", Action: part.Link{Text: "Look for an address", Address: "/commands/member-at?back=/staff/members"}}
		if !v.Me.Can(core.MemberSeeAddress) {
			p.Lost = part.Empty{Title: "An address is not looked for", Text: "That takes the permission member.see.address.", Action: part.Link{Text: "All members", Address: "/staff/members"}}
		}
	}
	if v.Me.Can(core.TrackerRead) {
		p.Filter.Client = text.Cut(client.Spelled(v.Query("client")), member.MaxPart)
	}
	if p.Inviter = strings.TrimSpace(v.Query("inviter")); p.Inviter == "" || !v.Me.Can(core.InviteManage) {
		p.Inviter = ""
		return nil
	}
	m, err := h.Members.ByName(v.Context(), p.Inviter)
	if core.CodeOf(err) == core.NotFound {
		p.Lost = part.Empty{Title: "Nobody is called that", Text: "Write the whole name of who invited them.", Action: part.Link{Text: "All members", Address: "/staff/members"}}
		return nil
	}
	if err != nil {
		return err
	}
	p.Inviter, p.Filter.Inviter = m.Name, m.ID
	return h.Members.LookAtInvites(v.Context(), v.Me.Viewer(), m.ID)
}

// findMembers reads a page of those who are looked for.
func (h handlers) findMembers(v *web.Visit, p *staffMembersPage) error {
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
	if p.Filter.Client != "" {
		if p.Common, err = h.Members.ClientIsCommon(v.Context(), p.Filter.Client); err != nil {
			return err
		}
	}
	p.Members, err = h.Members.SeeAll(v.Context(), viewer, found)
	return err
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
	for n, val := range map[string]string{"name": p.Filter.Part, "class": p.Class, "state": p.Filter.State, "client": p.Filter.Client, "inviter": p.Inviter, "private": p.Private, name: value} {
		if val != "" {
			q.Set(n, val)
		}
	}
	if len(q) == 0 {
		return "/staff/members"
	}
	return "/staff/members?" + q.Encode()
}
