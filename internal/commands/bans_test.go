package commands_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/commands"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// seen lets an account log in on the site from an address.
func (w *world) seen(t *testing.T, id core.MemberID, address string) {
	t.Helper()
	ctx := security.With(t.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr(address)})
	w.deps.Members.Security().Note(ctx, security.Event{Member: id, Kind: security.LoggedIn})
}

// kept is every text of the database in which an address could stand in the clear.
func (w *world) kept(t *testing.T) string {
	t.Helper()
	var all []string
	for _, query := range []string{"SELECT arguments FROM audit", "SELECT detail FROM audit", "SELECT undo_with FROM audit", "SELECT line FROM pending_act", "SELECT body FROM event", "SELECT value FROM ban"} {
		list, err := db.All(t.Context(), w.db, db.Value[string], query)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	return strings.Join(all, "\n")
}

func TestBanCommands(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		monaID := w.join(t, "mona", "Moderator").ID
		w.join(t, "alice", "User")
		mona, alice := w.actor(t, "mona"), w.actor(t, "alice")
		w.seen(t, w.id(t, "alice"), "203.0.113.9")
		w.seen(t, monaID, "198.51.100.4")
		for _, line := range []string{"ban add 203.0.113.7 spam", "ban list", "ban show 1", "ban find 203.0.113.7", "ban lift 1 x", "ban restore 1 x"} {
			w.refuse(t, command.Request{Actor: alice, Line: line}, core.Forbidden)
			w.refuse(t, command.Request{Actor: command.Guest("eve", audit.ViaIRC), Line: line}, core.Forbidden)
		}

		asked := w.do(t, mona, "ban add --reach site,tracker --for 2h --note case 203.0.113.99/24 it floods us")
		has(t, asked.Lines, "This would ban a network, 203.0.113.0/24, until 2026-03-01 14:00 UTC, and keep it from the site, the tracker.", "reads: it floods us", "1 member came from there")
		if got := w.kept(t); strings.Contains(got, "203.0.113") {
			t.Errorf("while it waits the database has: %s", got)
		}
		added := w.do(t, mona, "confirm "+asked.Pending.Code)
		if got := w.kept(t); strings.Contains(got, "203.0.113") || !strings.Contains(got, "(left out)") {
			t.Errorf("the database has: %s", got)
		}
		has(t, added.Lines, "Ban 1, of a network, is in force, until 2026-03-01 14:00 UTC. It keeps from the site, the tracker.")
		has(t, w.do(t, mona, "ban list").Lines, "1: network 203.0.113.0/24 (site,tracker), until 2026-03-01 14:00 UTC, by mona on 2026-03-01 12:00 UTC: it floods us")
		has(t, w.do(t, mona, "ban show 1").Lines, "Note case")
		w.refuse(t, command.Request{Actor: mona, Line: "ban show 77"}, core.NotFound)
		w.refuse(t, command.Request{Actor: mona, Line: "ban add --reach tracker,site 203.0.113.0/24 again"}, core.Conflict)

		// It is taken back, and that again.
		undo := func(r command.Answer) string { return fmt.Sprintf("undo %d", r.Entry) }
		lifted := w.do(t, mona, undo(added))
		has(t, w.do(t, mona, "ban list").Lines, "Nobody is banned.")
		has(t, w.do(t, mona, "ban list --over on").Lines, "lifted by mona")
		back := w.do(t, mona, undo(lifted))
		has(t, back.Lines, "Ban 1, of a network, holds again")
		w.refuse(t, command.Request{Actor: mona, Line: "ban restore 1 x"}, core.Conflict)
		w.do(t, mona, "ban lift 1 it has stopped")
		w.refuse(t, command.Request{Actor: mona, Line: "ban lift 1 twice"}, core.Conflict)
		w.refuse(t, command.Request{Actor: mona, Line: undo(back)}, core.Conflict) // it has changed since
		w.refuse(t, command.Request{Actor: mona, Line: "ban lift 1"}, core.Invalid)

		// Looks at addresses are in the audit log, and what was looked for is not.
		w.do(t, mona, "ban find 203.0.113.200")
		rows, err := w.deps.Audit.Recent(t.Context(), 1)
		if err != nil || len(rows) != 1 || rows[0].Command != "ban find" || strings.Contains(rows[0].Arguments, "203.0") {
			t.Errorf("the look is %+v, %v", rows, err)
		}
	})
}

func TestBansThatAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.deps.Proxies = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
		var err error
		if w.Registry, err = command.New(w.engine, commands.Families(w.deps)...); err != nil {
			t.Fatal(err)
		}
		mona := w.join(t, "mona", "Moderator")
		w.seen(t, mona.ID, "198.51.100.4")
		ctx := security.With(t.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr("2001:db8::7")})
		for line, field := range map[string]string{
			"ban add 127.0.0.1 x": "value", "ban add 10.9.1.1 x": "value", "ban add 198.51.100.0/24 x": "value", "ban add 2001:db8::/32 x": "value",
			"ban add 0.0.0.0/0 x": "value", "ban add nonsense x": "value", "ban add *@* x": "value", "ban add --reach moon 203.0.113.7 x": "reach",
			"ban add --reach mail 203.0.113.7 x": "reach", "ban add --for 11000d 203.0.113.7 x": "for", "ban list --reach moon": "reach", "ban find nonsense": "what",
		} {
			_, err := w.Execute(ctx, command.Request{Actor: w.actor(t, "mona"), Line: line})
			if core.CodeOf(err) != core.Invalid || core.FieldOf(err) != field {
				t.Errorf("%s: %v, of the field %q", line, err, core.FieldOf(err))
			}
		}
		if list, err := w.deps.Bans.Active(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// TestFindingBans asks what hits an address, as somebody who may not see addresses, too.
func TestFindingBans(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		for _, line := range []string{"ban add 203.0.113.0/24 wide", "ban add --for 1h 203.0.113.7 short", "ban add --reach irc 203.0.113.7 narrow", "ban add *@spam.example junk", "ban add eve@lab.example eve", "kline add eve@* old"} {
			w.confirmed(t, mona, line)
		}
		find := func(what, want string) {
			t.Helper()
			var got []string
			for _, l := range w.do(t, mona, "ban find "+what).Lines {
				_, reason, _ := strings.Cut(l, " UTC: ")
				if at := strings.LastIndex(l, ": "); reason == "" || strings.Contains(reason, ": ") {
					reason = l[at+2:]
				}
				got = append(got, reason)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		find("203.0.113.7", "narrow short wide")
		find("::ffff:203.0.113.8", "wide")
		find("203.0.112.0/20", "narrow short wide")
		find("Eve@LAB.example", "eve")
		find("x@spam.example", "junk")
		find("*@spam.example", "junk")
		has(t, w.do(t, mona, "ban find 192.0.2.1").Lines, "No ban hits it.")
		has(t, w.do(t, mona, "ban list --kind mail --reach mail").Lines, "eve@lab.example", "*@spam.example")
		has(t, w.do(t, mona, "kline list").Lines, "dline 203.0.113.7/32", "kline eve@*", "dline 203.0.113.0/24")
		w.clock.Add(time.Hour)
		find("203.0.113.7", "narrow wide")

		// A line of IRC is removed as such only if it reaches nothing else.
		w.do(t, mona, "dline remove 203.0.113.7")
		has(t, []string{w.refuse(t, command.Request{Actor: mona, Line: "dline remove 203.0.113.0/24"}, core.Conflict)}, "ban lift 1")

		for _, p := range []core.Permission{core.MemberSeeAddress, core.IRCAddress} {
			if err := w.deps.Members.SetClassPermission(t.Context(), "Moderator", p, false); err != nil {
				t.Fatal(err)
			}
		}
		for _, line := range []string{"ban list", "ban show 1", "ban find 203.0.113.9", "ban show 5"} {
			if got := strings.Join(w.do(t, w.actor(t, "mona"), line).Lines, "\n"); strings.Contains(got, "203.0") || strings.Contains(got, "eve@lab") || !strings.Contains(got, "(hidden)") {
				t.Errorf("%s shows %s", line, got)
			}
		}
	})
}

// TestPagesOfBans reads a list that is longer than a page.
func TestPagesOfBans(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		for i := range 27 {
			w.confirmed(t, mona, fmt.Sprintf("ban add 203.0.113.%d spam", i))
		}
		first := w.do(t, mona, "ban list").Lines
		if len(first) != 26 || first[25] != "Older ones: ban list --before 3" {
			t.Errorf("%d lines, the last is %s", len(first), first[len(first)-1])
		}
		if rest := w.do(t, mona, "ban list --before 3").Lines; len(rest) != 2 {
			t.Errorf("the rest: %q", rest)
		}
	})
}
