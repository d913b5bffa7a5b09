package commands_test

import (
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/support"
)

// TestContact answers what people wrote to staff, and keeps addresses and texts out of the
// answers and the audit log.
func TestContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		w.join(t, "nils", "Moderator")
		ann := w.join(t, "ann", "User")
		mona, nils := w.actor(t, "mona"), w.actor(t, "nils")
		has(t, w.do(t, mona, "contacts").Lines, "No message")
		question := support.Form{Category: support.Question, Subject: "About yeast", Text: "Who runs this?\nI ask for a friend.", Email: "eve@lab.example", Human: w.human()}
		demand := support.Form{Category: support.Takedown, Text: "It is ours.", Email: "law@press.example", Human: w.human(), Demand: support.Demand{Work: "The atlas", Where: "/groups/1", Behalf: "The Press", Name: "L. Aw", True: true}}
		own := question
		own.Member = ann.ID
		for _, f := range []support.Form{question, demand, own} {
			if _, err := w.deps.Support.Open(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		has(t, w.do(t, mona, "contact list").Lines, "#1 by a stranger of 2026-03-01 12:00 UTC: About yeast (open)", "Takedown: The atlas", "#3 by ann")
		has(t, w.do(t, mona, "contact list --category takedown").Lines, "#2 by a stranger")
		has(t, w.do(t, mona, "contact show 2").Lines, "On behalf of: The Press", "It is ours.", "https://bio.example/staff/contact/2")
		claimed := w.do(t, mona, "contact claim 1")
		w.refuse(t, command.Request{Actor: nils, Line: "contact claim 1"}, core.Conflict)
		released := w.do(t, mona, claimed.Undo)
		has(t, released.Lines, "free again")
		w.do(t, mona, released.Undo)
		has(t, w.do(t, nils, "contact answer 1 Volunteers do.").Lines, "sends no mail", "https://bio.example/staff/contact/1")
		w.sendsMail = true
		has(t, w.do(t, nils, "contact answer 1 Volunteers do.").Lines, "leaves by mail")
		has(t, w.do(t, nils, "contact answer 3 Volunteers do.").Lines, "ann finds the answer in their inbox")
		has(t, w.do(t, nils, "contact list --state answered").Lines, "#3 by ann", "mona looks after it")
		closed := w.do(t, nils, "contact close 1 settled")
		w.refuse(t, command.Request{Actor: nils, Line: "contact answer 1 More."}, core.Conflict)
		reopened := w.do(t, nils, closed.Undo)
		has(t, reopened.Lines, "it is answered")
		has(t, w.do(t, nils, reopened.Undo).Lines, "#1 is closed")
		has(t, w.do(t, nils, "contact show 1").Lines, "Answer by nils", "Note by nils", "settled")
		w.refuse(t, command.Request{Actor: nils, Line: "contact show 4711"}, core.NotFound)
		w.refuse(t, command.Request{Actor: w.actor(t, "ann"), Line: "contact show 3"}, core.Forbidden)
		for _, row := range w.rows(t) {
			if strings.Contains(row, "@") || strings.Contains(row, "Volunteers") || strings.Contains(row, "friend") {
				t.Errorf("the audit log has %s", row)
			}
		}
	})
}
