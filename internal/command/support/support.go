// Package support is the family of commands about what people write to staff.
//
// Concurrency: the commands have no state of their own.
package support

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/support"
)

// Deps is what the family works on.
type Deps struct {
	Tickets *support.Store
	SiteURL string // without a slash at its end, for links
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.list(), d.show(), d.claim(), d.release(), d.answer(), d.close(), d.reopen()}
}

// Address is where staff read a ticket on the site.
func Address(id int64) string { return fmt.Sprintf("/staff/contact/%d", id) }

// person is the actor as the domain notes who did something.
func person(a command.Actor) support.Person { return support.Person{ID: a.Member.ID, Name: a.Name} }

// lines is how many rows of a list are told.
const lines = 20

type state string

// Choices are the states.
func (state) Choices() []string {
	var out []string
	for _, s := range support.States() {
		out = append(out, string(s))
	}
	return out
}

type category string

// Choices are the categories.
func (category) Choices() []string {
	var out []string
	for _, c := range support.Categories() {
		out = append(out, string(c))
	}
	return out
}

type listArgs struct {
	State    *state    `arg:"state,flag"`
	Category *category `arg:"category,flag"`
}

func (d Deps) list() command.Command {
	return command.Question[listArgs]{
		Spec: command.Spec{Name: "contact list", Aliases: []string{"contacts"}, Summary: "what people wrote to staff: what waits for an answer, the longest first, or what is answered or closed", Permission: core.SupportAnswer},
		Run: func(ctx context.Context, _ command.Call, a listArgs) (command.Reply, error) {
			var f support.Filter
			if a.State != nil {
				f.State = support.State(*a.State)
			}
			if a.Category != nil {
				f.Category = support.Category(*a.Category)
			}
			list, err := d.Tickets.List(ctx, f, lines+1)
			t := command.Table{Columns: []string{"Message", "About", "From", "Written", "State"}, Empty: "No message is there."}
			for _, one := range list[:min(len(list), lines)] {
				written := text.Instant(one.CreatedAt)
				t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprintf("#%d", one.ID), about(one), from(one), written, standing(one)}, Link: d.SiteURL + Address(one.ID),
					Text: fmt.Sprintf("#%d by %s of %s: %s (%s)", one.ID, from(one), written, about(one), standing(one))})
			}
			if len(list) > lines {
				t.More = "More are on the site."
			}
			return command.Reply{Blocks: []command.Block{t}}, err
		},
	}
}

// about is what a ticket is about, in a line.
func about(t support.Ticket) string {
	if t.Category == support.Takedown {
		return "Takedown: " + t.Subject
	}
	return t.Subject
}

// from is who wrote. The address of a stranger is on the site alone.
func from(t support.Ticket) string {
	if t.Member == 0 {
		return "a stranger"
	}
	return t.Name
}

// standing says how far a ticket is.
func standing(t support.Ticket) string {
	out := string(t.State)
	switch t.State {
	case support.Answered:
		out += " at " + text.Instant(t.AnsweredAt)
	case support.Closed:
		out += " at " + text.Instant(t.ClosedAt)
	}
	if t.Assignee != 0 {
		out += ", " + t.AssigneeName + " looks after it"
	}
	return out
}

type idArgs struct {
	ID command.ID `arg:"id"`
}

// toldOf is how much of a text is told in chat, in bytes.
const toldOf = 1000

