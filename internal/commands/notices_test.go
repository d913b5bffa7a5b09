package commands_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/notify"
)

func TestInboxAndTell(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ann := w.join(t, "ann", "User")
		w.join(t, "mona", "Moderator")
		w.join(t, "bob", "User")
		user, mona := w.actor(t, "ann"), w.actor(t, "mona")
		has(t, w.do(t, user, "inbox").Lines, "Nothing is in your inbox.")
		has(t, w.do(t, mona, "member tell ann Please seed what you uploaded.").Lines, "ann has it in the inbox.")
		has(t, w.do(t, command.Shell(), "member tell ann The disk is full.").Lines, "ann has it in the inbox.")
		for i := range 10 {
			_, err := w.deps.Notices.Write(t.Context(), notify.Note{Member: ann.ID, Kind: notify.KeyShown, Title: fmt.Sprintf("Number %d.", i), Once: fmt.Sprint(i), Event: int64(i + 1), Link: "/settings/keys"})
			if err != nil {
				t.Fatal(err)
			}
		}
		lines := w.do(t, user, "inbox").Lines
		has(t, lines, "(new) mona (staff) wrote to you. Please seed what you uploaded.", "(new) Staff wrote to you. The disk is full.", "(new) Number 9. (6 times) - https://bio.example/settings/keys")
		if len(lines) > 8 {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
		has(t, w.do(t, user, "inbox --before 2").Lines, "mona (staff) wrote")
		has(t, w.do(t, user, "inbox --before 1").Lines, "Nothing is older.")
		has(t, w.do(t, user, "inbox read 1").Lines, "Number 1 is marked as read.")
		for _, line := range w.do(t, user, "inbox").Lines {
			if strings.Contains(line, "mona") && strings.Contains(line, "(new)") {
				t.Errorf("it is still new: %s", line)
			}
		}
		has(t, w.do(t, user, "inbox read all").Lines, "6 notifications marked as read.")
		for line, code := range map[string]core.Code{"inbox read 99": core.NotFound, "inbox read x": core.Invalid, "inbox read -1": core.Invalid} {
			w.refuse(t, command.Request{Actor: user, Line: line}, code)
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "inbox read 1"}, core.NotFound) // somebody else's
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "inbox"}, core.Invalid)
		for _, line := range []string{"member tell ann " + strings.Repeat("x", notify.MaxText+1), "member tell ann -", "member tell nobody hello"} {
			if _, err := w.Execute(t.Context(), command.Request{Actor: mona, Line: line}); core.CodeOf(err) != core.Invalid && core.CodeOf(err) != core.NotFound {
				t.Errorf("%.40s: %v", line, err)
			}
		}
		for range 18 {
			w.do(t, mona, "member tell ann Once more.")
		}
		w.refuse(t, command.Request{Actor: mona, Line: "member tell ann Once too often."}, core.Unavailable)
	})
}
