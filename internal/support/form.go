package support

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
)

// The bounds of what is written to staff, in characters.
const (
	MaxSubject = 120
	MaxText    = 4000
	MaxWork    = 300 // what a demand is about
	MaxWhere   = 1000
	MaxBehalf  = 300
	MaxName    = 100
)

// How many may write. A day is 24 hours.
const (
	dayOfNetwork = 5   // strangers' tickets from one network within a day
	dayOfMember  = 10  // of one member within a day
	dayOfAll     = 200 // of all strangers within a day
	openOfAll    = 500 // of strangers that wait for an answer, in each category
	openOfMember = 20  // of one member that wait for an answer
)

// Form is what somebody writes to staff.
type Form struct {
	Category Category
	Subject  string // of a question
	Text     string
	Email    string        // where to answer; of strangers alone
	Member   core.MemberID // who is logged in; 0 for a stranger
	Demand   Demand        // of a takedown
	invite.Human
	Place string // where a stranger comes from, as guess.Place writes it; "" is nowhere known
}

// Demand is what the form for takedowns asks besides.
type Demand struct {
	Work   string // which work or dataset
	Where  string // where on the site it is
	Behalf string // for whom they speak
	Name   string // their own, as under a letter
	True   bool   // they state that all of this is true, and that they may speak for whom they name
}

// line checks one line of a form.
func line(field, given, what string, most int) (string, error) {
	s := text.Line(given)
	if !text.HasLetters(s) {
		return "", core.FieldErrorf(field, "%s", what)
	}
	return s, short(field, s, most)
}

// body checks a text of many lines.
func body(field, given, what string, most int) (string, error) {
	s := text.Body(given)
	if !text.HasLetters(s) {
		return "", core.FieldErrorf(field, "%s", what)
	}
	return s, short(field, s, most)
}

// short bounds a text in characters, and in bytes: accents and joiners count as none.
func short(field, s string, most int) error {
	if text.Chars(s) > most || len(s) > 4*most {
		return core.FieldErrorf(field, "keep this within %d characters", most)
	}
	return nil
}

// check returns the form as it is kept, and what it says besides its text. Each thing that is
// wrong is an error with code Invalid and the field, so that one learns of all at once.
func (f Form) check() (Form, []Fact, error) {
	var facts []Fact
	var wrongSubject, wrongText, untrue, wrongMail error
	switch f.Category {
	case Question:
		f.Subject, wrongSubject = line("subject", f.Subject, "say in some words what it is about", MaxSubject)
	case Takedown:
		facts, wrongSubject = f.Demand.check()
		f.Subject = text.Cut(facts[0].Value, MaxSubject)
		if !f.Demand.True {
			untrue = core.FieldErrorf("true", "tick this: without it staff can't act")
		}
	default:
		return f, nil, core.FieldErrorf("category", "staff are written to with a question or about a takedown")
	}
	f.Text, wrongText = body("text", f.Text, "write what staff should know", MaxText)
	if f.Member != 0 {
		f.Email = ""
	} else if f.Email, wrongMail = invite.CheckMail(f.Email); wrongMail == nil && f.Email == "" {
		wrongMail = core.FieldErrorf("email", "give a mail address, so that staff can answer")
	}
	return f, facts, errors.Join(wrongSubject, wrongText, wrongMail, untrue)
}

func (d Demand) check() (out []Fact, wrong error) {
	for _, f := range []struct {
		label, field, given, what string
		most                      int
		check                     func(field, given, what string, most int) (string, error)
	}{
		{"Work", "work", d.Work, "name the work or the dataset", MaxWork, line},
		{"Where it is", "where", d.Where, "say where on this site it is: an address, or a title", MaxWhere, body},
		{"On behalf of", "behalf", d.Behalf, "say for whom you speak: yourself, or whoever has the rights", MaxBehalf, line},
		{"Name", "name", d.Name, "write your name, as under a letter", MaxName, line},
	} {
		s, err := f.check(f.field, f.given, f.what, f.most)
		out, wrong = append(out, Fact{f.label, s}), errors.Join(wrong, err)
	}
	return out, wrong
}

// inboxTurn is the turn of those who write to staff.
const inboxTurn = "support"

