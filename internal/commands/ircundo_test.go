package commands_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestIRCUndoState makes sure that what somebody changed since is not undone.
func TestIRCUndoState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sue", "Sysop")
		w.join(t, "mona", "Moderator")
		w.join(t, "alice", "User")
		sue, mona, alice := w.actor(t, "sue"), w.actor(t, "mona"), w.actor(t, "alice")
		undo := func(r command.Answer) string { return "undo " + strconv.FormatInt(r.Entry, 10) }

		set := w.do(t, sue, "channel set #general autojoin off")
		w.do(t, sue, undo(set))
		w.refuse(t, command.Request{Actor: sue, Line: undo(set)}, core.Conflict)
		set = w.do(t, sue, "channel set #general position 40")
		w.do(t, sue, "channel set #general position 41")
		has(t, []string{w.refuse(t, command.Request{Actor: sue, Line: undo(set)}, core.Conflict)}, "changed since")
		made := w.do(t, sue, "channel create #q")
		r := w.do(t, sue, "channel set #q purpose Quarks and more")
		if r.Undo != "" {
			t.Errorf("undo %q", r.Undo)
		}
		w.refuse(t, command.Request{Actor: sue, Line: undo(made)}, core.Conflict)
		made = w.do(t, sue, "channel create #r A purpose")
		w.confirmed(t, sue, undo(made))

		add := w.confirmed(t, mona, "kline add --for 2h eve@* spam")
		remove := w.do(t, mona, undo(add))
		w.clock.Add(10 * time.Minute)
		again := w.confirmed(t, mona, undo(remove))
		has(t, w.do(t, mona, "kline list").Lines, "until 2026-03-01 14:10 UTC") // it holds for as long as was left
		w.confirmed(t, mona, "kline add --for 5h eve@* spam")
		w.refuse(t, command.Request{Actor: mona, Line: undo(again)}, core.Conflict)
		w.refuse(t, command.Request{Actor: mona, Line: undo(remove)}, core.Conflict)

		p := w.do(t, alice, "irclog private on")
		has(t, []string{w.refuse(t, command.Request{Actor: mona, Line: undo(p)}, core.Conflict)}, "changed since")
		w.do(t, alice, undo(p))
		k := w.do(t, mona, "irclog keep #general 3 200")
		w.do(t, mona, undo(k))
		nick := w.do(t, alice, "nick add Ally")
		w.refuse(t, command.Request{Actor: mona, Line: undo(nick)}, core.Conflict)
		w.do(t, alice, undo(nick))
		c := w.do(t, alice, "certfp add "+strings.Repeat("0a", 32))
		w.refuse(t, command.Request{Actor: mona, Line: undo(c)}, core.Conflict)
		w.do(t, alice, undo(c))
	})
}
