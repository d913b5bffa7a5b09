package commands_test

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

func TestEventsThatWereSetAside(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		has(t, w.do(t, sys, "events skipped").Lines, "No event is set aside.")
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Insert(t.Context(), "event_skipped", db.Row{"consumer", "hermes:notices", "event_id", 12, "kind", "JobFailed", "at", 1, "body", "{",
				"state", eventlog.StateFault, "error", "unexpected end of JSON input", "tries", 5, "since", 2})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		has(t, w.do(t, sys, "events skipped").Lines, "#1 event 12 JobFailed", "for hermes:notices: fault", "after 5 tries: unexpected end of JSON input")
		has(t, w.do(t, sys, "events again 1").Lines, "hermes:notices gets event 12 (JobFailed) once more")
		has(t, w.do(t, sys, "events skipped").Lines, "for hermes:notices: again")
		w.refuse(t, command.Request{Actor: sys, Line: "events again 2"}, core.NotFound)
		has(t, w.confirmed(t, sys, "events drop 1").Lines, "is forgotten")
		has(t, w.do(t, sys, "events skipped").Lines, "No event is set aside.")
	})
}
