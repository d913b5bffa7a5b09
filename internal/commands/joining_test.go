package commands_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
)

// human is what a form carries that a person has filled in.
func (w *world) human() invite.Human {
	return invite.Human{Stamp: w.deps.Invites.Stamps().Stamp(w.clock.Now().Add(-time.Minute))}
}

// joinBy makes an account by a link that a command answered with.
func (w *world) joinBy(t *testing.T, link, name string) {
	t.Helper()
	_, token, _ := strings.Cut(link, invite.JoinPath+"/")
	if _, err := w.deps.Invites.Join(t.Context(), invite.Ticket(token), invite.Form{Name: name, Password: "correct horse battery", Accepts: true, Human: w.human()}); err != nil {
		t.Fatalf("join by %q: %v", link, err)
	}
}

func TestInvites(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "ann", "User")
		w.join(t, "mona", "Moderator")
		ann, mona := w.actor(t, "ann"), w.actor(t, "mona")
		made, err := w.Execute(t.Context(), command.Request{Actor: ann, Line: "invite link for Bob", Place: command.Channel})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(made.Lines, " "), "/join/") {
			t.Errorf("the link is told in a channel: %q", made.Lines)
		}
		has(t, made.Private, "Invite #1 is good for one person until 2026-03-04 12:00 UTC", "You can make 1 more", "Link: https://bio.example/join/")
		exposed := w.refuse(t, command.Request{Actor: ann, Line: "invite link for Bob", Exposed: true}, core.Invalid)
		has(t, []string{exposed}, "/commands/invite-link")
		has(t, w.do(t, ann, "invites").Lines, "1 can be made now", "#1 of 2026-03-01: open until 2026-03-04 12:00 UTC (for Bob)")
		w.joinBy(t, made.Private[len(made.Private)-1], "bob")
		has(t, w.do(t, ann, "invites").Lines, "used by bob at 2026-03-01")
		w.refuse(t, command.Request{Actor: ann, Line: made.Undo}, core.Conflict) // it was used

		second := w.do(t, ann, "invite send cat@lab.example")
		has(t, second.Private, "Link: ") // the site sends no mail
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "invite revoke 2"}, core.NotFound)
		has(t, w.do(t, mona, "invite revoke 2").Lines, "taken back")
		w.sendsMail = true
		third := w.do(t, ann, "invite send cat@lab.example")
		if strings.Contains(strings.Join(third.Private, " ")+strings.Join(third.Lines, " "), "/join/") {
			t.Errorf("whoever invites by mail is told the link: %q", third.Private)
		}
		w.refuse(t, command.Request{Actor: ann, Line: "invite link"}, core.Conflict)
		w.refuse(t, command.Request{Actor: ann, Line: "invite give bob 1 because"}, core.Forbidden)
		gave := w.do(t, mona, "invite give ann 3 for the talk")
		has(t, gave.Lines, "ann has 3 more invites: for the talk.", "of 3 given by staff 0")
		has(t, w.do(t, mona, gave.Undo).Lines, "ann has 3 invites less")
		w.refuse(t, command.Request{Actor: mona, Line: "invite take 1 ann for a reason"}, core.Conflict)
		w.refuse(t, command.Request{Actor: mona, Line: "invite give ann 1 ?"}, core.Invalid)
		class := w.do(t, mona, "class invites User 7")
		has(t, class.Lines, "Each User can make 7 invites within 30 days; it was 2.")
		w.refuse(t, command.Request{Actor: mona, Line: "class invites User many"}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "class invites Sysop 7"}, core.Forbidden)
		has(t, w.do(t, w.actor(t, "mona"), class.Undo).Lines, "2 invites within 30 days; it was 7")
		for _, row := range w.rows(t) {
			if strings.Contains(row, "cat@lab") || strings.Contains(row, "/join/") {
				t.Errorf("the audit log has %s", row)
			}
		}
		has(t, w.do(t, command.Shell(), "invite link").Private, "Link: ")
		has(t, w.do(t, command.Shell(), "invite list").Lines, "#4")
	})
}

func TestInviteTree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "ann", "User")
		w.join(t, "mona", "Moderator")
		last := func(a command.Answer) string { return a.Private[len(a.Private)-1] }
		w.joinBy(t, last(w.do(t, w.actor(t, "ann"), "invite link")), "bob")
		w.joinBy(t, last(w.do(t, w.actor(t, "bob"), "invite link")), "cat")
		mona := w.actor(t, "mona")
		has(t, w.do(t, mona, "invite tree ann").Lines, "Of ann it is not recorded", "2 stand below, 2 deep", "> bob (User)", ">> cat (User)", "ratio none yet")
		has(t, w.do(t, mona, "invite tree cat").Lines, "cat came by invite on 2026-03-01, and stands below bob.", "Nobody stands below.")
		w.refuse(t, command.Request{Actor: mona, Line: "branch move ann cat"}, core.Conflict)
		w.refuse(t, command.Request{Actor: mona, Line: "branch move ann nobody"}, core.NotFound)
		ask := w.do(t, mona, "branch move cat")
		has(t, ask.Lines, "would put cat below nobody; now they stand below bob")
		moved := w.do(t, mona, "confirm "+ask.Pending.Code)
		has(t, moved.Lines, "cat stands below nobody now; it was below bob.")
		back := w.do(t, mona, moved.Undo)
		has(t, w.do(t, mona, "confirm "+back.Pending.Code).Lines, "cat stands below bob now")
		w.refuse(t, command.Request{Actor: w.actor(t, "ann"), Line: "invite tree bob"}, core.Forbidden)
	})
}

