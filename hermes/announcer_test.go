package hermes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// titles takes the titles out of announces.
func titles(lines []string) []string {
	var out []string
	for _, l := range lines {
		title, _, _ := strings.Cut(l, " [")
		out = append(out, title)
	}
	return out
}

// settled waits until the bot has dealt with every event there is.
func (s *site) settled(f *fakeIRC, cursor string) {
	s.t.Helper()
	last, err := s.events.Last(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	limit := time.Now().Add(20 * time.Second)
	for {
		at, err := s.events.Cursor(s.t.Context(), cursor)
		if err != nil {
			s.t.Fatal(err)
		}
		if at >= last {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%s is at event %d of %d; said: %q\n%s", cursor, at, last, f.in("#announce"), s.log)
		}
		time.Sleep(5 * time.Millisecond) // polls: the cursor is in the database
	}
}

func TestAnnouncesOnceInOrder(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, f := newSite(t, d), newFake(t)
		first := s.upload("Yeast assembly")
		s.tracked("tracker")
		bot := s.start(f)
		got := f.heard("#announce", 1)[0]
		want := fmt.Sprintf(" / 39.06 KiB / Uploader: alice - https://bio.example/torrents.php?id=%d / https://bio.example/torrents.php?action=download&id=%d - ",
			first.Group, first.Torrent)
		if exactPattern.FindStringSubmatch(got) == nil || !strings.HasPrefix(got, "Yeast assembly [2023] [Sequences] - ") || !strings.Contains(got, want) {
			t.Errorf("got  %q\nlike %q", got, want)
		}
		<-bot.ready
		bot.stop()

		// Away: three more, and one that is deleted again.
		for _, title := range []string{"Lambda phage genome", "Mouse brain cells", "Gone again soon", "Zebrafish embryo"} {
			added := s.upload(title)
			if title == "Gone again soon" {
				if err := s.deps.Catalog.Delete(t.Context(), s.alice.ID, added.Torrent, "a mistake"); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.tracked("tracker")
		bot = s.start(f)
		s.settled(f, announceCursor)
		all := []string{"Yeast assembly", "Lambda phage genome", "Mouse brain cells", "Zebrafish embryo"}
		if diff := cmp.Diff(all, titles(f.in("#announce"))); diff != "" {
			t.Errorf("announced (-want +got):\n%s", diff)
		}
		bot.stop()
		s.start(f)
		s.upload("The last one")
		s.tracked("tracker")
		s.settled(f, announceCursor)
		if diff := cmp.Diff(append(all, "The last one"), titles(f.in("#announce"))); diff != "" {
			t.Errorf("announced after another start (-want +got):\n%s", diff)
		}
		if strings.Contains(s.log.String(), "the-key-of-the-bot") {
			t.Error("the key stands in the log")
		}
	})
}

func TestNeverBeforeTheTracker(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.tracked("tracker:2")
	f.inspect = func(m said) {
		if m.target != "#announce" {
			return
		}
		for _, cursor := range []string{"tracker", "tracker:2"} {
			at, err := s.events.Cursor(t.Context(), cursor)
			last, lerr := s.events.Last(t.Context())
			if err != nil || lerr != nil || at < last-1 { // the last event is JobFailed
				t.Errorf("announced with %s at event %d of %d (%v, %v)", cursor, at, last, err, lerr)
			}
		}
	}
	<-s.start(f).ready
	s.upload("Yeast assembly")
	s.append(eventlog.JobFailed{Run: 7, Job: "prune-events", Text: "no room left"})
	if got := f.heard("#debug", 1)[0]; got != "Job prune-events failed (run 7): no room left" {
		t.Errorf("got %q", got)
	}
	s.tracked("tracker") // one of two
	if got := f.in("#announce"); len(got) != 0 {
		t.Errorf("announced too early: %q", got)
	}
	s.tracked("tracker:2")
	began := time.Now()
	f.heard("#announce", 1)
	if took := time.Since(began); took > time.Second {
		t.Errorf("announced after %s", took)
	}
}

// TestEachFateOfALine lets the server treat lines in every possible way, and expects each
// upload once, in order.
func TestEachFateOfALine(t *testing.T) {
	t.Parallel()
	const history = fullCaps + " draft/chathistory"
	const silent = "sasl=PLAIN account-tag server-time message-tags batch"
	tests := []struct {
		name, caps string
		fates      []verdict
		twice      bool // what can't be known is said again
	}{
		{"delivered", fullCaps, nil, false},
		{"delivered, without echo", silent, nil, false},
		{"refused", fullCaps, []verdict{refuse, refuseOp, deliver, refuse}, false},
		{"refused, without echo", silent, []verdict{refuse, refuseOp, deliver, refuse}, false},
		{"swallowed", fullCaps, []verdict{swallow}, false},
		{"echoed after the PONG", fullCaps, []verdict{echoLate, echoLate}, false},
		{"cut off before", fullCaps, []verdict{dropBefore, deliver, dropBefore, dropBefore}, false},
		{"cut off before, without echo", silent, []verdict{dropBefore}, false},
		{"cut off after, with history", history, []verdict{dropAfter, deliver, dropAfter}, false},
		{"cut off after, without history", fullCaps, []verdict{dropAfter}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) { f.caps, f.fates = tt.caps, tt.fates })
			want := []string{"Yeast assembly", "Lambda phage genome", "Mouse brain cells"}
			for _, title := range want {
				s.upload(title)
			}
			s.tracked("tracker")
			s.start(f, func(c *Config) { c.TopicChannels = nil })
			s.settled(f, announceCursor)
			if tt.twice {
				want = append(want[:1:1], want...)
			}
			if diff := cmp.Diff(want, titles(f.in("#announce"))); diff != "" {
				t.Errorf("announced (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKilledBetweenLineAndAnswer ends the bot when the server has delivered a line but not
// acknowledged it.
func TestKilledBetweenLineAndAnswer(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) {
		f.caps, f.fates = fullCaps+" draft/chathistory", []verdict{hold}
	})
	s.upload("Yeast assembly")
	s.upload("Lambda phage genome")
	s.tracked("tracker")
	bot := s.start(f)
	f.heard("#announce", 1)
	bot.stop()
	if at, err := s.events.Cursor(t.Context(), announceCursor); err != nil || at >= 4 {
		t.Fatalf("the cursor moved to %d without an answer (%v)", at, err)
	}
	s.start(f)
	s.settled(f, announceCursor)
	if diff := cmp.Diff([]string{"Yeast assembly", "Lambda phage genome"}, titles(f.in("#announce"))); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
}

// TestEndingWaitsForTheAnswer ends the bot just after a line is sent. The answer must still
// count.
func TestEndingWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.upload("Yeast assembly")
	s.tracked("tracker")
	var bot *running
	started := make(chan struct{})
	f.inspect = func(said) { <-started; bot.cancel() }
	bot = s.start(f)
	close(started)
	f.heard("#announce", 1)
	bot.stop()
	f.until("QUIT", func() bool { return f.quits == 1 })
	f.change(func() { f.inspect = nil })
	s.start(f)
	s.upload("Lambda phage genome")
	s.tracked("tracker")
	s.settled(f, announceCursor)
	if diff := cmp.Diff([]string{"Yeast assembly", "Lambda phage genome"}, titles(f.in("#announce"))); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
}

func TestSpeaksOnlyUnderItsOwnNick(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) { f.taken["Hermes"] = true })
	f.inspect = func(m said) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.nick != "Hermes" {
			t.Errorf("said as %s: %q", f.nick, m.text)
		}
	}
	s.upload("Yeast assembly")
	s.tracked("tracker")
	s.start(f)
	f.until("another nick in the channel", func() bool { return f.joined["#announce"] && f.nick != "Hermes" })
	if got := f.in("#announce"); len(got) != 0 {
		t.Errorf("announced as somebody else: %q", got)
	}
	f.change(func() { f.taken["Hermes"] = false })
	f.heard("#announce", 1)
}

