package invite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// applyForm is one that is in order.
func (w *world) applyForm(name string) ApplyForm {
	return ApplyForm{Name: name, Email: name + "@lab.example", Answers: map[int64]string{1: "Yeast, and its genome.", 3: "From a friend."}, Human: w.human()}
}

// apply applies, and must.
func (w *world) apply(name string) (Application, string) {
	w.t.Helper()
	a, code, err := w.Apply(w.t.Context(), w.applyForm(name))
	w.must(err)
	return a, code
}

// staff makes two members of staff.
func (w *world) staff() (mona, nils Person) {
	w.t.Helper()
	a, b := w.person("mona", "Moderator"), w.person("nils", "Moderator")
	w.set("registration.mode", "application")
	return Person{a.ID, a.Name}, Person{b.ID, b.Name}
}

// member is the account of a member of staff.
func (w *world) member(p Person) member.Member {
	w.t.Helper()
	m, err := w.Members.ByID(w.t.Context(), p.ID)
	w.must(err)
	return m
}

func TestApply(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, _, err := w.Apply(t.Context(), w.applyForm("bob"))
		refused(t, err, core.Forbidden, "", "no applications")
		mona, _ := w.staff()
		for _, c := range []struct {
			change      func(f *ApplyForm)
			field, part string
		}{
			{func(f *ApplyForm) { f.Name = "a b" }, "name", "1 to 32"},
			{func(f *ApplyForm) { f.Name = "Admin" }, "name", "reserved"},
			{func(f *ApplyForm) { f.Email = "x" }, "email", "not an e-mail"},
			{func(f *ApplyForm) { f.Email = "x@yopmail.com" }, "email", "yopmail"},
			{func(f *ApplyForm) { delete(f.Answers, 1) }, "answer-1", "answer question 1"},
			{func(f *ApplyForm) { f.Answers[3] = " \u200b " }, "answer-3", "answer question 3"},
			{func(f *ApplyForm) { f.Answers[2] = strings.Repeat("ä", MaxAnswer+1) }, "answer-2", "within 2000"},
			{func(f *ApplyForm) { f.Trap = "x" }, TrapField, "robots"},
			{func(f *ApplyForm) { f.Stamp = "x" }, "", "not drawn"},
		} {
			f := w.applyForm("bob")
			c.change(&f)
			_, _, err := w.Apply(t.Context(), f)
			refused(t, err, core.Invalid, c.field, c.part)
		}
		w.apply("first")
		f := w.applyForm("mona") // a name that is taken makes no difference
		f.Answers[99] = "Nobody asked."
		f.Answers[2] = strings.Repeat("ä", MaxAnswer)
		a, code, err := w.Apply(t.Context(), f)
		if err != nil || len(code) != codeLen {
			t.Fatal(code, err)
		}
		if got, err := w.Follow(t.Context(), code, "192.0.2.1"); err != nil || got.ID != a.ID || got.Stage != Fresh || got.Place != 2 || got.Token != "" {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := w.Follow(t.Context(), secret.Token(codeLen), "192.0.2.1"); core.CodeOf(err) != core.NotFound {
			t.Errorf("a code that there is not: %v", err)
		}
		d, err := w.Detail(t.Context(), a.ID)
		if err != nil || d.Email != "mona@lab.example" || len(d.Answers) != 3 || d.Answers[2].Text != "From a friend." || d.Answers[0].Question == "" {
			t.Errorf("%+v, %v", d, err)
		}
		if list := events[eventlog.ApplicationMade](w); len(list) != 2 || list[1].Application != a.ID {
			t.Errorf("%+v", list)
		}
		got, err := w.Withdraw(t.Context(), code, "192.0.2.1")
		if err != nil || got.Stage != Withdrawn {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = w.Withdraw(t.Context(), code, "192.0.2.1")
		refused(t, err, core.Conflict, "", "withdrawn")
		_, err = w.Claim(t.Context(), a.ID, mona)
		refused(t, err, core.Conflict, "", "withdrawn")
	})
}

// TestApplyIsBounded goes to each bound of what can be applied.
func TestApplyIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.staff()
		w.set("application.per_network", "2")
		w.set("application.queue", "4")
		from := func(name, place string) error {
			f := w.applyForm(name)
			f.Place = place
			_, _, err := w.Apply(t.Context(), f)
			return err
		}
		w.must(from("a", "192.0.2.1"))
		w.must(from("b", "192.0.2.2"))
		refused(t, from("c", "192.0.2.3"), core.Unavailable, "", "your network")
		w.must(from("c", "198.51.100.1"))
		w.clock.Add(24 * time.Hour)
		w.must(from("d", "192.0.2.3"))
		refused(t, from("e", "203.0.113.1"), core.Unavailable, "", "4 applications wait")
	})
}

