package hermes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// migrated makes an empty database and returns where it is.
func migrated(t *testing.T) db.Config {
	t.Helper()
	c := dbtest.SQLiteConfig(t)
	dbtest.Open(t, c)
	return c
}

func TestNoticesReachTheirChannels(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, f := newSite(t, d), newFake(t)
		s.append(eventlog.LeechEdge{Key: "calendar:2026-03", Phase: "before", Name: "March equinox", State: core.LeechFree,
			Starts: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC).Unix(), Ends: time.Date(2026, 3, 21, 0, 0, 0, 0, time.UTC).Unix()})
		s.append(eventlog.JobFailed{Run: 1, Job: "prune-events", Text: "two\r\nlines"})
		bot := s.start(f)
		s.append(eventlog.JobFinished{Run: 2, Job: "prune-events", StartedBy: "mona", OK: true, Text: "12 items"})
		s.append(eventlog.JobFinished{Run: 3, Job: "prune-events", StartedBy: "mona", Text: "no room"})
		s.settled(f, noticeCursor)
		bot.stop()
		s.start(f)
		s.append(eventlog.JobFailed{Run: 4, Job: "prune-events", Text: "again"})
		s.append(eventlog.TransferSuspect{Member: 999, Torrent: 7, Reason: eventlog.SuspectLine, Up: core.TiB, Limit: core.GiB, Seconds: 60})
		s.append(eventlog.TransferSuspect{Member: 999, Torrent: 7, Reason: eventlog.SuspectAlone, Up: core.GiB, Seconds: 3600})
		s.append(eventlog.TransferSuspect{Member: 999, Torrent: 7, Reason: eventlog.SuspectTorrent, Up: 18 * core.GiB, CountedUp: 64 * core.MiB, Limit: core.GiB,
			Seconds: 1, Announces: 300, Torrents: 2})
		s.append(eventlog.RosterDrift{Members: 2, Rules: true})
		s.settled(f, noticeCursor)
		want := []said{
			{"#general", "Freeleech is coming: March equinox, from 2026-03-20 00:00 UTC to 2026-03-21 00:00 UTC. For every torrent, downloads don't count, uploads do then."},
			{"#debug", "Job prune-events failed (run 1): two lines"},
			{"#staff", "mona: job prune-events is done (run 2). 12 items"},
			{"#staff", "mona: job prune-events failed (run 3). no room"},
			{"#debug", "Job prune-events failed (run 4): again"},
			{"#staff", "Suspect transfer: Member 999 tells of 1.00 TiB up and 0 B down in 1m0s, where the fastest line carries 1.00 GiB. " + s.deps.Catalog.Permalink(7)},
			{"#staff", "Suspect transfer: Member 999 tells of 1.00 GiB uploaded in 1h0m0s while nobody lacked anything. " + s.deps.Catalog.Permalink(7)},
			{"#staff", "Suspect transfer: Member 999 tells of 18.00 GiB up and 0 B down in 1s (300 announces, 2 torrents), of which 64.00 MiB up and 0 B down count: " +
				"the torrent and the others on it account for no more. " + s.deps.Catalog.Permalink(7)},
			{"#staff", "The tracker was not up to date, and is again: 2 members, 0 torrents and the rules differed from the database. Something was changed past the event log."},
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if diff := cmp.Diff(want, f.said, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
	})
}

// TestANoticeThatNobodyTakes checks that a notice which the server refuses again and again
// is given up and logged, so that the others get through.
func TestANoticeThatNobodyTakes(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) { f.fates = []verdict{refuse, refuse, refuse, refuse, refuse} })
	s.append(eventlog.JobFailed{Run: 1, Job: "prune-events", Text: "first"})
	s.append(eventlog.JobFailed{Run: 2, Job: "prune-events", Text: "second"})
	s.start(f)
	s.settled(f, noticeCursor)
	if got := f.in("#debug"); len(got) != 1 || !strings.Contains(got[0], "second") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(s.log.String(), "a notice is given up") {
		t.Error("the log doesn't tell")
	}
}

