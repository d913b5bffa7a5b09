package support

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// The bounds of what staff write, in characters, and of one ticket.
const (
	MaxAnswer   = 1500
	maxReason   = 400
	maxMessages = 100
)

const ticketColumns = "t.id, t.category, t.state, t.subject_box, t.member_id, COALESCE(w.name, ''), LENGTH(t.mail_box), t.assignee_id, COALESCE(a.name, ''), t.created_at, t.changed_at, t.answered_at, t.closed_at"

const ofTicket = " FROM support_ticket t LEFT JOIN member w ON w.id = t.member_id LEFT JOIN member a ON a.id = t.assignee_id "

func (s *Store) scanTicket(sc db.Scanner) (t Ticket, err error) {
	var subject []byte
	var mail, created, changed, answered, closed int64
	if err := sc.Scan(&t.ID, &t.Category, &t.State, &subject, &t.Member, &t.Name, &mail, &t.Assignee, &t.AssigneeName, &created, &changed, &answered, &closed); err != nil {
		return t, err
	}
	t.HasMail = mail > 0
	t.CreatedAt, t.ChangedAt, t.AnsweredAt, t.ClosedAt = instant(created), instant(changed), instant(answered), instant(closed)
	t.Subject, err = s.open(subject, subjectUse)
	return t, err
}

// MaxPage is how many tickets are read at once at most.
const MaxPage = 100

// Filter chooses tickets for a list.
type Filter struct {
	State    State    // "" is Open
	Category Category // "" is any
	// From is the id behind which the list begins; 0 is the beginning.
	From int64
}

// List returns up to limit (1 to MaxPage) tickets: of those that are open, the ones that wait
// longest first; of others, the newest.
func (s *Store) List(ctx context.Context, f Filter, limit int) ([]Ticket, error) {
	if f.State == "" {
		f.State = Open
	}
	where, order, args := "t.state = ? AND t.id > ?", "t.id", []any{f.State, f.From}
	if f.State != Open {
		if f.From <= 0 {
			args[1] = int64(1<<63 - 1)
		}
		where, order = "t.state = ? AND t.id < ?", "t.id DESC"
	}
	if f.Category != "" {
		where += " AND t.category = ?"
		args = append(args, f.Category)
	}
	list, err := db.All(ctx, s.db, s.scanTicket, "SELECT "+ticketColumns+ofTicket+"WHERE "+where+" ORDER BY "+order+" LIMIT ?", append(args, min(max(limit, 1), MaxPage))...)
	if err != nil {
		return nil, fmt.Errorf("list tickets: %w", err)
	}
	return list, nil
}

// Of returns up to limit (1 to MaxPage) tickets of a member, the newest first.
func (s *Store) Of(ctx context.Context, id core.MemberID, limit int) ([]Ticket, error) {
	list, err := db.All(ctx, s.db, s.scanTicket, "SELECT "+ticketColumns+ofTicket+"WHERE t.member_id = ? AND t.member_id <> 0 ORDER BY t.id DESC LIMIT ?", id, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, fmt.Errorf("list a member's tickets: %w", err)
	}
	return list, nil
}

// Waiting returns how many tickets wait for an answer.
func (s *Store) Waiting(ctx context.Context) (int, error) {
	n, _, err := db.One(ctx, s.db, db.Value[int], "SELECT COUNT(*) FROM support_ticket WHERE state = ?", Open)
	if err != nil {
		return 0, fmt.Errorf("count tickets: %w", err)
	}
	return n, nil
}

// Ticket returns one ticket, or an error with code NotFound.
func (s *Store) Ticket(ctx context.Context, id int64) (Ticket, error) {
	return s.ticket(ctx, s.db, "SELECT "+ticketColumns+ofTicket+"WHERE t.id = ?", id)
}

func (s *Store) ticket(ctx context.Context, q db.Queryer, query string, id int64) (Ticket, error) {
	t, ok, err := db.One(ctx, q, s.scanTicket, query, id)
	if err != nil {
		return t, fmt.Errorf("read a ticket: %w", err)
	}
	if !ok {
		return t, core.Errorf(core.NotFound, "there is no message %d to staff", id)
	}
	return t, nil
}

// Detail returns all of a ticket, notes among it, or an error with code NotFound. The caller
// checks who may read it.
func (s *Store) Detail(ctx context.Context, id int64) (d Detail, err error) {
	if d.Ticket, err = s.Ticket(ctx, id); err != nil {
		return d, err
	}
	type hidden struct{ mac, mail, form []byte }
	h, _, err := db.One(ctx, s.db, func(sc db.Scanner) (h hidden, err error) { return h, sc.Scan(&h.mac, &h.mail, &h.form) },
		"SELECT mail_mac, mail_box, form_box FROM support_ticket WHERE id = ?", id)
	if err == nil {
		d.Email, err = s.open(h.mail, mailUse)
	}
	if err == nil {
		d.Facts, err = s.openFacts(h.form)
	}
	if err == nil {
		d.Messages, err = s.messages(ctx, id)
	}
	if err == nil {
		d.Same, _, err = db.One(ctx, s.db, db.Value[int], "SELECT COUNT(*) FROM support_ticket WHERE id <> ? AND ((member_id = ? AND member_id <> 0) OR (mail_mac = ? AND LENGTH(mail_mac) > 0))", id, d.Member, h.mac)
	}
	if err != nil {
		return d, fmt.Errorf("read a ticket: %w", err)
	}
	return d, nil
}

