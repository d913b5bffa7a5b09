package staff

import (
	"fmt"
	"net/url"
	"strings"

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
	Below    bool // the visitor stands above the member
	Classes  []web.Choice
	MayState bool
	MayClass bool
}

var staffMemberView = web.NewView[staffMemberPage]("staff_member")

// newMemberPage is the form for a new account.
type newMemberPage struct {
	Name, Email, Class string
	Classes            []web.Choice
	Errors             web.FormErrors
}

var newMemberView = web.NewView[newMemberPage]("new_member")

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
	p := staffMemberPage{Below: m.ID != v.Me.ID && v.Me.Outranks(m), MayState: v.Me.Can(core.MemberDisable), MayClass: v.Me.Can(core.MemberClass)}
	var err error
	if p.Profile, err = h.Members.Profile(v.Context(), m.ID, v.Me.Can(core.TorrentSeeHidden)); err != nil {
		return err
	}
	if p.Classes, err = h.classesBelow(v); err != nil {
		return err
	}
	return staffMemberView.OK(v, p)
}

// classesBelow are the classes that the visitor may give.
func (h handlers) classesBelow(v *web.Visit) ([]web.Choice, error) {
	classes, err := h.Members.Classes(v.Context())
	if err != nil {
		return nil, err
	}
	var out []web.Choice
	for i := len(classes) - 1; i >= 0; i-- { // lowest first
		c := classes[i]
		if !c.Secondary && c.Name != member.BotClass && v.Me.Outranks(member.Member{Class: c}) {
			out = append(out, web.Choice{Value: c.Name, Text: c.Name})
		}
	}
	return out, nil
}

// mayGive refuses a class that is not below the visitor's own.
func (h handlers) mayGive(v *web.Visit, class string) error {
	classes, err := h.classesBelow(v)
	if err != nil {
		return err
	}
	for _, c := range classes {
		if strings.EqualFold(c.Value, class) {
			return nil
		}
	}
	return core.FieldErrorf("class", "you may only give a class below your own")
}

func (h handlers) setState(v *web.Visit) error {
	m, state, reason := v.Found.Member, member.State(v.Form("state")), strings.TrimSpace(v.Form("reason"))
	if m.Name == member.BotName {
		return core.Errorf(core.Forbidden, "%s's account is the program's own", m.Name)
	}
	did := web.Act{Command: "member enable", Arguments: m.Name, Undo: "member disable " + m.Name + " " + m.StateReason}
	switch state {
	case member.Enabled:
	case member.Disabled:
		did = web.Act{Command: "member disable", Arguments: m.Name + " " + reason, Undo: "member enable " + m.Name}
	default:
		return core.FieldErrorf("state", "choose enabled or disabled")
	}
	if err := h.Audit.Do(v, did, func() error { return h.Members.SetState(v.Context(), m.ID, state, reason) }); err != nil {
		return err
	}
	return v.SeeOther(web.StaffAddress(m.Name), fmt.Sprintf("%s is %s.", m.Name, state))
}

func (h handlers) setCanLeech(v *web.Visit) error {
	m, on := v.Found.Member, v.Form("state") == "on"
	word, back := "off", "on"
	if on {
		word, back = "on", "off"
	}
	did := web.Act{Command: "member leech", Arguments: m.Name + " " + word, Undo: "member leech " + m.Name + " " + back}
	if err := h.Audit.Do(v, did, func() error { return h.Members.SetCanLeech(v.Context(), m.ID, on) }); err != nil {
		return err
	}
	return v.SeeOther(web.StaffAddress(m.Name), fmt.Sprintf("Downloads of %s are %s.", m.Name, word))
}

func (h handlers) setClass(v *web.Visit) error {
	m, class := v.Found.Member, v.Form("class")
	if m.Name == member.BotName {
		return core.Errorf(core.Forbidden, "%s's account is the program's own", m.Name)
	}
	if err := h.mayGive(v, class); err != nil {
		return err
	}
	did := web.Act{Command: "member class", Arguments: fmt.Sprintf("%s %q", m.Name, class), Undo: fmt.Sprintf("member class %s %q", m.Name, m.Class.Name)}
	if err := h.Audit.Do(v, did, func() error { return h.Members.SetClass(v.Context(), m.ID, class) }); err != nil {
		return err
	}
	return v.SeeOther(web.StaffAddress(m.Name), fmt.Sprintf("%s is now %s.", m.Name, class))
}

func (h handlers) newMemberForm(v *web.Visit) error {
	classes, err := h.classesBelow(v)
	if err != nil {
		return err
	}
	return newMemberView.OK(v, newMemberPage{Class: "User", Classes: classes})
}

// newMember makes an account. Its secrets are shown once, on the next page.
func (h handlers) newMember(v *web.Visit) error {
	p := newMemberPage{Name: strings.TrimSpace(v.Form("name")), Email: strings.TrimSpace(v.Form("email")), Class: v.Form("class")}
	var err error
	if p.Classes, err = h.classesBelow(v); err != nil {
		return err
	}
	var made member.Created
	if err = h.mayGive(v, p.Class); err == nil {
		did := web.Act{Command: "member create", Arguments: p.Name + " --class " + p.Class, Undo: "member disable " + p.Name + " made by mistake"}
		err = h.Audit.Do(v, did, func() (err error) {
			made, err = h.Members.Create(v.Context(), member.New{Name: p.Name, Email: p.Email, Class: p.Class})
			return err
		})
	}
	if err != nil {
		var ok bool
		if p.Errors, ok = web.Mistakes(err); !ok {
			return err
		}
		return newMemberView.Render(v, web.StatusOf(err), p)
	}
	err = v.Tell(web.Flash{Good: "The account is there. Pass these on over a safe way; they are shown this once.", Secrets: []web.FlashSecret{
		{Label: "Name", Value: made.Member.Name}, {Label: "Passphrase", Value: made.Password}, {Label: "Passkey", Value: made.Passkey}, {Label: "IRC key", Value: made.IRCKey}}})
	if err != nil {
		return err
	}
	return web.RedirectTo(web.StaffAddress(made.Member.Name))
}