func TestApplications(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		w.join(t, "nils", "Moderator")
		mona, nils := w.actor(t, "mona"), w.actor(t, "nils")
		w.do(t, command.Shell(), "setting set registration.mode application")
		form := invite.ApplyForm{Name: "bob", Email: "bob@lab.example", Answers: map[int64]string{1: "Yeast.", 3: "From ann."}, Human: w.human()}
		_, code, err := w.deps.Invites.Apply(t.Context(), form)
		if err != nil {
			t.Fatal(err)
		}
		has(t, w.do(t, mona, "applications").Lines, "#1 by bob of 2026-03-01 12:00 UTC: new")
		has(t, w.do(t, mona, "application show 1").Lines, "What do you work on", "Yeast.")
		claimed := w.do(t, mona, "application claim 1")
		w.refuse(t, command.Request{Actor: nils, Line: "application claim 1"}, core.Conflict)
		has(t, w.do(t, mona, claimed.Undo).Lines, "free again")
		w.do(t, nils, "application claim 1")
		w.refuse(t, command.Request{Actor: mona, Line: "application pass 1"}, core.Conflict)
		w.do(t, mona, "application note 1 seems to know Ann well")
		has(t, w.do(t, nils, "application show 1").Lines, "claimed by nils", "Note by mona", "seems to know Ann well")
		refused := w.do(t, nils, "application refuse 1 --wait 2d say more about your data")
		has(t, refused.Lines, "again from 2026-03-03 12:00 UTC on")
		has(t, w.do(t, nils, "application list --stage refused").Lines, "say more about your data")
		reopened := w.do(t, nils, refused.Undo)
		has(t, reopened.Lines, "open again, and yours")
		again := w.do(t, nils, reopened.Undo) // undo of undo
		has(t, again.Lines, "say more about your data", "2026-03-03 12:00")
		w.do(t, nils, again.Undo)
		has(t, w.do(t, nils, "application pass 1").Lines, "bob is let in", "where they follow their application")
		f, err := w.deps.Invites.Follow(t.Context(), code, "")
		if err != nil || f.Token == "" {
			t.Fatalf("%+v, %v", f, err)
		}
		w.joinBy(t, invite.Address(f.Token), "bob")
		w.refuse(t, command.Request{Actor: nils, Line: "application reopen 1"}, core.Conflict)
		for _, row := range w.rows(t) {
			if strings.Contains(row, "bob@lab") || strings.Contains(row, "Ann well") {
				t.Errorf("the audit log has %s", row)
			}
		}
	})
}

func TestQuestionsAndRules(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		has(t, w.do(t, mona, "questions").Lines, "1: #1 What do you work on", "2: #2", "(may be left out)")
		added := w.do(t, mona, "question add --place 1 --answer optional What is your favourite organism?")
		has(t, w.do(t, mona, "questions").Lines, "1: #4 What is your favourite organism? (may be left out)")
		moved := w.do(t, mona, "question move 4 3")
		has(t, w.do(t, mona, moved.Undo).Lines, "is number 1 now; it was number 3")
		removed := w.do(t, mona, added.Undo)
		has(t, w.do(t, mona, removed.Undo).Lines, "as #5: What is your favourite organism?")
		has(t, w.do(t, mona, "questions").Lines, "1: #5 What is your favourite organism? (may be left out)")
		w.refuse(t, command.Request{Actor: mona, Line: "question remove 4"}, core.NotFound)

		w.refuse(t, command.Request{Actor: mona, Line: "rules require"}, core.Conflict) // they are the program's own
		if _, err := w.Execute(t.Context(), command.Request{Actor: mona, Command: "page edit", Given: map[string]string{"page": "rules", "base": "0", "title": "Rules", "text": "Be kind."}}); err != nil {
			t.Fatal(err)
		}
		asked := w.confirmed(t, mona, "rules require")
		has(t, asked.Lines, "asked to accept revision 1")
		if must, err := w.deps.Invites.MustAccept(t.Context(), mona.Member.ID); !must || err != nil {
			t.Errorf("mona must accept the rules: %t, %v", must, err)
		}
		w.refuse(t, command.Request{Actor: mona, Line: "rules require 2"}, core.Invalid)
		has(t, w.confirmed(t, mona, asked.Undo).Lines, "Nobody is asked any more")
	})
}

func TestBranchSurgery(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "ann", "User")
		w.join(t, "mona", "Moderator")
		made := w.do(t, w.actor(t, "ann"), "invite link")
		w.joinBy(t, made.Private[len(made.Private)-1], "bob")
		mona := w.actor(t, "mona")
		w.refuse(t, command.Request{Actor: w.actor(t, "ann"), Line: "branch disable bob for a reason"}, core.Forbidden)
		ask := w.do(t, mona, "branch disable ann they cheat together")
		has(t, ask.Lines, "would disable 2 accounts: ann, bob. Reason: they cheat together")
		if !w.actor(t, "bob").Member.Enabled() {
			t.Error("a preview has disabled bob")
		}
		done := w.do(t, mona, "confirm "+ask.Pending.Code)
		has(t, done.Lines, "2 accounts are disabled: ann, bob.")
		if w.actor(t, "bob").Member.Enabled() || w.actor(t, "ann").Member.Enabled() {
			t.Error("nobody is disabled")
		}
		w.refuse(t, command.Request{Actor: mona, Line: "branch disable ann they cheat together"}, core.Conflict)
		has(t, w.do(t, mona, done.Undo).Lines, "2 accounts are enabled again: ann, bob.")
		if !w.actor(t, "bob").Member.Enabled() {
			t.Error("bob is disabled still")
		}
	})
}
