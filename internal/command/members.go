package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func (r *Registry) memberCommands() []Spec {
	below := Arg{Name: "name", Kind: MemberName, Below: true}
	reason := Arg{Name: "reason", Kind: Text}
	return []Spec{
		{
			Name: "member create", Summary: "make an account; its passphrase and keys are shown once", Permission: core.MemberCreate,
			Args: []Arg{{Name: "name", Kind: Word}, {Name: "class", Kind: ClassName, Flag: true, Optional: true, Below: true},
				{Name: "email", Kind: Word, Flag: true, Optional: true, Redact: true}},
			Secret: true, Changes: true, Run: r.memberCreate,
		}, {
			Name: "member show", Summary: "an account with its state and figures", Permission: core.MemberSeePrivate,
			Args: []Arg{{Name: "name", Kind: MemberName}}, Run: r.memberShow,
		}, {
			Name: "member disable", Summary: "close an account; the member is shown the reason", Permission: core.MemberDisable,
			Args: []Arg{below, reason}, Changes: true, Preview: r.previewDisable, Run: r.memberDisable,
		}, {
			Name: "member enable", Summary: "open a disabled account again", Permission: core.MemberDisable,
			Args: []Arg{below}, Changes: true, Run: r.memberEnable,
		}, {
			Name: "member class", Summary: "give a member another class", Permission: core.MemberClass,
			Args: []Arg{below, {Name: "class", Kind: ClassName, Below: true}}, Changes: true, Run: r.memberClass,
		}, {
			Name: "member leech", Summary: "allow or stop a member's downloads", Permission: core.MemberDisable,
			Args:    []Arg{below, {Name: "state", Kind: Choice, Choices: []string{"on", "off"}}},
			Changes: true, Run: r.memberLeech,
		}, {
			Name: "member passkey", Summary: "a new passkey for a member; the old one stops working", Permission: core.MemberKeys,
			Args: []Arg{below}, Secret: true, Changes: true, Run: r.memberPasskey,
		}, {
			Name: "member irckey", Summary: "a new IRC key for a member; the old one stops working", Permission: core.MemberKeys,
			Args: []Arg{below}, Secret: true, Changes: true, Run: r.memberIRCKey,
		}, {
			Name: "member passphrase", Summary: "a new passphrase for a member who lost theirs; it ends their log-ins", Permission: core.MemberKeys,
			Args: []Arg{below}, Secret: true, Changes: true, Run: r.memberPassphrase,
		}, {
			Name: "class slots", Summary: "how many torrents members of a class may download at once; 0 is any number", Permission: core.MemberClass,
			Args: []Arg{{Name: "class", Kind: ClassName, Below: true}, {Name: "slots", Kind: Word}}, Changes: true, Run: r.classSlots,
		},
	}
}

func (r *Registry) classSlots(ctx context.Context, c Call) (Reply, error) {
	class := c.Class("class")
	n, err := strconv.Atoi(c.Text("slots"))
	if err != nil {
		n = -1 // SetLeechSlots says what is right
	}
	if err := r.deps.Members.SetLeechSlots(ctx, class.Name, n); err != nil {
		return Reply{}, err
	}
	many := strconv.Itoa(n)
	if n == 0 {
		many = "any number of"
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Members of class %s may download %s torrents at once.", class.Name, many)},
		Undo:  Join([]string{"class", "slots", class.Name, strconv.Itoa(class.LeechSlots)}),
	}, nil
}

func (r *Registry) memberCreate(ctx context.Context, c Call) (Reply, error) {
	n := member.New{Name: c.Text("name"), Email: c.Text("email"), Class: "User"}
	if c.Has("class") {
		n.Class = c.Class("class").Name
	}
	made, err := r.deps.Members.Create(ctx, n)
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Account %s (id %d, %s) is there.", made.Member.Name, made.Member.ID, made.Member.Class.Name)},
		Private: []string{
			"Passphrase: " + made.Password,
			"Passkey: " + made.Passkey,
			"IRC key: " + made.IRCKey,
			"The passphrase is shown this once only.",
		},
		Undo: Join([]string{"member", "disable", made.Member.Name, "made by mistake"}),
	}, nil
}