func (s *Store) messages(ctx context.Context, ticket int64) ([]Message, error) {
	return db.All(ctx, s.db, func(sc db.Scanner) (m Message, err error) {
		var at int64
		var box []byte
		if err := sc.Scan(&m.ID, &m.Kind, &m.Author, &m.AuthorName, &at, &m.ByMail, &box); err != nil {
			return m, err
		}
		m.At = instant(at)
		m.Text, err = s.open(box, bodyUse)
		return m, err
	}, "SELECT id, kind, author_id, author_name, at, by_mail, body_box FROM support_message WHERE ticket_id = ? ORDER BY id LIMIT ?", ticket, maxMessages)
}

// Own is Detail for the member who wrote: without what staff note for each other. It fails
// with NotFound for a ticket of somebody else.
func (s *Store) Own(ctx context.Context, id int64, who core.MemberID) (Detail, error) {
	d, err := s.Detail(ctx, id)
	if err == nil && (who == 0 || d.Member != who) {
		err = core.Errorf(core.NotFound, "there is no message %d of yours to staff", id)
	}
	if err != nil {
		return Detail{}, err
	}
	var open []Message
	for _, m := range d.Messages {
		if m.Kind != Note {
			open = append(open, m)
		}
	}
	d.Messages = open
	return d, nil
}

// change changes a ticket in a transaction that has it locked.
func (s *Store) change(ctx context.Context, id int64, act func(tx *db.Tx, t *Ticket) error) (t Ticket, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "support_ticket", "id = ?", id); err != nil {
			return err
		}
		// Current: a reading before in the same transaction must not show an older state.
		if t, err = s.ticket(ctx, tx, tx.Current("SELECT "+ticketColumns+ofTicket+"WHERE t.id = ?"), id); err != nil {
			return err
		}
		if err := act(tx, &t); err != nil {
			return err
		}
		t.ChangedAt = time.Unix(s.Clock().Unix(), 0).UTC()
		_, err := tx.Exec(ctx, "UPDATE support_ticket SET state = ?, assignee_id = ?, changed_at = ?, answered_at = ?, closed_at = ? WHERE id = ?",
			t.State, t.Assignee, t.ChangedAt.Unix(), unix(t.AnsweredAt), unix(t.ClosedAt), id)
		if err != nil {
			return fmt.Errorf("change a ticket: %w", err)
		}
		return nil
	})
	return t, err
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// errClosed is for a ticket that is closed.
func (t Ticket) errClosed() error {
	return core.Errorf(core.Conflict, "message %d is closed since %s; open it again first", t.ID, text.Instant(t.ClosedAt))
}

// room refuses more messages than a ticket has room for.
func room(ctx context.Context, tx *db.Tx, id int64) error {
	n, _, err := db.One(ctx, tx, db.Value[int], tx.Current("SELECT COUNT(*) FROM support_message WHERE ticket_id = ?"), id)
	if err != nil {
		return fmt.Errorf("count messages: %w", err)
	}
	if n >= maxMessages {
		return core.Errorf(core.Conflict, "message %d has %d answers and notes, which is as many as are kept", id, n)
	}
	return nil
}

// Claim notes that somebody looks after a ticket: of several who try at once, one gets it,
// and the others read who. It fails with Conflict where somebody does already.
func (s *Store) Claim(ctx context.Context, id int64, by Person) (Ticket, error) {
	return s.change(ctx, id, func(_ *db.Tx, t *Ticket) error {
		switch {
		case t.State == Closed:
			return t.errClosed()
		case by.ID == 0:
			return core.Errorf(core.Conflict, "the shell looks after nothing; answer it, or let a member of staff claim it")
		case t.Assignee == by.ID:
			return core.Errorf(core.Conflict, "you look after message %d already", id)
		case t.Assignee != 0:
			return core.Errorf(core.Conflict, "%s looks after message %d", t.AssigneeName, id)
		}
		t.Assignee, t.AssigneeName = by.ID, by.Name
		return nil
	})
}

// Release gives a ticket back, so that somebody else looks after it. Anybody who may answer
// can do this, also for one who is away; the audit log has who did. It returns who had it.
func (s *Store) Release(ctx context.Context, id int64) (t Ticket, had Person, err error) {
	t, err = s.change(ctx, id, func(_ *db.Tx, t *Ticket) error {
		if t.Assignee == 0 {
			return core.Errorf(core.Conflict, "nobody looks after message %d", id)
		}
		had = Person{t.Assignee, t.AssigneeName}
		t.Assignee, t.AssigneeName = 0, ""
		return nil
	})
	return t, had, err
}

