package commands_test

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

func TestIrclog(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		alice, bob := w.join(t, "alice", "User"), w.join(t, "bob", "User")
		w.join(t, "mona", "Moderator")
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			for _, name := range []string{"#general", "#secret"} {
				row := db.Row{"name", name, "position", 1, "purpose", "", "modes", "", "join_permission", "", "speak_permission", "", "guests", 0, "autojoin", 0,
					"topic", "", "topic_by", "", "topic_at", 0}
				if name == "#secret" {
					row[9] = core.JobManage
				}
				if _, err := tx.InsertIgnore(t.Context(), "irc_channel", row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		id := irc.MsgID(0)
		say := func(m core.MemberID, to, nick, text string, peer core.MemberID) string {
			t.Helper()
			id = id.Next(w.clock.Now())
			err := w.deps.History.Append(t.Context(), []irc.Sent{{Peer: peer, Message: irc.Message{Target: to, ID: id, Kind: "PRIVMSG",
				Source: nick + "!u@h", Account: nick, AccountID: m, Text: text}}})
			if err != nil {
				t.Fatal(err)
			}
			return id.String()
		}
		staff, user := w.actor(t, "mona"), w.actor(t, "alice")
		w.do(t, user, "irclog private on")
		first := say(alice.ID, "#general", "alice", "the yeast\nin two lines", 0)
		second := say(bob.ID, "#general", "bob", "more yeast", 0)
		say(alice.ID, "#secret", "alice", "yeast for the few", 0)
		private := say(alice.ID, "", "alice", "yeast between us", bob.ID)
		w.clock.Add(time.Hour)

		w.refuse(t, command.Request{Actor: user, Line: "irclog yeast"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: command.Guest("x", audit.ViaIRC), Line: "irclog yeast"}, core.Forbidden)
		lines := w.do(t, staff, "irclog yeast").Lines
		has(t, lines, "2026-03-01 12:00 UTC #general <alice> the yeast / in two lines ["+first+"]", "<bob> more yeast ["+second+"]")
		if len(lines) != 2 {
			t.Errorf("staff find %q", lines)
		}
		if lines := w.do(t, command.Shell(), "irclog yeast").Lines; len(lines) != 3 {
			t.Errorf("the shell finds %q", lines)
		}
		has(t, w.do(t, staff, "irclog --from bob").Lines, "more yeast")
		has(t, w.do(t, staff, "irclog --channel #GENERAL --before "+second+" yeast").Lines, "in two lines")
		has(t, w.do(t, staff, "irclog --since 10m yeast").Lines, "Nothing was found.")
		w.refuse(t, command.Request{Actor: staff, Line: "irclog --before ?!"}, core.Invalid)

		// Deleting: one's own, staff any in channels.
		w.refuse(t, command.Request{Actor: user, Line: "irclog delete " + second}, core.NotFound)
		w.refuse(t, command.Request{Actor: staff, Line: "irclog delete " + private}, core.NotFound)
		w.refuse(t, command.Request{Actor: staff, Line: "irclog delete -"}, core.Invalid)
		w.do(t, user, "irclog delete "+first)
		w.do(t, staff, "irclog delete "+second)
		w.do(t, user, "irclog delete "+private)
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "irclog forget alice"}, core.Forbidden)
		has(t, w.confirmed(t, user, "irclog forget").Lines, "What alice has said up to now is being deleted.")
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "irclog forget"}, core.Invalid)
		has(t, w.do(t, user, "irclog private delete").Lines, "are being deleted")
		w.do(t, user, "irclog private off")
		w.do(t, user, "irclog replay 20")
		w.refuse(t, command.Request{Actor: user, Line: "irclog replay 1000"}, core.Invalid)

		w.refuse(t, command.Request{Actor: user, Line: "irclog keep #general 3"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: staff, Line: "irclog keep #nowhere 3"}, core.NotFound)
		w.refuse(t, command.Request{Actor: staff, Line: "irclog keep #general many"}, core.Invalid)
		reply := w.do(t, staff, "irclog keep #general 3")
		has(t, reply.Lines, "lines of 3 days are kept, at most 50000")
		w.do(t, staff, reply.Undo)
		has(t, w.do(t, staff, "irclog keep #general 0").Lines, "Nothing of #general is kept")
	})
}