func TestKickedOut(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	<-s.start(f).ready
	f.change(func() { f.joined["#announce"] = false })
	f.tell(":mallory!u@h KICK #announce Hermes :begone")
	f.tell(":irc.test PONG irc.test :unasked")
	s.upload("Yeast assembly")
	s.tracked("tracker")
	f.heard("#announce", 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.joined["#announce"] {
		t.Error("said outside of the channel")
	}
}

func TestAnnounceShowsWhatHoldsNow(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.upload("Before the end")
	s.upload("Hidden uploader", func(u *catalog.Upload) { u.Torrent.Anonymous = true })
	if _, err := s.deps.Economy.Open(t.Context(), economy.Window{Source: economy.SourceStaff, State: core.LeechFree, Ends: s.clock.Now().Add(time.Hour), Reason: "a party"}, 0); err != nil {
		t.Fatal(err)
	}
	s.tracked("tracker")
	s.start(f)
	lines := f.heard("#announce", 2)
	if !strings.Contains(lines[0], "Uploader: alice / Freeleech! - ") || !strings.Contains(lines[1], "Uploader: Anonymous / Freeleech! - ") {
		t.Errorf("got %q", lines)
	}
	s.clock.Add(2 * time.Hour)
	s.upload("After the end")
	s.tracked("tracker")
	if lines = f.heard("#announce", 3); strings.Contains(lines[2], "Freeleech") {
		t.Errorf("got %q", lines[2])
	}
}

func TestOldUploadsArePassedOver(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.upload("Old dataset")
	s.clock.Add(8 * 24 * time.Hour)
	s.upload("New dataset")
	s.tracked("tracker")
	s.start(f)
	s.settled(f, announceCursor)
	if diff := cmp.Diff([]string{"New dataset"}, titles(f.in("#announce"))); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
}
