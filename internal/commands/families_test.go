package commands_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

func TestStats(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		alice := w.join(t, "alice", "User")
		w.join(t, "bob", "User")
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.InsertIgnore(t.Context(), "transfer_member", db.Row{"member_id", alice.ID, "uploaded", int64(3 * core.GiB), "downloaded", int64(2 * core.GiB)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"stats", "u", "user ALICE"} {
			has(t, w.do(t, w.actor(t, "alice"), line).Lines, "alice (User)", "3.00 GiB", "2.00 GiB", "ratio 1.50")
		}
		has(t, w.do(t, w.actor(t, "alice"), "stats bob").Lines, "bob (User)", "none yet")
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "stats"}, core.Invalid)

		// Without the permission: only oneself.
		if err := w.deps.Members.SetClassPermission(t.Context(), "User", core.StatsRead, false); err != nil {
			t.Fatal(err)
		}
		w.do(t, w.actor(t, "alice"), "stats")
		w.do(t, w.actor(t, "alice"), "stats alice")
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: "stats bob"}, core.Forbidden)
	})
}

func TestSearchAndInfo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		alice := w.join(t, "alice", "User")
		w.join(t, "mona", "Moderator")
		added := w.upload(t, alice, "Yeast reference assembly", func(u *catalog.Upload) { u.Torrent.Anonymous = true })
		for n := range 6 {
			w.upload(t, alice, fmt.Sprintf("Lambda phage genome number %d", n), func(u *catalog.Upload) { u.Tags = []string{"lambda", "phage", "virus", "genome", "bowtie2"} })
		}
		bob := w.join(t, "bob", "User")
		asker := command.Of(bob, audit.ViaIRC)
		has(t, w.do(t, asker, "search yeast reference").Lines, "Yeast reference assembly [2023] [Sequences]",
			fmt.Sprintf("https://bio.example/groups/%d", added.Group))
		lines := w.do(t, asker, "search lambda").Lines
		if len(lines) != 5 {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
		has(t, lines[5-1:], "more")
		has(t, w.do(t, asker, "search zebra").Lines, "Nothing")

		line := fmt.Sprintf("info %d", added.Torrent)
		has(t, w.do(t, asker, line).Lines, "Yeast reference assembly", "by Anonymous", "seeders 0", fmt.Sprintf("/torrents/%d", added.Torrent))
		if text := strings.Join(w.do(t, asker, line).Lines, ""); strings.Contains(text, "alice") || strings.Contains(text, "leech until") {
			t.Errorf("too much: %s", text)
		}
		// Who may see the name sees it in private, and never where others read.
		has(t, w.do(t, w.actor(t, "mona"), line).Lines, "by alice")
		for _, place := range []command.Place{command.Channel} {
			reply, err := w.Execute(t.Context(), command.Request{Actor: w.actor(t, "mona"), Line: line, Place: place})
			if err != nil || strings.Contains(strings.Join(reply.Lines, ""), "alice") {
				t.Errorf("in a channel: %q, %v", reply.Lines, err)
			}
		}
	})
}

func TestTorrentDelete(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		alice := w.join(t, "alice", "User")
		w.join(t, "bob", "User")
		added := w.upload(t, alice, "Yeast reference assembly", func(u *catalog.Upload) { u.Torrent.Anonymous = true })
		line := fmt.Sprintf("torrent delete %d a better one is there", added.Torrent)
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: line}, core.Forbidden)
		has(t, w.confirmed(t, w.actor(t, "alice"), line).Lines, "is deleted")
		text := w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: fmt.Sprintf("info %d", added.Torrent)}, core.NotFound)
		has(t, []string{text}, "a better one is there")
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: line}, core.NotFound)
	})
}

