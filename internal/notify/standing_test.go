package notify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func (w *world) begin2(n member.NewCause) member.Cause {
	w.Helper()
	n.Member, n.By = w.ann, member.By{ID: w.bob, Name: "bob"}
	c, err := w.members.BeginCause(w.Context(), n)
	w.must(err)
	return c
}

func TestRestrictedAndLifted(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		bob := member.By{ID: w.bob, Name: "bob"}
		warned := w.begin2(member.NewCause{Effect: member.Warned, Reason: "Seed what you take.", For: 7 * 24 * time.Hour})
		w.follow()
		w.expect(w.ann, "You are warned.")
		if got := w.inbox(w.ann)[0]; !strings.Contains(got.Text, "The reason given is: Seed what you take. ") || !strings.Contains(got.Text, "ends by itself on 2026-03-08 12:00 UTC") {
			w.Errorf("%+v", got)
		}
		off := w.begin2(member.NewCause{Effect: member.NoDownload, Reason: "too many downloads"})
		w.follow()
		if got := w.inbox(w.ann)[0]; got.Title != "Your downloads are switched off." || !strings.Contains(got.Text, "holds until staff lift it") {
			w.Errorf("%+v", got)
		}
		_, err := w.members.EndCause(w.Context(), warned.ID, bob, "it was a mistake")
		w.must(err)
		_, err = w.members.EndCause(w.Context(), off.ID, bob, "")
		w.must(err)
		granted := w.begin2(member.NewCause{Effect: member.Granted, Permission: core.PageEdit, Reason: "for the help pages", For: 24 * time.Hour})
		w.follow()
		_, err = w.members.EndCause(w.Context(), granted.ID, bob, "done")
		w.must(err)
		w.follow()
		w.expect(w.ann, "You are warned.", "Your downloads are switched off.", "A warning was taken back.", "Your downloads are switched on again.",
			"You may now write help, rules, news and terms.", "A permission that you had for a while has ended.")
		w.expect(w.bob)
		w.deliver()
		if n := w.letters(); n != 4 { // not of the permission
			w.Errorf("%d letters", n)
		}
	})
}

// TestWhatMembersDoThemselvesIsNotTold parks an account by its owner.
func TestWhatMembersDoThemselvesIsNotTold(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		self := member.By{ID: w.ann, Name: "ann"}
		c, err := w.members.BeginCause(w.Context(), member.NewCause{Member: w.ann, Effect: member.Parked, Source: member.ByOwner, Reason: "field work", By: self})
		w.must(err)
		_, err = w.members.EndCause(w.Context(), c.ID, self, "")
		w.must(err)
		w.follow()
		w.expect(w.ann)
	})
}

// TestBurstOfStates disables and opens an account again and again.
func TestBurstOfStates(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		for range 30 {
			c := w.begin2(member.NewCause{Effect: member.Disabled, Reason: "a quarrel"})
			w.follow()
			_, err := w.members.EndCause(w.Context(), c.ID, member.By{ID: w.bob, Name: "bob"}, "")
			w.must(err)
		}
		w.follow()
		w.deliver()
		if len(w.inbox(w.ann)) != 10 || w.letters() != 10 || w.inbox(w.ann)[0].Title != "Your account is open again." {
			w.Errorf("%d in the inbox, %d letters, the last is %+v", len(w.inbox(w.ann)), w.letters(), w.inbox(w.ann)[0])
		}
	})
}

func TestAnotherClass(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		w.must(w.members.SetClass(w.Context(), w.ann, "Elite"))
		w.follow()
		w.expect(w.ann, "Your class is now Elite.")
		w.must(w.members.SetClass(w.Context(), w.ann, "User"))
		w.must(w.members.SetClass(w.Context(), w.ann, "Power User"))
		w.follow()
		w.expect(w.ann, "Your class is now Elite.", "Your class is now Power User.")
	})
}
