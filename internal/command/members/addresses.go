package members

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type atArgs struct {
	Address string `arg:"address,secret" hint:"An address such as 192.0.2.1 or 2001:db8::1, or a whole mail address. The audit log says that you looked, and not for which."`
}

// at lists who was at an address, or has a mail address. Each look is in the audit log, and
// in the security log of each who is shown. Mail addresses are kept sealed, and found by the
// keyed hash of the whole: parts of them can't be.
func (d Deps) at() command.Command {
	return command.Question[atArgs]{
		Spec: command.Spec{Name: "member at", Summary: "the accounts below yours that were used from an address, or have a mail address", Permission: core.MemberSeeAddress, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a atArgs) (command.Reply, error) {
			if strings.ContainsRune(a.Address, '@') {
				return d.withMail(ctx, c, strings.TrimSpace(a.Address))
			}
			address, err := netip.ParseAddr(strings.TrimSpace(a.Address))
			if err != nil {
				return command.Reply{}, core.FieldErrorf("address", "write one address, such as 192.0.2.1 or 2001:db8::1, or a whole mail address")
			}
			list, more, err := d.Members.Security().At(ctx, address)
			if err != nil {
				return command.Reply{}, err
			}
			return d.nearReply(ctx, c, list, more, "No account was used from there, as far as the security log goes back.")
		},
	}
}

// withMail lists who has a mail address.
func (d Deps) withMail(ctx context.Context, c command.Call, address string) (command.Reply, error) {
	if member.CheckEmail(address) != nil {
		return command.Reply{}, core.FieldErrorf("address", "write the whole mail address, such as name@example.org: only its keyed hash can be looked for, so that a part of one finds nobody")
	}
	list, err := d.Members.WithEmail(ctx, address)
	if err != nil {
		return command.Reply{}, err
	}
	t := command.Table{Columns: []string{"Member", "Number", "Class", "State"}, Empty: "No account has this mail address. It is found by the whole of it, in any case."}
	var shown []core.MemberID
	for _, m := range list {
		if c.Actor.MayActOn(m) != nil {
			continue
		}
		shown = append(shown, m.ID)
		t.Rows = append(t.Rows, command.Row{Cells: []string{m.Name, fmt.Sprint(m.ID), classesOf(m), stateOf(m)}, Link: d.card(m),
			Text: fmt.Sprintf("%s, id %d, %s, %s", m.Name, m.ID, classesOf(m), stateOf(m))})
	}
	return command.Reply{Blocks: []command.Block{t}}, d.Members.LookAtAddresses(ctx, c.Actor.Sees(), shown...)
}

type addressesArgs struct {
	Member member.Member `arg:"name,below"`
}

const addressLines = 10 // that chat is told

// addresses shows the mail address of a member, and from where the account was used. Each
// look is in the audit log, and the member finds it in their security log.
func (d Deps) addresses() command.Command {
	return command.Question[addressesArgs]{
		Spec: command.Spec{Name: "member addresses", Summary: "a member's mail address, and the addresses that the account was used from", Permission: core.MemberSeeAddress, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a addressesArgs) (command.Reply, error) {
			mail, err := d.Members.Email(ctx, a.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			list, more, err := d.Members.Security().Addresses(ctx, a.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Address", "Last", "Since", "Times"}, Empty: a.Member.Name + " was nowhere yet, as far as the security log goes back."}
			for _, p := range list {
				t.Rows = append(t.Rows, command.Row{Cells: []string{p.Address, text.Instant(p.LastAt), text.Instant(p.Since), fmt.Sprint(p.Times)},
					Text: fmt.Sprintf("%s, last on %s, since %s, %s", p.Address, text.Instant(p.LastAt), text.Instant(p.Since), text.Plural(p.Times, "time"))})
			}
			if len(t.Rows) > addressLines {
				t.Chat = append(chatOf(t.Rows[:addressLines]), fmt.Sprintf("(%d more; the site lists them)", len(t.Rows)-addressLines))
			}
			if more {
				t.More = "There are others besides."
			}
			return command.Reply{Blocks: []command.Block{command.Line{Text: mailLine(mail) + newMail(mail)}, t}}, d.Members.LookAtAddresses(ctx, c.Actor.Sees(), a.Member.ID)
		},
	}
}

// mailLine says what is known of a mail address.
func mailLine(e member.Email) string {
	switch {
	case e.Address == "":
		return "There is no mail address."
	case !e.FailedAt.IsZero():
		return fmt.Sprintf("Mail: %s; letters to it came back on %s.", e.Address, text.Instant(e.FailedAt))
	case e.ConfirmedAt.IsZero():
		return fmt.Sprintf("Mail: %s, not confirmed.", e.Address)
	}
	return fmt.Sprintf("Mail: %s, confirmed on %s.", e.Address, text.Instant(e.ConfirmedAt))
}

// newMail says which address waits to be confirmed, "" for none.
func newMail(e member.Email) string {
	if e.New == "" {
		return ""
	}
	return fmt.Sprintf(" %s waits to be confirmed since %s.", e.New, text.Instant(e.NewAt))
}
