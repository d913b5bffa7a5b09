// Package mail is the family of commands about the letters that the site sends. They show
// neither addresses nor what is in a letter.
//
// Concurrency: the commands have no state of their own.
package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/mail"
)

// Deps is what the family works on.
type Deps struct{ Mail *mail.Queue }

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.queue(), d.test(), d.again(), d.drop()}
}

const errorLines = 10

// off is what is said where the site sends no mail.
const off = "This site sends no mail: [mail] of its configuration names no host."

func (d Deps) queue() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "mail queue", Aliases: []string{"mail"}, Summary: "the letters that wait, and those that could not be sent", Permission: core.MailManage},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			o, err := d.Mail.Look(ctx, errorLines)
			if err != nil {
				return command.Reply{}, err
			}
			var blocks []command.Block
			if !d.Mail.Configured() {
				blocks = command.Lines(off)
			}
			return command.Reply{Blocks: append(blocks, d.counts(c, o), troubles(o))}, nil
		},
	}
}

// counts sums the queue up.
func (d Deps) counts(c command.Call, o mail.Overview) command.Fields {
	waiting := fmt.Sprintf("%d", o.Count[mail.Queued]+o.Count[mail.Sending])
	f := command.Fields{List: []command.Field{{Label: "Waiting", Value: waiting}, {Label: "Sent in 30 days", Value: fmt.Sprint(o.Count[mail.Sent])},
		{Label: "Failed in 30 days", Value: fmt.Sprint(o.Count[mail.Failed])}, {Label: "Dropped", Value: fmt.Sprint(o.Count[mail.Dropped])}}}
	if o.Oldest.ID != 0 {
		f.List = append(f.List, command.Field{Label: "The oldest that waits", Value: fmt.Sprintf("#%d %s, for %s", o.Oldest.ID, o.Oldest.Kind, text.Span(c.Now.Sub(o.Oldest.Created)))})
	}
	return f
}

func troubles(o mail.Overview) command.Table {
	t := command.Table{Columns: []string{"Number", "Kind", "State", "Tries", "Put", "Next try", "Why"}, Empty: "No letter is in trouble."}
	for _, e := range o.Errors {
		next := ""
		if e.Ended.IsZero() {
			next = text.Instant(e.Next)
		}
		cells := []string{fmt.Sprintf("#%d", e.ID), e.Kind, string(e.State), fmt.Sprint(e.Tries), text.Instant(e.Created), next, e.LastError}
		line := fmt.Sprintf("#%d %s of %s: %s after %s", e.ID, e.Kind, cells[4], e.State, tries(e.Tries))
		if next != "" {
			line += ", next " + next
		}
		t.Rows = append(t.Rows, command.Row{Text: line + ": " + e.LastError, Cells: cells})
	}
	return t
}

func tries(n int64) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

type testArgs struct {
	Address string `arg:"address,secret" hint:"where the letter is to go"`
}

// test puts a letter as everything else does, so that what it shows is how letters go.
func (d Deps) test() command.Command {
	return command.Action[testArgs]{
		Spec: command.Spec{Name: "mail test", Summary: "send a test letter to an address", Permission: core.MailManage},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a testArgs) (command.Reply, error) {
			id, err := d.Mail.In(tx).PutTest(ctx, a.Address, c.Actor.Name)
			if e := (*core.Error)(nil); errors.As(err, &e) && e.Field == "to" {
				err = core.FieldErrorf("address", "%s", e.Text)
			}
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Letter %d is in the queue, and goes out within a minute. mail queue shows it if it doesn't; if it neither arrives nor stands there, the mail server has taken it, and its log says more.", id), nil
		},
	}
}

type numberArgs struct {
	ID command.ID `arg:"number" hint:"of mail queue"`
}

func (d Deps) again() command.Command {
	return command.Action[numberArgs]{
		Spec: command.Spec{Name: "mail again", Summary: "try a letter once more, which waits or could not be sent", Permission: core.MailManage},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a numberArgs) (command.Reply, error) {
			e, err := d.Mail.In(tx).Again(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("Letter %d (%s) is tried again within a minute.", e.ID, e.Kind)
			if !d.Mail.Configured() {
				reply.Blocks = append(reply.Blocks, command.Lines(off)...)
			}
			return reply, nil
		},
	}
}

func (d Deps) drop() command.Command {
	return command.Action[numberArgs]{
		Spec: command.Spec{Name: "mail drop", Summary: "take a letter away that waits or could not be sent", Permission: core.MailManage},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a numberArgs) ([]string, error) {
			e, err := d.Mail.In(tx).ByID(ctx, int64(a.ID))
			if err != nil {
				return nil, err
			}
			about := strings.TrimSpace(fmt.Sprintf("%s, put on %s, %s", e.Kind, text.Instant(e.Created), e.State))
			return []string{fmt.Sprintf("This would wipe letter %d (%s): it is never sent, and whoever it is for is not told.", e.ID, about)}, nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a numberArgs) (command.Reply, error) {
			e, err := d.Mail.In(tx).Drop(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Letter %d (%s) is taken away.", e.ID, e.Kind), nil
		},
	}
}