// TestApplyAtOnce has many apply from one network at once.
func TestApplyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.staff()
		if n := atOnce(t, 6, core.Unavailable, func(i int) error {
			f := w.applyForm(fmt.Sprintf("name_%d", i))
			f.Place = "192.0.2.1"
			_, _, err := w.Apply(t.Context(), f)
			return err
		}); n != 3 {
			t.Errorf("%d have applied", n)
		}
	})
}

func TestClaim(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		mona, nils := w.staff()
		a, _ := w.apply("bob")
		if n := atOnce(t, 6, core.Conflict, func(i int) error {
			_, err := w.Claim(t.Context(), a.ID, []Person{mona, nils}[i%2])
			return err
		}); n != 1 {
			t.Errorf("%d have claimed one applicant", n)
		}
		one, err := w.Application(t.Context(), a.ID)
		w.must(err)
		has, other := mona, nils
		if one.ClaimedBy == nils.ID {
			has, other = nils, mona
		}
		_, err = w.Claim(t.Context(), a.ID, other)
		refused(t, err, core.Conflict, "", has.Name+" has application")
		_, _, err = w.Pass(t.Context(), a.ID, other)
		refused(t, err, core.Conflict, "", has.Name+" has application")
		_, err = w.Refuse(t.Context(), a.ID, other, "no", -1)
		refused(t, err, core.Conflict, "", has.Name+" has application")
		_, err = w.Release(t.Context(), a.ID)
		w.must(err)
		_, err = w.Release(t.Context(), a.ID)
		refused(t, err, core.Conflict, "", "nobody has")
		_, _, err = w.Pass(t.Context(), a.ID, other)
		refused(t, err, core.Conflict, "", "claim application")
		_, err = w.Claim(t.Context(), 4711, other)
		refused(t, err, core.NotFound, "", "no application")
		w.must(w.AddNote(t.Context(), a.ID, mona, "Looks good."))
		refused(t, w.AddNote(t.Context(), a.ID, mona, "  "), core.Invalid, "note", "1 to 1000")
		refused(t, w.AddNote(t.Context(), 4711, mona, "x"), core.NotFound, "", "no application")
		d, err := w.Detail(t.Context(), a.ID)
		if err != nil || len(d.Notes) != 1 || d.Notes[0].Author != mona || d.Notes[0].Text != "Looks good." {
			t.Errorf("%+v, %v", d.Notes, err)
		}
	})
}

