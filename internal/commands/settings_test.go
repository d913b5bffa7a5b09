package commands_test

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		has(t, w.do(t, sys, "settings").Lines, "registration.mode is invite (default): how people join", "invite.life is 3d")
		set := w.do(t, sys, "setting set registration.mode open")
		has(t, set.Lines, "registration.mode is now open; it was invite.")
		has(t, w.do(t, sys, "setting show registration.mode").Lines, "changed at 2026-03-01 12:00 UTC by sys", "one of invite, open, closed, application")
		again := w.do(t, sys, "setting set registration.mode closed")
		has(t, w.do(t, sys, again.Undo).Lines, "is now open; it was closed")
		w.refuse(t, command.Request{Actor: sys, Line: "setting set registration.mode ajar"}, core.Invalid)
		w.refuse(t, command.Request{Actor: sys, Line: "setting set registration.mood open"}, core.NotFound)
		has(t, w.do(t, sys, set.Undo).Lines, "is now invite, its default; it was open.")
		w.do(t, command.Shell(), "setting set registration.limit 5000")
		has(t, w.do(t, sys, "setting show registration.limit").Lines, "by the shell")

		added := w.do(t, sys, "setting add registration.refused_domains Spam.example")
		has(t, w.do(t, sys, "setting show registration.refused_domains").Lines, "spam.example", "yopmail.com")
		has(t, w.do(t, sys, added.Undo).Lines, "spam.example is no longer on the list")
		w.do(t, sys, "setting set registration.refused_domains only.example")
		has(t, w.do(t, sys, w.do(t, sys, "setting reset registration.refused_domains").Undo).Lines, "is now only.example")
	})
}

// TestNobodyJoinsAsStaff has somebody who may change settings try to let people join above
// their own rank.
func TestNobodyJoinsAsStaff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Power User")
		if err := w.deps.Members.SetClassPermission(t.Context(), "Power User", core.SettingManage, true); err != nil {
			t.Fatal(err)
		}
		mona := w.actor(t, "mona")
		for class, code := range map[string]core.Code{"Sysop": core.Invalid, "Moderator": core.Invalid, "Bot": core.Invalid, "Donor": core.Invalid, "Nobody": core.Invalid, "Elite": core.Forbidden, `Power User`: core.Forbidden} {
			w.refuse(t, command.Request{Actor: mona, Line: "setting set registration.first_class " + class}, code)
		}
		w.do(t, mona, "setting set registration.first_class Member")
		v, err := w.deps.Settings.Values(t.Context())
		if err != nil || setting.FirstClass.Of(v) != "Member" {
			t.Errorf("%q, %v", setting.FirstClass.Of(v), err)
		}
	})
}