// Reply answers whoever wrote. Of an answer to a stranger it reports by ByMail whether it
// leaves by mail; where it doesn't, staff write by hand. It fails with Conflict for a ticket
// that is closed.
func (s *Store) Reply(ctx context.Context, id int64, by Person, answer string) (t Ticket, m Message, err error) {
	if answer, err = body("text", answer, "write an answer", MaxAnswer); err != nil {
		return t, m, err
	}
	t, err = s.change(ctx, id, func(tx *db.Tx, t *Ticket) error {
		if t.State == Closed {
			return t.errClosed()
		}
		if err := room(ctx, tx, id); err != nil {
			return err
		}
		now := time.Unix(s.Clock().Unix(), 0).UTC()
		m = Message{Kind: Answer, Author: by.ID, AuthorName: by.Name, At: now, Text: answer, ByMail: t.HasMail && s.sendsMail()}
		if m.ID, err = s.add(ctx, tx, id, m); err != nil {
			return err
		}
		t.State, t.AnsweredAt = Answered, now
		_, err = s.Log.Append(ctx, tx, eventlog.TicketAnswered{Ticket: id, Message: m.ID})
		return err
	})
	return t, m, err
}

// Close ends a ticket, for a reason that staff read. It fails with Conflict where it is closed.
func (s *Store) Close(ctx context.Context, id int64, by Person, reason string) (Ticket, error) {
	reason, err := line("reason", reason, "say why, for your colleagues", maxReason)
	if err != nil {
		return Ticket{}, err
	}
	return s.change(ctx, id, func(tx *db.Tx, t *Ticket) error {
		if t.State == Closed {
			return t.errClosed()
		}
		if err := room(ctx, tx, id); err != nil {
			return err
		}
		t.State, t.ClosedAt = Closed, time.Unix(s.Clock().Unix(), 0).UTC()
		_, err := s.add(ctx, tx, id, Message{Kind: Note, Author: by.ID, AuthorName: by.Name, At: t.ClosedAt, Text: "Closed: " + reason})
		return err
	})
}

// Reopen takes back that a ticket was closed. It fails with Conflict where it is not.
func (s *Store) Reopen(ctx context.Context, id int64) (Ticket, error) {
	return s.change(ctx, id, func(_ *db.Tx, t *Ticket) error {
		if t.State != Closed {
			return core.Errorf(core.Conflict, "message %d is not closed", id)
		}
		if t.State = Open; !t.AnsweredAt.IsZero() {
			t.State = Answered
		}
		t.ClosedAt = time.Time{}
		return nil
	})
}

// Letter is what the mail of an answer says.
type Letter struct {
	To      string
	Ticket  int64
	Subject string
	Text    string
	Author  core.MemberID // who answered; 0 for the shell
}

// Letter returns what the mail of an answer says, and false where none leaves.
func (s *Store) Letter(ctx context.Context, ticket, message int64) (l Letter, ok bool, err error) {
	d, err := s.Detail(ctx, ticket)
	if core.CodeOf(err) == core.NotFound {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	for _, m := range d.Messages {
		if m.ID == message && m.ByMail && d.Email != "" {
			return Letter{To: d.Email, Ticket: ticket, Subject: d.Subject, Text: m.Text, Author: m.Author}, true, nil
		}
	}
	return l, false, nil
}

// The times after which things that are over are forgotten.
const (
	networksKept = 7 * 24 * time.Hour   // where somebody wrote from
	ticketsKept  = 365 * 24 * time.Hour // that nobody has touched, and that don't wait for an answer
)

// Prune forgets where up to limit (1 to 500) tickets came from a week ago, and up to limit
// tickets that wait for no answer and have not changed for a year. It returns how many of both.
func (s *Store) Prune(ctx context.Context, limit int) (total int64, err error) {
	limit = min(max(limit, 1), 500)
	now := s.Clock()
	for _, p := range []struct {
		where      string
		args       []any
		statements []string // run with the ids in place of %s
	}{
		{"created_at <= ? AND LENGTH(network_mac) > 0", []any{now.Add(-networksKept).Unix()}, []string{"UPDATE support_ticket SET network_mac = '' WHERE id IN (%s)"}},
		{"changed_at <= ? AND state IN (?, ?)", []any{now.Add(-ticketsKept).Unix(), Answered, Closed}, []string{
			"DELETE FROM support_message WHERE ticket_id IN (%s)", "DELETE FROM support_ticket WHERE id IN (%s)"}},
	} {
		var n int64
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			ids, err := db.All(ctx, tx, db.Value[any], "SELECT id FROM support_ticket WHERE "+p.where+" ORDER BY id LIMIT ?", append(p.args, limit)...)
			if n = int64(len(ids)); err != nil || n == 0 {
				return err
			}
			for _, statement := range p.statements {
				if _, err := tx.Exec(ctx, fmt.Sprintf(statement, db.Marks(len(ids))), ids...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, fmt.Errorf("prune tickets: %w", err)
		}
		total += n
	}
	return total, nil
}