// TestPass follows an applicant from the form to their account, without mail and with it.
func TestPass(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		mona, _ := w.staff()
		a, code := w.apply("bob")
		_, err := w.Claim(t.Context(), a.ID, mona)
		w.must(err)
		_, made, err := w.Pass(t.Context(), a.ID, mona)
		if err != nil || made.Token == "" {
			t.Fatalf("%+v, %v", made, err)
		}
		f, err := w.Follow(t.Context(), code, "")
		if err != nil || f.Stage != Passed || f.Place != 0 || f.Link != Open || f.Token != made.Token {
			t.Errorf("%+v, %v", f, err)
		}
		_, _, err = w.Pass(t.Context(), a.ID, mona)
		refused(t, err, core.Conflict, "", "passed")
		j := w.join(f.Token, "bob")
		if j.Via != ViaApplication || j.Inviter != mona.ID {
			t.Errorf("%+v", j)
		}
		if f, err := w.Follow(t.Context(), code, ""); err != nil || f.Link != Used || f.Token != "" {
			t.Errorf("%+v, %v", f, err)
		}
		_, err = w.Reopen(t.Context(), a.ID, mona)
		refused(t, err, core.Conflict, "", "bob has joined")

		w.mail = true
		a, code = w.apply("cat")
		_, err = w.Claim(t.Context(), a.ID, mona)
		w.must(err)
		_, made, err = w.Pass(t.Context(), a.ID, mona)
		if err != nil || made.Token != "" || !made.Mailed {
			t.Fatalf("%+v, %v", made, err)
		}
		if f, err := w.Follow(t.Context(), code, ""); err != nil || f.Token != "" || f.Link != Open {
			t.Errorf("the link is shown besides being mailed: %+v, %v", f, err)
		}
		l, ok, err := w.Letter(t.Context(), made.ID)
		if err != nil || !ok || l.To != "cat@lab.example" || l.Via != ViaApplication || l.Inviter != "" {
			t.Errorf("%+v, %v, %v", l, ok, err)
		}
		was, err := w.Reopen(t.Context(), a.ID, mona)
		if err != nil || was.Stage != Passed {
			t.Fatalf("%+v, %v", was, err)
		}
		if i, err := w.ByID(t.Context(), made.ID); err != nil || i.State(w.clock.Now()) != Revoked {
			t.Errorf("the invite of a verdict that was taken back: %+v, %v", i, err)
		}
		if a, err := w.Allowance(t.Context(), w.member(mona)); err != nil || a.Open != 0 {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestRefuse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		mona, _ := w.staff()
		f := w.applyForm("bob")
		f.Place = "192.0.2.1"
		a, code, err := w.Apply(t.Context(), f)
		w.must(err)
		_, err = w.Claim(t.Context(), a.ID, mona)
		w.must(err)
		_, err = w.Refuse(t.Context(), a.ID, mona, "", -1)
		refused(t, err, core.Invalid, "reason", "say why")
		_, err = w.Refuse(t.Context(), a.ID, mona, "No.", longestWait+time.Hour)
		refused(t, err, core.Invalid, "wait", "at most")
		got, err := w.Refuse(t.Context(), a.ID, mona, "Too  short.", -1)
		until := w.clock.Now().Add(30 * 24 * time.Hour)
		if err != nil || got.Stage != Refused || got.Reason != "Too short." || !got.WaitUntil.Equal(until) {
			t.Fatalf("%+v, %v", got, err)
		}
		if f, err := w.Follow(t.Context(), code, ""); err != nil || f.Reason != "Too short." || !f.WaitUntil.Equal(until) {
			t.Errorf("%+v, %v", f, err)
		}
		v, ok, err := w.Verdict(t.Context(), a.ID)
		if err != nil || !ok || v.To != "bob@lab.example" || v.Reason != "Too short." || !v.WaitUntil.Equal(until) {
			t.Errorf("%+v, %v, %v", v, ok, err)
		}
		w.clock.Add(25 * time.Hour)
		again := func(mail, place string) error {
			f := w.applyForm("bob")
			f.Email, f.Place = mail, place
			_, _, err := w.Apply(t.Context(), f)
			return err
		}
		refused(t, again("other@lab.example", "192.0.2.1"), core.Unavailable, "", "2026-03-31")
		quiet := w.applyForm("bob")
		quiet.Email, quiet.Place = "BOB@lab.example", "203.0.113.1"
		held, heldCode, err := w.Apply(t.Context(), quiet)
		if err != nil || !held.WaitUntil.IsZero() {
			t.Fatalf("whoever types an address that was refused is told: %+v, %v", held, err)
		}
		if f, err := w.Follow(t.Context(), heldCode, ""); err != nil || f.Stage != Fresh || f.Place == 0 || !f.WaitUntil.IsZero() {
			t.Errorf("the code tells of the refusal: %+v, %v", f, err)
		}
		if one, err := w.Application(t.Context(), held.ID); err != nil || !one.WaitUntil.Equal(until) {
			t.Errorf("staff are not told: %+v, %v", one, err)
		}
		w.must(again("other@lab.example", "192.0.2.2"))
		w.clock.Add(29 * 24 * time.Hour)
		w.must(again("bob@lab.example", "192.0.2.1"))
		was, err := w.Reopen(t.Context(), a.ID, mona)
		if err != nil || was.Reason != "Too short." {
			t.Errorf("%+v, %v", was, err)
		}
		if one, err := w.Application(t.Context(), a.ID); err != nil || one.Stage != Claimed || one.ClaimedBy != mona.ID || one.Reason != "" || !one.WaitUntil.IsZero() {
			t.Errorf("%+v, %v", one, err)
		}
		_, err = w.Reopen(t.Context(), a.ID, mona)
		refused(t, err, core.Conflict, "", "waits for a verdict")
		if got, err := w.Refuse(t.Context(), a.ID, mona, "No.", 0); err != nil || !got.WaitUntil.IsZero() {
			t.Errorf("without a wait: %+v, %v", got, err)
		}
	})
}

