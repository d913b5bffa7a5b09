package support

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a site with a clock that stands still until it is moved.
type world struct {
	*Store
	t     *testing.T
	clock *dbtest.Clock
	mail  bool // the site sends mail
	ann   core.MemberID
	mona  Person
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, err := secret.NewKeyring(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys = keys.Cheaply()
		w := &world{t: t, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
		log := eventlog.New(d, w.clock.Now)
		w.Store = NewStore(Deps{DB: d, Log: log, Keys: keys, Clock: w.clock.Now, SendsMail: func() bool { return w.mail }})
		members := member.NewStore(d, log, keys, w.clock.Now)
		w.must(members.Seed(t.Context()))
		made, err := members.Create(t.Context(), member.New{Name: "ann"})
		w.must(err)
		w.ann = made.Member.ID
		made, err = members.Create(t.Context(), member.New{Name: "mona", Class: "Moderator"})
		w.must(err)
		w.mona = Person{made.Member.ID, "mona"}
		test(t, w)
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// human is what a person's form carries.
func (w *world) human() invite.Human {
	return invite.Human{Stamp: w.Stamps().Stamp(w.clock.Now().Add(-time.Minute))}
}

func (w *world) question() Form {
	return Form{Category: Question, Subject: "About yeast", Text: "Who runs this?\n\nI ask for a friend.", Email: "eve@lab.example", Human: w.human()}
}

func (w *world) takedown() Form {
	return Form{Category: Takedown, Text: "It is ours, and not free.", Email: "law@press.example", Human: w.human(),
		Demand: Demand{Work: "The yeast atlas", Where: "/groups/1\nand /groups/2", Behalf: "The Yeast Press, whose counsel I am", Name: "L. Aw", True: true}}
}

// write writes to staff, and must.
func (w *world) write(f Form) Ticket {
	w.t.Helper()
	t, err := w.Open(w.t.Context(), f)
	w.must(err)
	return t
}

// refused checks code, field and a part of the text of an error.
func refused(t *testing.T, err error, code core.Code, field, part string) {
	t.Helper()
	if core.CodeOf(err) != code || core.FieldOf(err) != field || !strings.Contains(core.SafeText(err), part) {
		t.Errorf("got %v (%s, field %q), want %s in %q with %q", err, core.CodeOf(err), core.FieldOf(err), code, field, part)
	}
}

// TestForms makes each mistake once, and then none.
func TestForms(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			form        func() Form
			change      func(f *Form)
			field, part string
		}{
			{w.question, func(f *Form) { f.Category = "love" }, "category", "question"},
			{w.question, func(f *Form) { f.Subject = " \u200b " }, "subject", "what it is about"},
			{w.question, func(f *Form) { f.Subject = strings.Repeat("ä", MaxSubject+1) }, "subject", "within 120"},
			{w.question, func(f *Form) { f.Text = "\u2060" }, "text", "write what"},
			{w.question, func(f *Form) { f.Text = strings.Repeat("ä", MaxText+1) }, "text", "within 4000"},
			{w.question, func(f *Form) { f.Email = "" }, "email", "so that staff can answer"},
			{w.question, func(f *Form) { f.Email = "nowhere" }, "email", "not an e-mail"},
			{w.question, func(f *Form) { f.Trap = "x" }, invite.TrapField, "robots"},
			{w.question, func(f *Form) { f.Stamp = "x" }, "", "not drawn"},
			{w.question, func(f *Form) { f.Stamp = w.Stamps().Stamp(w.clock.Now()) }, "", "faster"},
			{w.takedown, func(f *Form) { f.Demand.Work = "" }, "work", "name the work"},
			{w.takedown, func(f *Form) { f.Demand.Where = "" }, "where", "where on this site"},
			{w.takedown, func(f *Form) { f.Demand.Where = strings.Repeat("x", MaxWhere+1) }, "where", "within 1000"},
			{w.takedown, func(f *Form) { f.Demand.Behalf = "" }, "behalf", "for whom"},
			{w.takedown, func(f *Form) { f.Demand.Name = "" }, "name", "your name"},
			{w.takedown, func(f *Form) { f.Demand.True = false }, "true", "tick"},
		} {
			f := c.form()
			c.change(&f)
			_, err := w.Open(t.Context(), f)
			refused(t, err, core.Invalid, c.field, c.part)
		}
		empty := w.takedown()
		empty.Demand, empty.Text, empty.Email = Demand{}, "", ""
		_, err := w.Open(t.Context(), empty)
		for _, part := range []string{"name the work", "where on this site", "for whom", "your name", "write what", "can answer", "tick"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("of all that is wrong %q is not told: %v", part, err)
			}
		}
		if n, err := w.Waiting(t.Context()); n != 0 || err != nil {
			t.Fatalf("%d wait after mistakes, %v", n, err)
		}
		long := w.question()
		long.Text, long.Subject = strings.Repeat("🧬", MaxText), strings.Repeat("🧬", MaxSubject)
		long.Subject = "a" + long.Subject[4:]
		long.Text = "a" + long.Text[4:]
		w.write(long)
		a := w.write(w.takedown())
		d, err := w.Detail(t.Context(), a.ID)
		w.must(err)
		if d.Subject != "The yeast atlas" || d.Email != "law@press.example" || len(d.Facts) != 4 || d.Facts[1].Value != "/groups/1\nand /groups/2" || len(d.Messages) != 1 || d.Messages[0].Text != "It is ours, and not free." {
			t.Errorf("it is kept as %+v", d)
		}
		own := w.question()
		own.Member = w.ann
		if d, err = w.Detail(t.Context(), w.write(own).ID); err != nil || d.Email != "" || d.Name != "ann" {
			t.Errorf("a member's: %+v, %v", d, err)
		}
		w.sealed("yeast atlas", "press.example", "Press", "not free", "About yeast", "friend")
	})
}