func (d Deps) show() command.Command {
	return command.Question[idArgs]{
		Spec: command.Spec{Name: "contact show", Summary: "one message to staff with its answers", Permission: core.SupportAnswer, Secret: true, Watched: true},
		Run: func(ctx context.Context, _ command.Call, a idArgs) (command.Reply, error) {
			one, err := d.Tickets.Detail(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			r := command.Say("Message #%d by %s of %s: %s (%s).", one.ID, from(one.Ticket), text.Instant(one.CreatedAt), about(one.Ticket), standing(one.Ticket))
			if one.Same > 0 {
				r.Blocks = append(r.Blocks, command.Line{Text: fmt.Sprintf("%d others came from the same person.", one.Same)})
			}
			for _, f := range one.Facts {
				r.Blocks = append(r.Blocks, command.Line{Text: f.Label + ": " + text.Cut(text.Line(f.Value), toldOf)})
			}
			for _, m := range one.Messages {
				r.Blocks = append(r.Blocks, command.Line{Text: who(one.Ticket, m) + text.Cut(text.Line(m.Text), toldOf)})
			}
			r.Blocks = append(r.Blocks, command.Line{Text: "All of it, and the address to answer to, is on the site.", Link: d.SiteURL + Address(one.ID)})
			return r, nil
		},
	}
}

// who begins what is told of a message.
func who(t support.Ticket, m support.Message) string {
	switch at := text.Instant(m.At); m.Kind {
	case support.Answer:
		return fmt.Sprintf("Answer by %s, %s: ", m.AuthorName, at)
	case support.Note:
		return fmt.Sprintf("Note by %s, %s: ", m.AuthorName, at)
	default:
		return fmt.Sprintf("By %s, %s: ", from(t), at)
	}
}

// rests is what a decision about a ticket rests on.
func (d Deps) rests(ctx context.Context, tx *db.Tx, id command.ID) (string, error) {
	t, err := d.Tickets.In(tx).Ticket(ctx, int64(id))
	return fmt.Sprintf("%d %s %d", t.ID, t.State, t.Assignee), err
}

func (d Deps) claim() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "contact claim", Button: "Look after it", Summary: "look after a message, so that no two answer it", Permission: core.SupportAnswer},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (string, error) {
			return d.rests(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a idArgs) (command.Reply, error) {
			t, err := d.Tickets.In(tx).Claim(ctx, int64(a.ID), person(c.Actor))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Message #%d is yours to look after.", t.ID).With("contact release", a), nil
		},
	}
}

func (d Deps) release() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "contact release", Button: "Give it back", Summary: "give a message back, so that somebody else looks after it", Permission: core.SupportAnswer},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (string, error) {
			return d.rests(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a idArgs) (command.Reply, error) {
			t, had, err := d.Tickets.In(tx).Release(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			r := command.Say("Message #%d is free again; %s looked after it.", t.ID, had.Name)
			if had.ID == c.Actor.Member.ID { // nobody claims for somebody else
				r = r.With("contact claim", a)
			}
			return r, nil
		},
	}
}

type answerArgs struct {
	ID   command.ID   `arg:"id"`
	Text command.Text `arg:"text,secret,long" hint:"Whoever wrote reads it."`
}

func (d Deps) answer() command.Command {
	return command.Action[answerArgs]{
		Spec: command.Spec{Name: "contact answer", Button: "Answer", Summary: "answer whoever wrote to staff", Permission: core.SupportAnswer},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a answerArgs) (string, error) {
			return d.rests(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a answerArgs) (command.Reply, error) {
			t, m, err := d.Tickets.In(tx).Reply(ctx, int64(a.ID), person(c.Actor), string(a.Text))
			if err != nil {
				return command.Reply{}, err
			}
			switch {
			case t.Member != 0:
				return command.Say("Message #%d is answered. %s finds the answer in their inbox.", t.ID, t.Name), nil
			case m.ByMail:
				return command.Say("Message #%d is answered. The answer leaves by mail.", t.ID), nil
			}
			return command.Say("The answer is with message #%d, but this site sends no mail: write by hand to the address that stands there, %s.", t.ID, d.SiteURL+Address(t.ID)), nil
		},
	}
}

type closeArgs struct {
	ID     command.ID   `arg:"id"`
	Reason command.Text `arg:"reason" hint:"for your colleagues: whoever wrote doesn't read it"`
}

func (d Deps) close() command.Command {
	return command.Action[closeArgs]{
		Spec: command.Spec{Name: "contact close", Button: "Close it", Summary: "close a message to staff, such as one that is settled, or spam", Permission: core.SupportAnswer},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a closeArgs) (string, error) {
			return d.rests(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a closeArgs) (command.Reply, error) {
			t, err := d.Tickets.In(tx).Close(ctx, int64(a.ID), person(c.Actor), string(a.Reason))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Message #%d is closed.", t.ID).With("contact reopen", idArgs{ID: a.ID}), nil
		},
	}
}

func (d Deps) reopen() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "contact reopen", Button: "Open it again", Summary: "open a message again that was closed", Permission: core.SupportAnswer},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (string, error) {
			return d.rests(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (command.Reply, error) {
			t, err := d.Tickets.In(tx).Reopen(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Message #%d is open again: it is %s.", t.ID, standing(t)).With("contact close", closeArgs{ID: a.ID, Reason: "closed again"}), nil
		},
	}
}
