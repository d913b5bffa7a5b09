package ircd

import (
	"context"
	"errors"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// TestDeedAndRowAreOne makes sure that neither a change is kept without its row nor a row
// without its change.
func TestDeedAndRowAreOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		log := audit.New(s.db, s.deps.Clock)
		row := audit.Entry{ActorName: "boss", Via: audit.ViaIRC, Command: "kline add", Outcome: audit.Done}
		line := irc.Line{Kind: irc.KLine, Mask: "alice@*", Reason: "spam", By: "boss", At: s.deps.Clock()}
		broken := errors.New("the change failed")
		for _, fails := range []error{broken, nil} {
			err := s.deps.Audit.Commit(ctx, func(ctx context.Context, store ChannelStore) (audit.Entry, error) {
				if err := store.AddLine(ctx, line); err != nil {
					t.Error(err)
				}
				return row, fails
			})
			if !errors.Is(err, fails) {
				t.Fatal(err)
			}
			lines, err := s.channels.Lines(ctx)
			must(t, err)
			rows, err := log.Recent(ctx, 10)
			must(t, err)
			if want := map[bool]int{true: 1}[fails == nil]; len(lines) != want || len(rows) != want {
				t.Errorf("with %v: %d lines, %d rows", fails, len(lines), len(rows))
			}
		}
	})
}

// TestNothingIsDoneWithoutItsRow takes the audit log away before three deeds.
func TestNothingIsDoneWithoutItsRow(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		boss, _, key := s.login(t, "boss", member.SysopClass)
		alice, _, _ := s.login(t, "alice", "User")
		boss.send("OPER boss " + key)
		boss.expect("* 381 *")
		must(t, s.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "ALTER TABLE audit RENAME TO elsewhere")
			return err
		}))
		for _, l := range []string{"KLINE 1d alice@* :spam", "KILL alice :spam", "SAMODE #general +m"} {
			boss.send(l)
			boss.expect("* 400 boss * :Not done: the audit log can't be written at the moment")
		}
		lines, err := s.channels.Lines(t.Context())
		must(t, err)
		c, err := s.channels.Channel(t.Context(), "#general")
		must(t, err)
		if len(lines) != 0 || c.Modes != "+nt" {
			t.Errorf("%d lines, #general is %s", len(lines), c.Modes)
		}
		alice.sync()
		alice.none("* MODE #general *")
	})
}

// TestDeedThatTurnsOutImpossible ends somebody's connection right after the row of their
// KILL is written.
func TestDeedThatTurnsOutImpossible(t *testing.T) {
	h := open(t, nil)
	boss, alice := h.join(t, "boss"), h.join(t, "alice")
	boss.send("OPER boss key-boss")
	boss.expect("* 381 *")
	boss.sync()
	h.audit.once(func() {
		h.now.locked(func() { h.now.dropUser(h.now.find("alice"), "gone") })
	})
	boss.send("KILL alice :spam")
	boss.expect("* 400 boss KILL :nobody has the nick alice")
	if last := alice.ended(); last != "ERROR :Closing link: gone" {
		t.Errorf("alice's last line was %q", last)
	}
	want(t, h.audit.lines(), "boss: oper = done", "boss: kill alice spam = done", "boss: kill alice spam = failed")
}