// sealed looks for texts in what the database has.
func (w *world) sealed(parts ...string) {
	w.t.Helper()
	for _, table := range []string{"SELECT mail_box FROM support_ticket", "SELECT mail_mac FROM support_ticket", "SELECT subject_box FROM support_ticket", "SELECT form_box FROM support_ticket", "SELECT network_mac FROM support_ticket",
		"SELECT body_box FROM support_message", "SELECT author_name FROM support_message", "SELECT body FROM event"} {
		rows, err := db.All(w.t.Context(), w.DB, db.Value[string], table)
		w.must(err)
		for _, row := range rows {
			for _, p := range parts {
				if strings.Contains(row, p) {
					w.t.Errorf("%s has %q in clear", table, p)
				}
			}
		}
	}
}

// TestBoundsOfWriting writes until no more is taken.
func TestBoundsOfWriting(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := func(place string) Form {
			f := w.question()
			f.Place = place
			return f
		}
		for i := range dayOfNetwork {
			w.write(from(fmt.Sprintf("203.0.113.%d", i)))
		}
		_, err := w.Open(t.Context(), from("203.0.113.99"))
		refused(t, err, core.Unavailable, "", "from your network")
		var e *core.Error
		if !errors.As(err, &e) || e.Retry == 0 {
			t.Errorf("it doesn't say when to come again: %v", err)
		}
		w.write(from("198.51.100.1"))
		w.clock.Add(25 * time.Hour)
		w.write(from("203.0.113.99"))

		mine := func() Form {
			f := from("203.0.113.99")
			f.Member = w.ann
			return f
		}
		for range dayOfMember {
			w.write(mine())
		}
		_, err = w.Open(t.Context(), mine())
		refused(t, err, core.Unavailable, "", "10 times within a day")
		w.clock.Add(25 * time.Hour)
		for range dayOfMember {
			w.write(mine())
		}
		w.clock.Add(25 * time.Hour)
		_, err = w.Open(t.Context(), mine())
		refused(t, err, core.Unavailable, "", "wait for an answer")

		// Altogether: rows are made in bulk, as so many calls would take long.
		fill := func(n int, c Category, at time.Time) {
			w.must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
				for range n {
					if _, err := tx.Insert(t.Context(), "support_ticket", db.Row{"category", c, "state", Open, "member_id", 0, "mail_mac", []byte{}, "mail_box", []byte{}, "subject_box", []byte{}, "form_box", []byte{},
						"network_mac", []byte{}, "assignee_id", 0, "created_at", at.Unix(), "changed_at", at.Unix(), "answered_at", 0, "closed_at", 0}); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		fill(dayOfAll, Takedown, w.clock.Now())
		_, err = w.Open(t.Context(), from("192.0.2.1"))
		refused(t, err, core.Unavailable, "", "200 times within a day")
		w.clock.Add(25 * time.Hour)
		fill(openOfAll, Question, w.clock.Now().Add(-48*time.Hour))
		_, err = w.Open(t.Context(), from("192.0.2.1"))
		refused(t, err, core.Unavailable, "", "no more are taken")
		w.write(w.takedown()) // questions crowd out no demand
		f := mine()
		f.Member = w.mona.ID
		w.write(f) // nor strangers a member
	})
}

