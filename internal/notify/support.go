package notify

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/support"
)

// Support is what tells of what people write to staff. Staff are told of it, members of the
// answer, and strangers are sent it.
type Support struct {
	Tickets *support.Store
	Letters *mail.Queue
}

// handlers are none where nothing of it is given.
func (s *Support) handlers(c *Consumer, wake func()) []eventlog.Handler {
	if s == nil {
		return nil
	}
	return []eventlog.Handler{
		tell(c, wake, func(ctx context.Context, tx *db.Tx, e eventlog.TicketOpened) ([]Note, error) {
			return s.opened(ctx, tx, c, e)
		}),
		tell(c, wake, s.answered),
	}
}

// opened tells all who may answer.
func (s *Support) opened(ctx context.Context, tx *db.Tx, c *Consumer, e eventlog.TicketOpened) (notes []Note, err error) {
	t, err := s.Tickets.In(tx).Ticket(ctx, e.Ticket)
	if core.CodeOf(err) == core.NotFound {
		return nil, nil
	}
	if err != nil || t.State != support.Open {
		return nil, err
	}
	staff, err := c.Members.In(tx).Having(ctx, core.SupportAnswer)
	title, text := fmt.Sprintf("Somebody wrote to staff: message #%d.", t.ID), "It waits for an answer by one of you."
	if t.Category == support.Takedown {
		title = fmt.Sprintf("Somebody demands a takedown: message #%d.", t.ID)
	}
	for _, m := range staff {
		if m.ID != t.Member {
			notes = append(notes, Note{Member: m.ID, Kind: ContactNew, Subject: Subject{"support", t.ID}, Title: title, Text: text, Link: fmt.Sprintf("/staff/contact/%d", t.ID)})
		}
	}
	return notes, err
}

// answered tells a member that staff answered them, and writes the letter to a stranger.
func (s *Support) answered(ctx context.Context, tx *db.Tx, e eventlog.TicketAnswered) ([]Note, error) {
	t, err := s.Tickets.In(tx).Ticket(ctx, e.Ticket)
	if core.CodeOf(err) == core.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if t.Member != 0 {
		return []Note{{Member: t.Member, Kind: ContactAnswered, Subject: Subject{"support", t.ID}, Title: "Staff answered what you wrote to them.", Text: "Read the answer on the site.", Link: fmt.Sprintf("/contact/%d", t.ID)}}, nil
	}
	l, ok, err := s.Tickets.In(tx).Letter(ctx, e.Ticket, e.Message)
	if err != nil || !ok || !s.Letters.Configured() {
		return nil, err
	}
	_, err = s.Letters.In(tx).Put(ctx, mail.Letter{To: l.To, Member: l.Author, Once: fmt.Sprintf("support:%d", e.Message),
		Content: mail.Reply{Number: l.Ticket, Subject: l.Subject, Text: l.Text, Again: "/contact"}})
	if core.CodeOf(err) == core.Invalid {
		return nil, eventlog.Faulty(err)
	}
	return nil, err
}

// answerNotArrived tells whoever answered that the letter did not arrive.
func answerNotArrived(e eventlog.MailFailed) Note {
	return Note{Member: e.Member, Kind: ContactFailed, Subject: Subject{"mail", e.Mail}, Title: "An answer to somebody who wrote to staff did not arrive.",
		Text: "Perhaps the address has a slip. The answer stands on the page of what they wrote, with the address.", Link: "/staff/contact?state=answered"}
}
