package site

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// staffMembersPage lists accounts.
type staffMembersPage struct {
	Members []member.Member
	Count   int
	After   string
	Next    string
}

// staffMemberPage is one account with what the visitor may do to it.
type staffMemberPage struct {
	Profile  member.Profile
	Below    bool // the visitor stands above the member
	Classes  []choice
	MayState bool
	MayClass bool
}

// newMemberPage is the form for a new account.
type newMemberPage struct {
	Name, Email, Class string
	Classes            []choice
	Errors             formErrors
}

const membersPerPage = 50

func (s *server) staffMembers(v *visit) error {
	p := staffMembersPage{After: v.Query("after")}
	var err error
	if p.Members, err = s.Members.List(v, p.After, membersPerPage+1); err != nil {
		return err
	}
	if len(p.Members) > membersPerPage {
		p.Members = p.Members[:membersPerPage]
		p.Next = "/staff/members?after=" + url.QueryEscape(p.Members[membersPerPage-1].Name)
	}
	if p.Count, err = s.Members.Count(v); err != nil {
		return err
	}
	return okPage(s, v, staffMembersView, p)
}

func (s *server) staffMember(v *visit) error {
	m := v.found.member
	p := staffMemberPage{Below: m.ID != v.me.ID && v.me.Outranks(m), MayState: v.me.Can(core.MemberDisable), MayClass: v.me.Can(core.MemberClass)}
	var err error
	if p.Profile, err = s.Members.Profile(v, m.ID, v.me.Can(core.TorrentSeeHidden)); err != nil {
		return err
	}
	if p.Classes, err = s.classesBelow(v); err != nil {
		return err
	}
	return okPage(s, v, staffMemberView, p)
}

// classesBelow are the classes that the visitor may give.
func (s *server) classesBelow(v *visit) ([]choice, error) {
	classes, err := s.Members.Classes(v)
	if err != nil {
		return nil, err
	}
	var out []choice
	for i := len(classes) - 1; i >= 0; i-- { // lowest first
		c := classes[i]
		if !c.Secondary && c.Name != member.BotClass && v.me.Outranks(member.Member{Class: c}) {
			out = append(out, choice{Value: c.Name, Text: c.Name})
		}
	}
	return out, nil
}

// mayGive refuses a class that is not below the visitor's own.
func (s *server) mayGive(v *visit, class string) error {
	classes, err := s.classesBelow(v)
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

func staffAddress(name string) string { return "/staff/members/" + url.PathEscape(name) }

func (s *server) setState(v *visit) error {
	m, state, reason := v.found.member, member.State(v.PostForm("state")), strings.TrimSpace(v.PostForm("reason"))
	if m.Name == member.BotName {
		return core.Errorf(core.Forbidden, "%s's account is the program's own", m.Name)
	}
	did := act{command: "member enable", arguments: m.Name, undo: "member disable " + m.Name + " " + m.StateReason}
	switch state {
	case member.Enabled:
	case member.Disabled:
		did = act{command: "member disable", arguments: m.Name + " " + reason, undo: "member enable " + m.Name}
	default:
		return core.FieldErrorf("state", "choose enabled or disabled")
	}
	if err := s.audited(v, did, func() error { return s.Members.SetState(v, m.ID, state, reason) }); err != nil {
		return err
	}
	return s.seeOther(v, staffAddress(m.Name), fmt.Sprintf("%s is %s.", m.Name, state))
}

func (s *server) setCanLeech(v *visit) error {
	m, on := v.found.member, v.PostForm("state") == "on"
	word, back := "off", "on"
	if on {
		word, back = "on", "off"
	}
	did := act{command: "member leech", arguments: m.Name + " " + word, undo: "member leech " + m.Name + " " + back}
	if err := s.audited(v, did, func() error { return s.Members.SetCanLeech(v, m.ID, on) }); err != nil {
		return err
	}
	return s.seeOther(v, staffAddress(m.Name), fmt.Sprintf("Downloads of %s are %s.", m.Name, word))
}

func (s *server) setClass(v *visit) error {
	m, class := v.found.member, v.PostForm("class")
	if m.Name == member.BotName {
		return core.Errorf(core.Forbidden, "%s's account is the program's own", m.Name)
	}
	if err := s.mayGive(v, class); err != nil {
		return err
	}
	did := act{command: "member class", arguments: fmt.Sprintf("%s %q", m.Name, class), undo: fmt.Sprintf("member class %s %q", m.Name, m.Class.Name)}
	if err := s.audited(v, did, func() error { return s.Members.SetClass(v, m.ID, class) }); err != nil {
		return err
	}
	return s.seeOther(v, staffAddress(m.Name), fmt.Sprintf("%s is now %s.", m.Name, class))
}

func (s *server) newMemberForm(v *visit) error {
	classes, err := s.classesBelow(v)
	if err != nil {
		return err
	}
	return okPage(s, v, newMemberView, newMemberPage{Class: "User", Classes: classes})
}

// newMember makes an account. Its secrets are shown once, on the next page.
func (s *server) newMember(v *visit) error {
	p := newMemberPage{Name: strings.TrimSpace(v.PostForm("name")), Email: strings.TrimSpace(v.PostForm("email")), Class: v.PostForm("class")}
	var err error
	if p.Classes, err = s.classesBelow(v); err != nil {
		return err
	}
	var made member.Created
	if err = s.mayGive(v, p.Class); err == nil {
		did := act{command: "member create", arguments: p.Name + " --class " + p.Class, undo: "member disable " + p.Name + " made by mistake"}
		err = s.audited(v, did, func() (err error) {
			made, err = s.Members.Create(v, member.New{Name: p.Name, Email: p.Email, Class: p.Class})
			return err
		})
	}
	if err != nil {
		var ok bool
		if p.Errors, ok = mistakes(err); !ok {
			return err
		}
		return render(s, v, statusOf(err), newMemberView, p)
	}
	err = s.tell(v, flash{Good: "The account is there. Pass these on over a safe way; they are shown this once.", Secrets: []flashSecret{
		{"Name", made.Member.Name}, {"Passphrase", made.Password}, {"Passkey", made.Passkey}, {"IRC key", made.IRCKey}}})
	if err != nil {
		return err
	}
	return redirectTo(staffAddress(made.Member.Name))
}
