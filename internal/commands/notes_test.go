package commands_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// TestNotes writes notes, takes one away and back again, and keeps them from those whom
// they are about.
func TestNotes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "alice", "User")
		w.join(t, "mona", "Moderator")
		w.join(t, "max", "Moderator")
		w.join(t, "boss", "Sysop")
		mona := w.actor(t, "mona")
		has(t, w.do(t, mona, "note list alice").Lines, "Nothing is noted about alice.")
		said := w.do(t, mona, "note add alice says she shares a lab with bob")
		has(t, said.Lines, "Noted about alice (note 1).")
		var row string
		if err := w.db.QueryRowContext(t.Context(), "SELECT CONCAT(command, ' ', arguments, ' ', detail) FROM audit WHERE id = ?", said.Entry).Scan(&row); err != nil || !strings.Contains(row, "alice") || strings.Contains(row, "lab") {
			t.Errorf("the audit log says %q, %v", row, err)
		}
		has(t, w.do(t, w.actor(t, "boss"), "note list alice").Lines, "mona: says she shares a lab with bob")
		for _, who := range []string{"alice", "max", "mona"} { // about an equal, and oneself
			w.refuse(t, command.Request{Actor: w.actor(t, who), Line: "note list max"}, core.Forbidden)
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: "note list alice"}, core.Forbidden)

		w.refuse(t, command.Request{Actor: mona, Line: "note add alice ..."}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "note add alice " + strings.Repeat("x", member.MaxNote+1)}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "note remove alice 4711"}, core.NotFound)
		w.refuse(t, command.Request{Actor: w.actor(t, "boss"), Line: "note remove mona 1"}, core.NotFound) // it is about alice

		removed := w.do(t, mona, "note remove alice 1")
		has(t, removed.Lines, "Note 1 about alice is removed. It was by mona.")
		has(t, w.do(t, mona, "note list alice").Lines, "Nothing is noted")
		w.refuse(t, command.Request{Actor: mona, Line: "note remove alice 1"}, core.Conflict)
		has(t, w.do(t, mona, "undo "+fmt.Sprint(removed.Entry)).Lines, "Note 1 about alice is there again.")
		has(t, w.do(t, mona, "note list alice").Lines, "shares a lab")
		has(t, w.do(t, mona, "undo "+fmt.Sprint(said.Entry)).Lines, "Note 1 about alice is removed")

		for n := range 12 {
			w.do(t, mona, fmt.Sprintf("note add alice number %d", n))
		}
		lines := w.do(t, mona, "note list alice").Lines
		has(t, lines, "number 11", "Older ones: note list alice --before 4")
		if lines = w.do(t, mona, "note list alice --before 4").Lines; len(lines) != 2 {
			t.Errorf("the second page: %q", lines)
		}
	})
}

// TestWhoIsNear tells of accounts at the same addresses, and writes each look down.
func TestWhoIsNear(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		mona := w.join(t, "mona", "Moderator")
		alice, bob, boss := w.join(t, "alice", "User"), w.join(t, "bob", "Elite"), w.join(t, "boss", "Sysop")
		log := w.deps.Members.Security()
		at := func(ctx context.Context, address string) context.Context {
			return security.With(ctx, security.Origin{Face: security.Site, Address: netip.MustParseAddr(address)})
		}
		for _, id := range []core.MemberID{alice.ID, bob.ID, boss.ID, mona.ID} {
			log.Note(at(t.Context(), "192.0.2.7"), security.Event{Member: id, Kind: security.LoggedIn})
		}
		lines := w.do(t, w.actor(t, "mona"), "member near alice").Lines
		has(t, lines, "bob (Elite, enabled): 1 address in common, last 192.0.2.7 on 2026-03-01 12:00 UTC")
		if text := strings.Join(lines, " "); strings.Contains(text, "boss") || strings.Contains(text, "mona") {
			t.Errorf("a moderator reads where others of the staff were: %s", text)
		}
		has(t, w.do(t, w.actor(t, "boss"), "member near alice").Lines, "bob (Elite", "mona (Moderator")
		has(t, w.do(t, w.actor(t, "mona"), "member at 192.0.2.7").Lines, "alice (User, enabled)", "bob (Elite, enabled)")
		has(t, w.do(t, w.actor(t, "mona"), "member at 192.0.2.8").Lines, "No account was used from there")
		w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: "member at home"}, core.Invalid)
		var rows string
		if err := w.db.QueryRowContext(t.Context(), "SELECT MIN(arguments) FROM audit WHERE command = 'member at' AND outcome = 'done'").Scan(&rows); err != nil || rows != "(left out)" {
			t.Errorf("the audit log says %q, %v", rows, err)
		}
		var n int
		if err := w.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit WHERE command = 'member near' AND outcome = 'done'").Scan(&n); err != nil || n != 2 {
			t.Errorf("%d looks are in the audit log (%v), want 2", n, err)
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: "member near boss"}, core.Forbidden)
	})
}