func (r *Registry) memberShow(ctx context.Context, c Call) (Reply, error) {
	m := c.Member("name")
	figures, err := r.statsLine(ctx, c.Actor, m)
	if err != nil {
		return Reply{}, err
	}
	classes := m.Class.Name
	for _, s := range m.Secondary {
		classes += ", " + s.Name
	}
	state := string(m.State)
	if !m.Enabled() {
		state += ": " + m.StateReason
	}
	leech := "may download"
	if !m.CanLeech {
		leech = "may not download"
	}
	seen := "never seen on the site"
	if !m.SeenAt.IsZero() {
		seen = "last seen " + instant(m.SeenAt)
	}
	return Reply{Lines: []string{
		fmt.Sprintf("%s, id %d, %s; %s; %s; since %s, %s", m.Name, m.ID, classes, state, leech, m.CreatedAt.Format("2006-01-02"), seen),
		figures,
	}}, nil
}

func (r *Registry) previewDisable(ctx context.Context, c Call) (Preview, error) {
	m := c.Member("name")
	if !m.Enabled() {
		return Preview{}, core.Errorf(core.Conflict, "%s is disabled already: %s", m.Name, m.StateReason)
	}
	p, err := r.deps.Members.Profile(ctx, m.ID, true)
	if err != nil {
		return Preview{}, err
	}
	return Preview{
		Lines: []string{fmt.Sprintf("This would disable %s (id %d, %s), who seeds %d torrents; sessions, tracker and IRC end at once. Reason: %s",
			m.Name, m.ID, m.Class.Name, p.Seeding, c.Text("reason"))},
		State: fmt.Sprintf("%d %s %s", m.ID, m.State, m.Class.Name),
	}, nil
}

func (r *Registry) memberDisable(ctx context.Context, c Call) (Reply, error) {
	m := c.Member("name")
	if err := r.deps.Members.SetState(ctx, m.ID, member.Disabled, c.Text("reason")); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("%s is disabled.", m.Name)}, Undo: Join([]string{"member", "enable", m.Name})}, nil
}

func (r *Registry) memberEnable(ctx context.Context, c Call) (Reply, error) {
	m := c.Member("name")
	if m.Enabled() {
		return Reply{}, core.Errorf(core.Conflict, "%s is enabled already", m.Name)
	}
	if err := r.deps.Members.SetState(ctx, m.ID, member.Enabled, ""); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("%s is enabled again.", m.Name)}, Undo: Join([]string{"member", "disable", m.Name, m.StateReason})}, nil
}

func (r *Registry) memberClass(ctx context.Context, c Call) (Reply, error) {
	m, class := c.Member("name"), c.Class("class")
	if m.Class.ID == class.ID {
		return Reply{}, core.Errorf(core.Conflict, "%s has the class %s already", m.Name, class.Name)
	}
	if err := r.deps.Members.SetClass(ctx, m.ID, class.Name); err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("%s is now %s (was %s).", m.Name, class.Name, m.Class.Name)},
		Undo:  Join([]string{"member", "class", m.Name, m.Class.Name}),
	}, nil
}

func (r *Registry) memberLeech(ctx context.Context, c Call) (Reply, error) {
	m, on := c.Member("name"), c.Text("state") == "on"
	if m.CanLeech == on {
		return Reply{}, core.Errorf(core.Conflict, "downloads of %s are %s already", m.Name, c.Text("state"))
	}
	if err := r.deps.Members.SetCanLeech(ctx, m.ID, on); err != nil {
		return Reply{}, err
	}
	undo := "on"
	if on {
		undo = "off"
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Downloads of %s are %s.", m.Name, c.Text("state"))},
		Undo:  Join([]string{"member", "leech", m.Name, undo}),
	}, nil
}

func (r *Registry) memberPasskey(ctx context.Context, c Call) (Reply, error) {
	return newKey(ctx, c.Member("name"), "passkey", r.deps.Members.NewPasskey)
}

func (r *Registry) memberIRCKey(ctx context.Context, c Call) (Reply, error) {
	return newKey(ctx, c.Member("name"), "IRC key", r.deps.Members.NewIRCKey)
}

func (r *Registry) memberPassphrase(ctx context.Context, c Call) (Reply, error) {
	return newKey(ctx, c.Member("name"), "passphrase", r.deps.Members.NewPassword)
}

func newKey(ctx context.Context, m member.Member, what string, draw func(context.Context, core.MemberID) (string, error)) (Reply, error) {
	key, err := draw(ctx, m.ID)
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines:   []string{fmt.Sprintf("%s has a new %s; the old one no longer works.", m.Name, what)},
		Private: []string{strings.ToUpper(what[:1]) + what[1:] + ": " + key},
	}, nil
}