func TestFreeleech(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		alice := w.join(t, "alice", "User")
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		added := w.upload(t, alice, "Yeast reference assembly")
		info := fmt.Sprintf("info %d", added.Torrent)

		has(t, w.do(t, mona, "freeleech status").Lines, "No freeleech holds", "Next: freeleech in 2w 4d", "March equinox")
		lines := w.do(t, mona, "freeleech calendar").Lines
		if len(lines) != 8 {
			t.Fatalf("%d lines: %q", len(lines), lines)
		}
		has(t, lines[:1], "March equinox: 2026-03-20 00:00 UTC to 2026-03-21 00:00 UTC; the instant is 2026-03-20 14:4")
		zone, err := time.LoadLocation("Asia/Tokyo")
		if err != nil {
			t.Fatal(err)
		}
		reply, err := w.Execute(t.Context(), command.Request{Actor: mona, Line: "freeleech calendar", Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		has(t, reply.Lines[:1], "for you 20 Mar 09:00 to 21 Mar 09:00 JST")

		on := w.confirmed(t, mona, "freeleech 24h equinox party")
		has(t, on.Lines, "until 2026-03-02 12:00 UTC", "equinox party")
		has(t, w.do(t, mona, "fl").Lines, "Now: freeleech for every torrent", "equinox party")
		has(t, w.do(t, command.Of(alice, audit.ViaIRC), info).Lines, "freeleech until 2026-03-02 12:00 UTC (equinox party)")

		second := w.confirmed(t, mona, "freeleech on 3d another one")
		text := w.refuse(t, command.Request{Actor: mona, Line: "freeleech off"}, core.Invalid)
		has(t, []string{text}, "equinox party", "another one")
		has(t, w.confirmed(t, mona, on.Undo).Lines, "has ended", "Still holding: freeleech until 2026-03-04 12:00 UTC (another one)")
		off := w.confirmed(t, mona, "freeleech off")
		has(t, off.Lines, "Nothing else holds")
		if off.Undo != "freeleech on 4320m another one" || second.Undo == "" {
			t.Errorf("undo %q, %q", off.Undo, second.Undo)
		}
		w.refuse(t, command.Request{Actor: mona, Line: "freeleech off"}, core.NotFound)
		w.refuse(t, command.Request{Actor: mona, Line: second.Undo}, core.Conflict)

		free := w.do(t, mona, fmt.Sprintf("freeleech torrent %d free an important dataset", added.Torrent))
		has(t, free.Lines, "is freeleech from now on")
		has(t, w.do(t, mona, info).Lines, "- freeleech - https")
		w.refuse(t, command.Request{Actor: mona, Line: fmt.Sprintf("freeleech torrent %d free once more", added.Torrent)}, core.Conflict)
		has(t, w.do(t, mona, free.Undo).Lines, "is normal from now on")

		own := w.do(t, mona, fmt.Sprintf("freeleech member alice 2d --torrent %d for curating", added.Torrent))
		has(t, own.Lines, fmt.Sprintf("For alice: freeleech on torrent %d", added.Torrent), "for curating")
		has(t, w.do(t, command.Of(alice, audit.ViaIRC), "fl").Lines, "For you alone: freeleech on torrent")
		has(t, w.do(t, command.Of(alice, audit.ViaIRC), info).Lines, "freeleech until 2026-03-03 12:00 UTC (for curating)")
		for _, line := range []string{"fl", info} {
			if lines := w.do(t, mona, line).Lines; strings.Contains(strings.Join(lines, "\n"), "curating") {
				t.Errorf("others are told of it: %q", lines)
			}
		}
		has(t, w.confirmed(t, mona, own.Undo).Lines, "has ended", "Nothing else holds")
		w.do(t, mona, "freeleech member alice 2d on everything")
		has(t, w.do(t, command.Of(alice, audit.ViaIRC), "fl").Lines, "For you alone: freeleech on every torrent")
		w.refuse(t, command.Request{Actor: mona, Line: "freeleech member nobody 2d why"}, core.NotFound)
		w.refuse(t, command.Request{Actor: mona, Line: "freeleech member alice 91d why"}, core.Invalid)
	})
}

func TestMemberSecretsAreReplaced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		made := w.do(t, sys, `member create Carol --class "Power User" --email=carol@lab.example`)
		has(t, made.Lines, "Account Carol", "Power User")
		var pass, announceKey, irc string
		for _, line := range made.Private {
			pass, announceKey, irc = after(line, "Passphrase: ", pass), after(line, "Announce key: ", announceKey), after(line, "IRC key: ", irc)
		}
		if _, err := w.deps.Members.Login(ctx, "carol", pass); err != nil {
			t.Errorf("log in with %q: %v", pass, err)
		}
		if _, err := w.deps.Members.AuthIRC(ctx, "carol", irc); err != nil {
			t.Errorf("IRC with %q: %v", irc, err)
		}
		if _, err := w.deps.Members.ByAnnounceKey(ctx, announceKey); err != nil {
			t.Fatalf("announce key %q: %v", announceKey, err)
		}
		fresh := after(w.confirmed(t, sys, "member irckey carol").Private[0], "IRC key: ", "")
		if _, err := w.deps.Members.AuthIRC(ctx, "carol", fresh); err != nil {
			t.Errorf("new IRC key %q: %v", fresh, err)
		}
		if _, err := w.deps.Members.AuthIRC(ctx, "carol", irc); core.CodeOf(err) != core.Forbidden {
			t.Errorf("old IRC key: %v", err)
		}
		fresh = after(w.confirmed(t, command.Shell(), "member passphrase carol").Private[0], "Passphrase: ", "")
		if _, err := w.deps.Members.Login(ctx, "carol", fresh); err != nil {
			t.Errorf("new passphrase %q: %v", fresh, err)
		}
		if _, err := w.deps.Members.Login(ctx, "carol", pass); core.CodeOf(err) != core.Forbidden {
			t.Errorf("old passphrase: %v", err)
		}
		fresh = after(w.confirmed(t, sys, "member announcekey carol").Private[0], "Announce key: ", "")
		if _, err := w.deps.Members.ByAnnounceKey(ctx, fresh); err != nil {
			t.Errorf("new announce key: %v", err)
		}
	})
}