// Open takes what somebody wrote. What is wrong with the form has code Invalid and the field.
// The error has code Unavailable where too many wait, or too many came from the network or the
// member. Whether an address is known makes no difference.
func (s *Store) Open(ctx context.Context, f Form) (t Ticket, err error) {
	if err := s.Stamps().CheckHuman(f.Human, s.Clock()); err != nil {
		return t, err
	}
	f, facts, err := f.check()
	if err != nil {
		return t, err
	}
	box, err := s.sealFacts(facts)
	if err != nil {
		return t, err
	}
	network := []byte{}
	if f.Place != "" && f.Member == 0 {
		network = s.Keys.MAC(networkUse, guess.Around(f.Place))
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, inboxTurn); err != nil {
			return err
		}
		if err := s.In(tx).mayOpen(ctx, f, network); err != nil {
			return err
		}
		now := time.Unix(s.Clock().Unix(), 0).UTC()
		t = Ticket{Category: f.Category, State: Open, Subject: f.Subject, Member: f.Member, HasMail: f.Email != "", CreatedAt: now, ChangedAt: now}
		t.ID, err = tx.Insert(ctx, "support_ticket", db.Row{"category", t.Category, "state", t.State, "member_id", t.Member, "mail_mac", s.mailMAC(f.Email), "mail_box", s.seal(f.Email, mailUse),
			"subject_box", s.seal(f.Subject, subjectUse), "form_box", box, "network_mac", network, "assignee_id", 0, "created_at", now.Unix(), "changed_at", now.Unix(), "answered_at", 0, "closed_at", 0})
		if err != nil {
			return fmt.Errorf("store a ticket: %w", err)
		}
		if _, err := s.add(ctx, tx, t.ID, Message{Kind: Said, Author: f.Member, At: now, Text: f.Text}); err != nil {
			return err
		}
		_, err = s.Log.Append(ctx, tx, eventlog.TicketOpened{Ticket: t.ID})
		return err
	})
	if err != nil {
		return Ticket{}, err
	}
	return t, nil
}

// add writes a message.
func (s *Store) add(ctx context.Context, tx *db.Tx, ticket int64, m Message) (int64, error) {
	id, err := tx.Insert(ctx, "support_message", db.Row{"ticket_id", ticket, "kind", m.Kind, "author_id", m.Author, "author_name", text.Cut(m.AuthorName, 64), "at", m.At.Unix(),
		"by_mail", m.ByMail, "body_box", s.seal(m.Text, bodyUse)})
	if err != nil {
		return 0, fmt.Errorf("store a message: %w", err)
	}
	return id, nil
}

// mayOpen holds the bounds, under the turn.
func (s *Store) mayOpen(ctx context.Context, f Form, network []byte) error {
	now := s.Clock()
	since, until := now.Add(-24*time.Hour).Unix(), core.Horizon(now, 0).Unix()
	type bound struct {
		most  int
		where string
		args  []any
		text  string
		retry time.Duration
	}
	const tomorrow = 24 * time.Hour
	bounds := []bound{
		{dayOfMember, "member_id = ? AND created_at > ? AND created_at <= ?", []any{f.Member, since, until}, "you have written to staff %d times within a day; try again tomorrow", tomorrow},
		{openOfMember, "member_id = ? AND state = ?", []any{f.Member, Open}, "%d messages of yours wait for an answer; wait until staff have seen some", 0},
	}
	if f.Member == 0 {
		bounds = []bound{
			{dayOfAll, "member_id = 0 AND created_at > ? AND created_at <= ?", []any{since, until}, "staff were written to %d times within a day, which is as much as they can read; try again tomorrow", tomorrow},
			{openOfAll, "member_id = 0 AND state = ? AND category = ?", []any{Open, f.Category}, "%d messages wait for an answer, and no more are taken until staff have seen some; come back in some days", 0},
		}
		if len(network) > 0 {
			bounds = append(bounds, bound{dayOfNetwork, "network_mac = ? AND created_at > ? AND created_at <= ?", []any{network, since, until}, "staff were written to %d times from your network within a day; try again tomorrow", tomorrow})
		}
	}
	for _, b := range bounds {
		n, _, err := db.One(ctx, s.db, db.Value[int], "SELECT COUNT(*) FROM support_ticket WHERE "+b.where, b.args...)
		if err != nil {
			return fmt.Errorf("count tickets: %w", err)
		}
		if n >= b.most {
			return &core.Error{Code: core.Unavailable, Text: fmt.Sprintf(b.text, n), Retry: b.retry}
		}
	}
	return nil
}