// TestStaffHearOfAnEventThatIsSetAside also lets staff run the event again.
func TestStaffHearOfAnEventThatIsSetAside(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	last, err := s.events.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx := func(do func(tx *db.Tx) error) {
		t.Helper()
		if err := s.db.Tx(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	exec := func(query string) {
		t.Helper()
		tx(func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), query)
			return err
		})
	}
	s.append(eventlog.JobFailed{Run: 1, Job: "prune-events", Text: "torn"})
	exec(fmt.Sprintf("UPDATE event SET body = 'torn' WHERE id = %d", last+1))
	s.append(eventlog.JobFailed{Run: 2, Job: "prune-events", Text: "whole"})
	s.start(f)
	want := fmt.Sprintf("hermes:notices could not handle event %d (JobFailed) in 5 tries and has set it aside as number 1: ", last+1)
	if got := f.heard("#staff", 1)[0]; !strings.HasPrefix(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	exec(`UPDATE event_skipped SET body = '{"run":1,"job":"prune-events","text":"mended"}'`)
	tx(func(tx *db.Tx) error {
		_, err := s.events.RunAgain(t.Context(), tx, 1)
		return err
	})
	lines := f.heard("#debug", 2)
	if !strings.HasSuffix(lines[0], "whole") || !strings.HasSuffix(lines[1], "mended") {
		t.Errorf("got %q", lines)
	}
}

func TestTopicTellsOfFreeleech(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	const old = "New uploads | [Freeleech until 2025-12-22 00:00 UTC: December solstice]"
	f.topics["#announce"], f.topics["#support"] = old, old
	s.start(f)
	topic := func(channel, want string) {
		t.Helper()
		f.until(channel+" to have the topic "+want, func() bool { return f.topics[channel] == want })
	}
	topic("#announce", "New uploads") // what was left from before

	w, err := s.deps.Economy.Open(t.Context(), economy.Window{Source: economy.SourceStaff, State: core.LeechFree, Ends: s.clock.Now().Add(time.Hour), Reason: "a party"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	const segment = "[Freeleech until 2026-03-01 13:00 UTC: a party]"
	topic("#announce", "New uploads | "+segment)
	topic("#general", segment)

	// Staff change their part, and ours with it.
	f.change(func() { f.topics["#announce"] = "Read the rules" })
	f.tell(":mona!u@h TOPIC #announce :Read the rules")
	topic("#announce", "Read the rules | "+segment)

	if _, err := s.deps.Economy.End(t.Context(), w.ID, 0); err != nil {
		t.Fatal(err)
	}
	topic("#announce", "Read the rules")
	topic("#general", "")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.topics["#support"] != old {
		t.Error("a topic that is none of ours was changed")
	}
}

func TestNextChange(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 19, 23, 59, 40, 0, time.UTC)
	s := economy.NewSchedule(economy.DefaultConfig(), nil, at)
	if got := nextChange(s, at); got != 20*time.Second {
		t.Errorf("before the equinox: %s", got)
	}
	if got := nextChange(s, at.Add(24*time.Hour)); got != 20*time.Second {
		t.Errorf("before its end: %s", got)
	}
	if got := nextChange(s, at.Add(-time.Hour)); got != topicEvery {
		t.Errorf("long before: %s", got)
	}
}

// TestApprovalsAreTold lets somebody ask for what needs the word of two, and others give it.
func TestApprovalsAreTold(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	run := func(m member.Member, line string) command.Answer {
		t.Helper()
		a, err := s.deps.Commands.Execute(t.Context(), command.Request{Actor: command.Of(m, audit.ViaIRC), Line: line})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return a
	}
	mona, max := s.join("mona", "Moderator"), s.join("max", "Moderator")
	s.start(f)
	ask := func(reason string) string {
		run(mona, "confirm "+run(mona, "member recover alice "+reason).Pending.Code)
		waiting, err := s.deps.Commands.Waiting(t.Context(), command.Of(max, audit.ViaIRC))
		if err != nil || len(waiting) != 1 {
			t.Fatalf("%+v, %v", waiting, err)
		}
		return waiting[0].Code
	}
	first := ask("she is my sister")
	s.settled(f, noticeCursor)
	run(max, "approve "+first)
	s.settled(f, noticeCursor)
	second := ask("she calls me")
	s.settled(f, noticeCursor)
	s.clock.Add(15 * time.Minute)
	run(mona, "approve "+second)
	s.settled(f, noticeCursor)
	for i, want := range []string{
		"mona asks for approval by another member of staff, until 2026-03-02 12:00 UTC: !approve " + first + " or !pending drop " + first + ". member recover alice she is my sister: This would let alice",
		"max approved what mona asked for, and it is done: member recover alice she is my sister (entry ",
		"mona asks for approval by another member of staff, until 2026-03-02 12:00 UTC: !approve " + second,
		"mona did without anybody else's approval, since fewer than two others could give it: member recover alice she calls me (entry ",
	} {
		got := f.in("#staff")
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
}