// TestDesk is what staff do with one message, from claiming it to closing it.
func TestDesk(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nils := Person{4711, "nils"}
		a := w.write(w.question())
		second := w.write(w.question())
		list, err := w.List(t.Context(), Filter{}, 10)
		if w.must(err); len(list) != 2 || list[0].ID != a.ID {
			t.Errorf("the list: %+v", list)
		}
		if list, err = w.List(t.Context(), Filter{From: a.ID, Category: Question}, 10); err != nil || len(list) != 1 || list[0].ID != second.ID {
			t.Errorf("behind the first: %+v, %v", list, err)
		}
		if list, err = w.List(t.Context(), Filter{Category: Takedown}, 10); err != nil || len(list) != 0 {
			t.Errorf("takedowns: %+v, %v", list, err)
		}
		_, err = w.Claim(t.Context(), a.ID, w.mona)
		w.must(err)
		_, err = w.Claim(t.Context(), a.ID, nils)
		refused(t, err, core.Conflict, "", "mona looks after")
		_, err = w.Claim(t.Context(), second.ID, Person{0, "shell"})
		refused(t, err, core.Conflict, "", "shell")
		if _, had, err := w.Release(t.Context(), a.ID); err != nil || had != w.mona {
			t.Errorf("released from %+v, %v", had, err)
		}
		_, _, err = w.Release(t.Context(), a.ID)
		refused(t, err, core.Conflict, "", "nobody")
		_, _, err = w.Reply(t.Context(), a.ID, w.mona, " ")
		refused(t, err, core.Invalid, "text", "write an answer")
		_, _, err = w.Reply(t.Context(), a.ID, w.mona, strings.Repeat("x", MaxAnswer+1))
		refused(t, err, core.Invalid, "text", "within 1500")
		_, _, err = w.Reply(t.Context(), 4711, w.mona, "Hello.")
		refused(t, err, core.NotFound, "", "no message 4711")
		_, m, err := w.Reply(t.Context(), a.ID, w.mona, "Volunteers.\nWrite again.")
		if w.must(err); m.ByMail {
			t.Error("it leaves by mail from a site that sends none")
		}
		if _, ok, err := w.Letter(t.Context(), a.ID, m.ID); ok || err != nil {
			t.Errorf("there is a letter: %v", err)
		}
		w.mail = true
		got, m, err := w.Reply(t.Context(), a.ID, w.mona, "And by mail.")
		if w.must(err); !m.ByMail || got.State != Answered || text.Instant(got.AnsweredAt) != "2026-03-01 12:00 UTC" {
			t.Errorf("answered: %+v %+v", got, m)
		}
		l, ok, err := w.Letter(t.Context(), a.ID, m.ID)
		if want := (Letter{To: "eve@lab.example", Ticket: a.ID, Subject: "About yeast", Text: "And by mail.", Author: w.mona.ID}); !ok || err != nil || l != want {
			t.Errorf("the letter: %+v %t %v", l, ok, err)
		}
		_, err = w.Close(t.Context(), a.ID, w.mona, "\u200b")
		refused(t, err, core.Invalid, "reason", "say why")
		_, err = w.Close(t.Context(), a.ID, w.mona, "settled")
		w.must(err)
		_, err = w.Close(t.Context(), a.ID, w.mona, "again")
		refused(t, err, core.Conflict, "", "closed since")
		_, _, err = w.Reply(t.Context(), a.ID, w.mona, "More.")
		refused(t, err, core.Conflict, "", "open it again")
		if got, err = w.Reopen(t.Context(), a.ID); err != nil || got.State != Answered {
			t.Errorf("opened again: %+v, %v", got, err)
		}
		_, err = w.Reopen(t.Context(), second.ID)
		refused(t, err, core.Conflict, "", "not closed")
		d, err := w.Detail(t.Context(), a.ID)
		if w.must(err); len(d.Messages) != 4 || d.Messages[3].Kind != Note || d.Messages[3].Text != "Closed: settled" || d.Same != 1 {
			t.Errorf("all of it: %+v", d)
		}
		w.sealed("Volunteers", "settled")
	})
}

