package commands_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// TestDownloadsAreOffForAReason switches somebody's downloads off and on: not without a
// reason, which stands in the answer, in the audit log and in the way back.
func TestDownloadsAreOffForAReason(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		w.join(t, "bob", "User")
		mona := w.actor(t, "mona")
		state := func() string {
			m, err := w.deps.Members.ByName(t.Context(), "bob")
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%t %q %t", m.CanLeech, m.LeechOffReason, m.LeechOffAt.IsZero())
		}
		wants := func(want string) {
			t.Helper()
			if got := state(); got != want {
				t.Errorf("bob is %s, want %s", got, want)
			}
		}
		last := func() string {
			rows := w.rows(t)
			return rows[len(rows)-1]
		}

		for _, line := range []string{"member leech bob off", `member leech bob off " "`, "member leech bob off ..."} {
			before := w.everything(t)
			has(t, []string{w.refuse(t, command.Request{Actor: mona, Line: line + " --dry-run"}, core.Invalid)}, "say why")
			if after := w.everything(t); after != before {
				t.Errorf("%s changed something:\n%s\n%s", line, before, after)
			}
			w.refuse(t, command.Request{Actor: mona, Line: line}, core.Invalid)
		}
		wants(`true "" true`)

		off := w.do(t, mona, "member leech bob off shared the account")
		has(t, off.Lines, "Downloads of bob are off. Reason: shared the account")
		wants(`false "shared the account" false`)
		if want := "mona/irc: member leech bob off shared the account: done"; last() != want {
			t.Errorf("the row says %q, want %q", last(), want)
		}
		has(t, w.do(t, mona, "member show bob").Lines, "may not download since 2026-", "UTC: shared the account")
		again := w.refuse(t, command.Request{Actor: mona, Line: "member leech bob off another reason"}, core.Conflict)
		has(t, []string{again}, "shared the account", "switch them on")

		on := w.do(t, mona, "member leech bob on they explained it")
		has(t, on.Lines, "Downloads of bob are on. Reason: they explained it")
		wants(`true "" true`)
		if diff := cmp.Diff("member leech bob off shared the account", on.Undo); diff != "" {
			t.Errorf("the way back (-want +got):\n%s", diff)
		}
		w.do(t, mona, fmt.Sprintf("undo %d", on.Entry))
		wants(`false "shared the account" false`)

		// As a release that kept no reasons left it, switched on and back.
		if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE member SET leech_off_reason = '', leech_off_at = 0 WHERE name = 'bob'")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		has(t, w.do(t, mona, "member show bob").Lines, "may not download: no reason was recorded")
		w.do(t, mona, fmt.Sprintf("undo %d", w.do(t, mona, "member leech bob on").Entry))
		wants(`false "no reason was recorded" false`)
	})
}