// noted checks how often the security log of a member says that staff looked.
func noted(t *testing.T, w *world, name string, want int) {
	t.Helper()
	var n int
	if err := w.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM security_log WHERE member_id = ? AND kind = 'looked'", w.members[name].Member.ID).Scan(&n); err != nil || n != want {
		t.Errorf("the security log of %s says %d times that staff looked (%v), want %d", name, n, err, want)
	}
}

// TestAddresses shows where an account was used from and its mail address, finds it by the
// whole of that, and leaves a note of each look.
func TestAddresses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		alice := w.join(t, "alice", "User").ID
		w.join(t, "boss", "Sysop")
		log := w.deps.Members.Security()
		came := func(address string) {
			log.Note(security.With(t.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr(address)}), security.Event{Member: alice, Kind: security.LoggedIn})
		}
		mona := w.actor(t, "mona")
		has(t, w.do(t, mona, "member addresses alice").Lines, "Mail: alice@lab.example, not confirmed.", "alice was nowhere yet")
		noted(t, w, "alice", 1)
		for range 2 {
			came("192.0.2.7")
			w.clock.Add(2 * time.Hour)
		}
		came("2001:db8::1")
		log.Note(security.With(t.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr("198.51.100.1")}), security.Event{Member: alice, Kind: security.Refused}) // anybody's guess
		lines := w.do(t, mona, "member addresses alice").Lines
		has(t, lines, "2001:db8::1, last on 2026-03-01 16:00 UTC, since 2026-03-01 16:00 UTC, 1 time", "192.0.2.7, last on 2026-03-01 14:00 UTC, since 2026-03-01 12:00 UTC, 2 times")
		if text := strings.Join(lines, " "); strings.Contains(text, "198.51.100.1") || strings.Index(text, "2001:") > strings.Index(text, "192.0.2.7") {
			t.Errorf("addresses: %s", text)
		}
		w.refuse(t, command.Request{Actor: mona, Line: "member addresses boss"}, core.Forbidden)
		noted(t, w, "alice", 1) // once a day

		// By the whole of a mail address alone; nobody finds those above by it.
		has(t, w.do(t, mona, "member at Alice@LAB.example").Lines, "alice, id")
		for _, line := range []string{"member at boss@lab.example", "member at ice@lab.example"} {
			has(t, w.do(t, mona, line).Lines, "No account has this mail address.")
		}
		for _, part := range []string{"alice@", "@lab.example"} {
			if said := w.refuse(t, command.Request{Actor: mona, Line: "member at " + part}, core.Invalid); !strings.Contains(said, "whole mail address") {
				t.Errorf("a part of a mail address: %s", said)
			}
		}
		noted(t, w, "boss", 0)
		var rows string
		if err := w.db.QueryRowContext(t.Context(), "SELECT GROUP_CONCAT(CONCAT(arguments, detail)) FROM audit").Scan(&rows); err != nil || strings.Contains(rows, "lab.example") || strings.Contains(rows, "192.0.2") {
			t.Errorf("the audit log says %q, %v", rows, err)
		}
	})
}

