package commands_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// TestPrivacyOnEveryCommand asks each command about a member who hides everything.
func TestPrivacyOnEveryCommand(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.upload(t, w.join(t, "uploader", "User"), "A dataset of somebody")
		victim := w.join(t, "victim", "User")
		w.join(t, "ann", "User")
		w.join(t, "mona", "Moderator")
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.InsertIgnore(t.Context(), "transfer_member", db.Row{"member_id", victim.ID, "uploaded", 7777777777, "downloaded", 3333333333})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		tells := func(a command.Answer) bool {
			all := strings.Join(a.Lines, "\n") + strings.Join(a.Private, "\n")
			return strings.Contains(all, "7.24 GiB") || strings.Contains(all, "3.10 GiB") || strings.Contains(all, "2.33")
		}
		if !tells(w.do(t, w.actor(t, "ann"), "user victim")) {
			t.Fatal("what is not hidden is not told")
		}
		has(t, w.do(t, w.actor(t, "victim"), "privacy nothing").Lines, "Your choice is nothing.", "uploaded hidden, downloaded hidden, ratio hidden")
		for name, c := range whoMay {
			line := strings.ReplaceAll(c.line, " user", " victim")
			if name == "privacy" || name == "privacy set" {
				continue // of the asker
			}
			if a, err := w.Execute(t.Context(), command.Request{Actor: w.actor(t, "ann"), Line: line}); err == nil && tells(a) {
				t.Errorf("%s tells ann %q", line, a.Lines)
			}
		}
		// Staff are told, where nobody reads along; others there read what any member may.
		mona := w.actor(t, "mona")
		if !tells(w.do(t, mona, "stats victim")) || !tells(w.do(t, mona, "member show victim")) {
			t.Error("staff are not told")
		}
		for _, place := range []command.Place{command.Channel, command.Staff} {
			a, err := w.Execute(t.Context(), command.Request{Actor: mona, Line: "stats victim", Place: place})
			if err != nil || tells(command.Answer{Lines: a.Lines}) || !tells(command.Answer{Private: a.Private}) {
				t.Errorf("where others read along: %q, %q, %v", a.Lines, a.Private, err)
			}
		}
		has(t, w.do(t, command.Shell(), "member security victim").Lines, "Staff looked at what you hide from others", "by mona")

		for line, said := range map[string]string{"privacy set uploads off": "Your choice is your own; you hide: ratio, downloads,", "privacy ratio,seen": "you hide: ratio, last seen"} {
			a := w.do(t, w.actor(t, "victim"), line)
			has(t, a.Lines, said)
			has(t, w.do(t, w.actor(t, "victim"), fmt.Sprintf("undo %d", a.Entry)).Lines, "Your choice is nothing.")
		}
		for _, line := range []string{"privacy paranoid", "privacy set shoes on", "privacy set ratio maybe"} {
			w.refuse(t, command.Request{Actor: w.actor(t, "victim"), Line: line}, core.Invalid)
		}
		has(t, w.do(t, w.actor(t, "victim"), "privacy").Lines, "Your choice is nothing.")
	})
}