// TestMemberCommands makes each change to an account, and runs the command that takes it
// back.
func TestMemberCommands(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		sys, carol := w.actor(t, "sys"), w.join(t, "Carol", "Power User")
		state := func() string {
			m, err := w.deps.Members.ByID(t.Context(), carol.ID)
			if err != nil {
				t.Fatal(err)
			}
			out := m.Class.Name
			for _, c := range m.Holding {
				out += fmt.Sprintf(" %s %s %q %d", c.Effect, c.Permission, c.Reason, c.Ends.Unix())
			}
			return out
		}
		w.do(t, sys, "member restrict carol irc shouting")
		w.do(t, sys, "member warn carol 3w be kinder")
		for _, line := range []string{"member class carol Elite", "member restrict carol download traded keys", "member warn carol 2w be kind", "member lift carol irc",
			"member lift carol warned sorry", "permission grant carol irc.staff 7d helps out", "permission withhold carol stats.read looks around", "member park carol field work",
			"member disable carol she left", "member enable carol"} {
			before := state()
			reply := w.do(t, sys, line)
			if reply.Pending != nil {
				reply = w.do(t, sys, "confirm "+reply.Pending.Code)
			}
			if state() == before {
				t.Errorf("%s changed nothing: %s", line, before)
			}
			w.refuse(t, command.Request{Actor: sys, Line: line}, core.Conflict)
			if line == "member disable carol she left" {
				has(t, w.do(t, sys, "member show carol").Lines, "disabled since 2026-03-01 12:00 UTC by sys: she left")
				continue // the next one takes it back
			}
			undone := w.do(t, sys, reply.Undo)
			if undone.Pending != nil {
				w.do(t, sys, "confirm "+undone.Pending.Code)
			}
			if line != "member enable carol" && state() != before {
				t.Errorf("%s, %s: %s, want %s", line, reply.Undo, state(), before)
			}
		}
		has(t, w.do(t, sys, "member show carol").Lines, "Carol, id ", "never seen", "uploaded 0 B")
	})
}

func after(line, prefix, old string) string {
	if rest, ok := strings.CutPrefix(line, prefix); ok {
		return rest
	}
	return old
}

func TestDisabledMembersGetNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		m := w.join(t, "sys", "Sysop")
		if err := membertest.Disable(t.Context(), w.deps.Members, m.ID, "left the lab"); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"help", "stats", "search x", "member announcekey sys"} {
			text := w.refuse(t, command.Request{Actor: w.actor(t, "sys"), Line: line}, core.Forbidden)
			has(t, []string{text}, "left the lab")
		}
	})
}

func TestClients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		for _, line := range w.do(t, mona, "clients").Lines {
			if len(line) > 380 {
				t.Errorf("%d bytes: %s", len(line), line)
			}
		}
		has(t, w.do(t, mona, "client add -XX1 Some new client").Lines, "-XX1", "Some new client")
		w.refuse(t, command.Request{Actor: mona, Line: "client add -XX1 Again"}, core.Conflict)
		has(t, w.do(t, mona, "client list").Lines, "-XX1 Some new client")
		lowered := w.do(t, mona, "client lowest -XX1 2.1")
		has(t, lowered.Lines, "-XX1", "2.1")
		has(t, w.do(t, mona, "client list").Lines, "-XX1 Some new client from 2.1")
		w.refuse(t, command.Request{Actor: mona, Line: "client lowest -XX1 new"}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "client lowest -XX2 1"}, core.NotFound)
		has(t, w.do(t, mona, w.confirmed(t, mona, "client remove -XX1").Undo).Lines, "from 2.1")
		has(t, w.do(t, mona, lowered.Undo).Lines, "Every version")
		removed := w.confirmed(t, mona, "client remove -XX1")
		w.refuse(t, command.Request{Actor: mona, Line: "client remove -XX1"}, core.NotFound)
		has(t, w.do(t, mona, removed.Undo).Lines, "-XX1", "Some new client")
	})
}

func TestClassSlots(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		set := w.do(t, mona, `class slots "Power User" 7`)
		has(t, set.Lines, "Power User", "7 torrents")
		has(t, w.do(t, w.actor(t, "mona"), set.Undo).Lines, "any number")
		w.refuse(t, command.Request{Actor: mona, Line: "class slots User many"}, core.Invalid)
		w.refuse(t, command.Request{Actor: mona, Line: "class slots Sysop 1"}, core.Forbidden)
	})
}

func TestJobs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		sys := w.actor(t, "sys")
		has(t, w.do(t, sys, "jobs").Lines, "freeleech-edges: ", "never ran, next 2026-03-01 12:")
		has(t, w.do(t, sys, "job run expire-sessions").Lines, "expire-sessions runs")
		w.refuse(t, command.Request{Actor: sys, Line: "job run expire-sessions"}, core.Conflict)
		has(t, w.do(t, sys, "job list").Lines, "asked for")
		has(t, w.do(t, sys, "job history expire-sessions").Lines, "never ran")
		w.refuse(t, command.Request{Actor: sys, Line: "job history dance"}, core.NotFound)
		events, err := eventlog.New(w.db, w.clock.Now).Read(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		last := events[len(events)-1]
		if _, err := eventlog.Decode[eventlog.JobRequested](last); err != nil {
			t.Error(err)
		}
	})
}
