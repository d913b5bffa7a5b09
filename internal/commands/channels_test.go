package commands_test

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestChannels(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sue", "Sysop")
		w.join(t, "mona", "Moderator")
		sue, mona := w.actor(t, "sue"), w.actor(t, "mona")
		for _, line := range []string{"channel list", "channel create #x", "channel set #x guests on", "channel delete #x"} {
			w.refuse(t, command.Request{Actor: mona, Line: line}, core.Forbidden)
			w.refuse(t, command.Request{Actor: command.Guest("eve", audit.ViaIRC), Line: line}, core.Forbidden)
		}
		if got := w.do(t, sue, "channel create #lab Wet work").Undo; got != "channel delete #lab" {
			t.Errorf("undo %q", got)
		}
		for _, c := range []struct{ line, undo string }{
			{`channel set #lab join power user`, "channel set #lab join everyone"},
			{`channel set #lab join irc.staff`, "channel set #lab join Power User"},
			{`channel set #lab speak First-line Support`, "channel set #lab speak everyone"},
			{`channel set #LAB auditorium on`, "channel set #lab auditorium off"},
			{`channel set #lab modes +ntk secret`, "channel set #lab modes +ntu"},
			{`channel set #lab autojoin on`, "channel set #lab autojoin off"},
			{`channel set #lab history 3`, "channel set #lab history 30 50000"},
			{`channel set #lab history 30 50000`, "channel set #lab history 3 50000"},
		} {
			if got := w.do(t, sue, c.line).Undo; got != c.undo {
				t.Errorf("%s: undo %q, want %q", c.line, got, c.undo)
			}
		}
		has(t, w.do(t, sue, "channel list").Lines, "#lab +ntk *, join: irc.staff, speak: First-line Support, entered at login - Wet work")
		w.refuse(t, command.Request{Actor: sue, Line: "channel set #lab guests on"}, core.Invalid)
		w.refuse(t, command.Request{Actor: sue, Line: "channel set #lab autojoin on"}, core.Conflict)
		w.refuse(t, command.Request{Actor: sue, Line: "channel set #lab join nonsense"}, core.Invalid)
		w.refuse(t, command.Request{Actor: sue, Line: "channel set #lab history long"}, core.Invalid)
		w.refuse(t, command.Request{Actor: sue, Line: "channel set #none join everyone"}, core.NotFound)
		w.confirmed(t, sue, "channel delete #lab")
		w.refuse(t, command.Request{Actor: sue, Line: "channel delete #lab"}, core.NotFound)
	})
}

func TestLineCommands(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		w.join(t, "alice", "User")
		mona, alice := w.actor(t, "mona"), w.actor(t, "alice")
		for _, line := range []string{"kline list", "kline add a@b spam", "kline remove a@b", "dline add 192.0.2.1 spam", "dline remove 192.0.2.1", "kill eve spam"} {
			w.refuse(t, command.Request{Actor: alice, Line: line}, core.Forbidden)
			w.refuse(t, command.Request{Actor: command.Guest("eve", audit.ViaIRC), Line: line}, core.Forbidden)
		}
		if got := w.confirmed(t, mona, "kline add --for 2h eve@* spam and worse").Undo; got != "kline remove eve@*" {
			t.Errorf("undo %q", got)
		}
		w.confirmed(t, mona, "dline add 192.0.2.0/24 flood")
		has(t, w.do(t, mona, "kline list").Lines, "kline eve@*, until 2026-03-01 14:00 UTC, by mona on 2026-03-01 12:00 UTC: spam and worse", "dline 192.0.2.0/24, for good")
		if got := w.do(t, mona, "kline remove EVE@*").Undo; got != "kline add --for=120m eve@* spam and worse" {
			t.Errorf("undo %q", got)
		}
		w.refuse(t, command.Request{Actor: mona, Line: "kline remove eve@*"}, core.NotFound)
		w.refuse(t, command.Request{Actor: mona, Line: "kline add *@* all"}, core.Invalid)
		w.do(t, mona, "kill eve spam")

		// Without the permission the addresses stay hidden.
		if err := w.deps.Members.SetClassPermission(t.Context(), "Moderator", core.IRCAddress, false); err != nil {
			t.Fatal(err)
		}
		has(t, w.do(t, w.actor(t, "mona"), "kline list").Lines, "(1 addresses that you may not see)")
	})
}
