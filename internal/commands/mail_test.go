package commands_test

import (
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/mail"
)

func TestMail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		has(t, w.do(t, sys, "mail").Lines, "Waiting 0", "No letter is in trouble.")
		has(t, w.do(t, sys, "mail test ann@lab.example").Lines, "Letter 1 is in the queue")
		has(t, w.do(t, sys, "mail queue").Lines, "Waiting 1", "#1 test, for less than a minute")
		for line, code := range map[string]core.Code{"mail test ann": core.Invalid, "mail test": core.Invalid, "mail again 7": core.NotFound, "mail drop 7": core.NotFound, "mail drop x": core.Invalid} {
			w.refuse(t, command.Request{Actor: sys, Line: line}, code)
		}
		if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE mail SET state = ?, tries = 1, last_error = '550 no such user', ended_at = 1772366400", string(mail.Failed))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		has(t, w.do(t, sys, "mail queue").Lines, "Failed in 30 days 1", "#1 test of 2026-03-01 12:00 UTC: failed after 1 try: 550 no such user")
		has(t, w.do(t, sys, "mail again 1").Lines, "Letter 1 (test) is tried again")
		asked, err := w.Execute(t.Context(), command.Request{Actor: sys, Line: "mail drop 1"})
		if err != nil || asked.Pending == nil || !strings.Contains(strings.Join(asked.Lines, " "), "would wipe letter 1 (test, put on 2026-03-01 12:00 UTC, queued)") {
			t.Fatalf("%+v, %v", asked, err)
		}
		has(t, w.do(t, sys, "confirm "+asked.Pending.Code).Lines, "Letter 1 (test) is taken away.")
		w.refuse(t, command.Request{Actor: sys, Line: "mail again 1"}, core.Conflict)
		rows, err := db.All(t.Context(), w.db, db.Value[string], "SELECT arguments FROM audit ORDER BY id LIMIT 100")
		if err != nil || len(rows) == 0 || strings.Contains(strings.Join(rows, " "), "lab.example") {
			t.Errorf("the audit log has %q, %v", rows, err)
		}
	})
}