// TestFindMembers looks for members from a line.
func TestFindMembers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		for n := range 17 {
			w.join(t, fmt.Sprintf("member%02d", n), "User")
		}
		id := w.join(t, "elly", "Elite").ID
		w.do(t, mona, "member warn member03 1w was rude")
		has(t, w.do(t, mona, "member find ember").Lines, "member00, id", "There are 17. More: member find --after member14 ember")
		if lines := w.do(t, mona, "member find --after member14 ember").Lines; len(lines) != 2 {
			t.Errorf("the second page: %q", lines)
		}
		for _, line := range []string{"member find --class Elite", fmt.Sprintf("member find #%d", id)} {
			if lines := w.do(t, mona, line).Lines; len(lines) != 1 || !strings.HasPrefix(lines[0], "elly, id") {
				t.Errorf("%s: %q", line, lines)
			}
		}
		has(t, w.do(t, mona, "member find --held warned").Lines, "member03, id", "warned")
		has(t, w.do(t, mona, "member find zebra").Lines, "Nobody fits.")

		// By a duty, a client and an inviter.
		if err := w.deps.Members.SetSecondary(t.Context(), id, "Donor", true); err != nil {
			t.Fatal(err)
		}
		if err := w.deps.Invites.Record(t.Context(), invite.Origin{Member: id, Inviter: w.members["member03"].Member.ID, Via: invite.ViaStaff}); err != nil {
			t.Fatal(err)
		}
		if err := w.deps.Transfer.Write(t.Context(), []transfer.Record{{Member: id, Torrent: 1, Slot: transfer.Slot{Ring: 1}, At: w.clock.Now(), Client: "qBittorrent 5.0.1", Outcome: transfer.Counted}}); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"member find --class Donor", "member find --inviter member03", "member find --client qbittorrent", "member find --client \"qBittorrent 5\" el"} {
			if lines := w.do(t, mona, line).Lines; len(lines) != 1 || !strings.HasPrefix(lines[0], "elly, id") {
				t.Errorf("%s: %q", line, lines)
			}
		}
		has(t, w.do(t, mona, "member find --client Transmission").Lines, "Nobody fits.")
		w.refuse(t, command.Request{Actor: mona, Line: "member find --class Nobility"}, core.Invalid)
		if said := w.refuse(t, command.Request{Actor: mona, Line: "member find elly@lab.example"}, core.Invalid); !strings.Contains(said, "member at") {
			t.Errorf("a mail address as a part of a name: %s", said)
		}
		noted(t, w, "member03", 1) // who hides invites, and is looked for as an inviter

		// Clients and inviters are for those who may see announces and the tree.
		for _, p := range []core.Permission{core.TrackerRead, core.InviteManage} {
			if err := w.deps.Members.SetClassPermission(t.Context(), "Moderator", p, false); err != nil {
				t.Fatal(err)
			}
		}
		for _, line := range []string{"member find --inviter member03", "member find --client qBittorrent"} {
			w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: line}, core.Forbidden)
		}
		w.refuse(t, command.Request{Actor: mona, Line: "member find --held nothing"}, core.Invalid)
	})
}

// TestWhatIsHeld lists what is in force of all members.
func TestWhatIsHeld(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		has(t, w.do(t, mona, "member held").Lines, "Nothing is in force.")
		for n := range 16 {
			w.join(t, fmt.Sprintf("member%d", n), "User")
			w.do(t, mona, fmt.Sprintf("member warn member%d 1w was rude", n))
		}
		w.do(t, mona, "member restrict member3 download traded keys")
		w.do(t, mona, "member lift member4 warned")
		lines := w.do(t, mona, "member held warned").Lines
		has(t, lines, "member15: warned since 2026-03-01 12:00 UTC until 2026-03-08 12:00 UTC by mona: was rude (cause 16)")
		if text := strings.Join(lines, "\n"); strings.Contains(text, "member4:") || strings.Contains(text, "no-download") || len(lines) != 15 {
			t.Errorf("%d lines: %s", len(lines), text)
		}
		has(t, w.do(t, mona, "member held").Lines, "member3: no-download", "Older ones: member held --before 2")
		w.refuse(t, command.Request{Actor: mona, Line: "member held nothing"}, core.Invalid)
		has(t, w.do(t, mona, "member held --before 2").Lines, "member0: warned")
		w.clock.Add(8 * 24 * time.Hour)
		has(t, w.do(t, mona, "member held warned").Lines, "Nothing is in force.")
	})
}
