// Package notices is the family of commands about what members are told: their inbox, and
// what staff write to one of them.
//
// Concurrency: the commands have no state of their own.
package notices

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Deps is what the family works on.
type Deps struct {
	Notices *notify.Store
	SiteURL string // without a slash at its end
}

// Commands returns the family.
func Commands(d Deps) []command.Command { return []command.Command{d.inbox(), d.read(), d.tell()} }

const inboxLines = 8

type inboxArgs struct {
	Before *command.ID `arg:"before,flag" hint:"those that are older than the one with this number"`
}

func (d Deps) inbox() command.Command {
	return command.Question[inboxArgs]{
		Spec: command.Spec{Name: "inbox", Summary: "what you were told, newest first", Secret: true},
		Run: func(ctx context.Context, c command.Call, a inboxArgs) (command.Reply, error) {
			me, err := c.Actor.MemberOr(nil)
			if err != nil {
				return command.Reply{}, err
			}
			var before int64
			if a.Before != nil {
				before = int64(*a.Before)
			}
			list, err := d.Notices.Page(ctx, me.ID, before, false, inboxLines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Number", "When", "What"}, Empty: "Nothing is in your inbox."}
			if before > 0 {
				t.Empty = "Nothing is older."
			}
			for _, i := range list[:min(len(list), inboxLines)] {
				t.Rows = append(t.Rows, d.row(i))
			}
			if len(list) > inboxLines {
				t.More = fmt.Sprintf("(older ones: inbox --before %d)", list[inboxLines-1].ID)
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

func (d Deps) row(i notify.Item) command.Row {
	what := i.Title
	if i.Text != "" {
		what += " " + i.Text
	}
	if i.Times > 1 {
		what += fmt.Sprintf(" (%d times)", i.Times)
	}
	if !i.Read {
		what = "(new) " + what
	}
	r := command.Row{Cells: []string{fmt.Sprintf("#%d", i.ID), text.Instant(i.At), what}, Text: fmt.Sprintf("#%d %s: %s", i.ID, text.Instant(i.At), text.Cut(what, 330))}
	if i.Link != "" {
		r.Link = d.SiteURL + i.Link
	}
	return r
}

type readArgs struct {
	Which string `arg:"which" hint:"the number of one, or all"`
}

func (d Deps) read() command.Command {
	return command.Action[readArgs]{
		Spec: command.Spec{Name: "inbox read", Summary: "mark one thing that you were told as read, or all", Secret: true},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a readArgs) (command.Reply, error) {
			me, err := c.Actor.MemberOr(nil)
			if err != nil {
				return command.Reply{}, err
			}
			if strings.EqualFold(a.Which, "all") {
				n, err := d.Notices.In(tx).MarkAllRead(ctx, me.ID, 0)
				return command.Say("%s marked as read.", text.Plural(int(n), "notification")), err
			}
			id, err := strconv.ParseInt(strings.TrimPrefix(a.Which, "#"), 10, 64)
			if err != nil || id < 1 {
				return command.Reply{}, core.FieldErrorf("which", "give the number of a notification as inbox shows it, or all")
			}
			_, err = d.Notices.In(tx).MarkRead(ctx, me.ID, id)
			return command.Say("Number %d is marked as read.", id), err
		},
	}
}

type tellArgs struct {
	Member member.Member `arg:"name"`
	Text   command.Text  `arg:"text" hint:"The member reads it in the inbox, and by mail unless they switched that off. They are told who wrote it."`
}

func (d Deps) tell() command.Command {
	return command.Action[tellArgs]{
		Spec: command.Spec{Name: "member tell", Summary: "write to a member in the name of staff", Permission: core.MemberTell,
			Offer: func(s command.Subject) bool { return s.Member.Class.Name != member.BotClass }},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a tellArgs) (command.Reply, error) {
			said := text.Line(string(a.Text))
			switch {
			case a.Member.Class.Name == member.BotClass:
				return command.Reply{}, core.FieldErrorf("name", "%s is the program's own account, which reads nothing", a.Member.Name)
			case !text.HasLetters(said):
				return command.Reply{}, core.FieldErrorf("text", "write what the member is to read")
			case utf8.RuneCountInString(said) > notify.MaxText:
				return command.Reply{}, core.FieldErrorf("text", "write at most %d characters", notify.MaxText)
			}
			by := "Staff"
			if c.Actor.Member.ID != 0 {
				by = c.Actor.Name + " (staff)"
			}
			n := notify.Note{Member: a.Member.ID, Kind: notify.StaffMessage, Title: by + " wrote to you.", Text: said, Link: "/help/staff", Once: "tell:" + secret.RandomHex(16)}
			if _, err := d.Notices.In(tx).Write(ctx, n); err != nil {
				return command.Reply{}, err
			}
			return command.Say("%s has it in the inbox.", a.Member.Name), nil
		},
	}
}