// TestOwn shows to members what they wrote, and no more.
func TestOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stranger := w.write(w.question())
		f := w.question()
		f.Member = w.ann
		a := w.write(f)
		_, _, err := w.Reply(t.Context(), a.ID, w.mona, "Hello.")
		w.must(err)
		_, err = w.Close(t.Context(), a.ID, w.mona, "a nuisance")
		w.must(err)
		d, err := w.Own(t.Context(), a.ID, w.ann)
		if w.must(err); len(d.Messages) != 2 || d.Messages[1].Text != "Hello." {
			t.Errorf("a member sees %+v", d.Messages)
		}
		for _, c := range []struct {
			id  int64
			who core.MemberID
		}{{a.ID, w.mona.ID}, {a.ID, 0}, {stranger.ID, 0}, {stranger.ID, w.ann}, {4711, w.ann}} {
			if d, err := w.Own(t.Context(), c.id, c.who); core.CodeOf(err) != core.NotFound || d.ID != 0 {
				t.Errorf("%d of %d: %+v, %v", c.id, c.who, d, err)
			}
		}
		if list, err := w.Of(t.Context(), w.ann, 10); err != nil || len(list) != 1 || list[0].ID != a.ID {
			t.Errorf("hers: %+v, %v", list, err)
		}
		if list, err := w.Of(t.Context(), 0, 10); err != nil || len(list) != 0 {
			t.Errorf("nobody's: %+v, %v", list, err)
		}
	})
}

// TestPrune forgets networks after a week, and what is over after a year.
func TestPrune(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		f := w.question()
		f.Place = "203.0.113.1"
		waiting, over := w.write(f), w.write(f)
		_, err := w.Close(t.Context(), over.ID, w.mona, "spam")
		w.must(err)
		count := func(query string) int {
			t.Helper()
			n, _, err := db.One(t.Context(), w.DB, db.Value[int], query)
			w.must(err)
			return n
		}
		for _, step := range []struct {
			pass                      time.Duration
			n                         int64
			networks, tickets, others int
		}{{time.Hour, 0, 2, 2, 3}, {networksKept, 2, 0, 2, 3}, {ticketsKept, 1, 0, 1, 1}, {ticketsKept, 0, 0, 1, 1}} {
			w.clock.Add(step.pass)
			n, err := w.Prune(t.Context(), 100)
			w.must(err)
			if networks, tickets, messages := count("SELECT COUNT(*) FROM support_ticket WHERE LENGTH(network_mac) > 0"), count("SELECT COUNT(*) FROM support_ticket"), count("SELECT COUNT(*) FROM support_message"); n != step.n || networks != step.networks || tickets != step.tickets || messages != step.others {
				t.Errorf("after %s: pruned %d, left %d networks, %d tickets, %d messages", step.pass, n, networks, tickets, messages)
			}
		}
		if _, err := w.Detail(t.Context(), waiting.ID); err != nil {
			t.Errorf("what waits was forgotten: %v", err)
		}
	})
}