func TestQuestions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		order := func() string {
			t.Helper()
			list, err := w.Questions(t.Context())
			w.must(err)
			var out []string
			for _, q := range list {
				out = append(out, fmt.Sprint(q.ID))
			}
			return strings.Join(out, " ")
		}
		is := func(want string) {
			t.Helper()
			if got := order(); got != want {
				t.Errorf("order %s, want %s", got, want)
			}
		}
		is("1 2 3")
		q, err := w.AddQuestion(t.Context(), Question{Text: " What  else? ", Optional: true}, 2)
		if err != nil || q.Text != "What else?" || q.Field() != "answer-4" {
			t.Fatalf("%+v, %v", q, err)
		}
		is("1 4 2 3")
		was, err := w.MoveQuestion(t.Context(), 1, 4)
		if err != nil || was != 1 {
			t.Error(was, err)
		}
		is("4 2 3 1")
		gone, place, err := w.RemoveQuestion(t.Context(), 2)
		if err != nil || place != 2 || !gone.Optional {
			t.Error(gone, place, err)
		}
		is("4 3 1")
		for _, text := range []string{"", "?", strings.Repeat("x", maxQuestion+1)} {
			_, err := w.AddQuestion(t.Context(), Question{Text: text}, 0)
			refused(t, err, core.Invalid, "text", "1 to 300")
		}
		_, err = w.MoveQuestion(t.Context(), 1, 4)
		refused(t, err, core.Invalid, "place", "1 to 3")
		_, _, err = w.RemoveQuestion(t.Context(), 2)
		refused(t, err, core.NotFound, "", "question 2")
		atOnce(t, 8, core.Conflict, func(i int) error {
			_, err := w.AddQuestion(t.Context(), Question{Text: fmt.Sprintf("Question %d?", i)}, 1)
			return err
		})
		if n := len(strings.Fields(order())); n != 11 {
			t.Errorf("%d questions", n)
		}
		for i := range MaxQuestions - 11 {
			_, err := w.AddQuestion(t.Context(), Question{Text: fmt.Sprintf("More %d?", i)}, 0)
			w.must(err)
		}
		_, err = w.AddQuestion(t.Context(), Question{Text: "One too many?"}, 0)
		refused(t, err, core.Conflict, "", "20 questions")
	})
}

func TestPrune(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		mona, _ := w.staff()
		w.mail = true
		open := w.invite(w.member(mona), New{Mail: "ann@lab.example"})
		f := w.applyForm("bob")
		f.Place = "192.0.2.1"
		a, _, err := w.Apply(t.Context(), f)
		w.must(err)
		waits, _ := w.apply("cat")
		_, err = w.Claim(t.Context(), a.ID, mona)
		w.must(err)
		w.must(w.AddNote(t.Context(), a.ID, mona, "Hm."))
		_, err = w.Refuse(t.Context(), a.ID, mona, "No.", -1)
		w.must(err)
		prune := func(want int64) {
			t.Helper()
			if n, err := w.Prune(t.Context(), 100); n != want || err != nil {
				t.Errorf("pruned %d, %v, want %d", n, err, want)
			}
		}
		prune(0)
		w.clock.Add(72 * time.Hour)
		prune(1) // the address of the invite
		w.clock.Add(applicationsKept)
		prune(1) // what the refused applicant wrote
		d, err := w.Detail(t.Context(), a.ID)
		if err != nil || d.Email != "" || d.Name != "" || len(d.Answers)+len(d.Notes) != 0 || d.Stage != Refused {
			t.Errorf("%+v, %v", d, err)
		}
		if d, err := w.Detail(t.Context(), waits.ID); err != nil || d.Email == "" || len(d.Answers) == 0 {
			t.Errorf("one that waits: %+v, %v", d, err)
		}
		w.clock.Add(invitesKept)
		prune(1)
		if _, err := w.ByID(t.Context(), open.ID); core.CodeOf(err) != core.NotFound {
			t.Errorf("an unused invite after a year: %v", err)
		}
		prune(0)
		w.set("registration.mode", "open")
		form := w.form("eve")
		form.Place = "192.0.2.1"
		_, err = w.Join(t.Context(), "", form)
		w.must(err)
		w.clock.Add(networksKept)
		prune(1)
		if n, _, err := db.One(t.Context(), w.db, db.Value[int64], "SELECT COALESCE(SUM(LENGTH(network_mac)), 0) FROM member_inviter"); n != 0 || err != nil {
			t.Errorf("%d bytes of networks, %v", n, err)
		}
	})
}
