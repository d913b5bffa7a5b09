package tracker

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// TestTorrentKeys announces with the keys that downloaded .torrent files hold.
func TestTorrentKeys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.member("alice"), w.member("bob")
		one, two := w.torrent(core.LeechNormal, 1), w.torrent(core.LeechNormal, 2)
		w.followed()
		c := w.client(member.TorrentKey(alice.AnnounceKey, alice.Member.ID, one), 1)
		c.announce(hash(1), "started", 0, 0, 5)
		c.announce(hash(1), "", 70, 2, 3)
		if got := c.scrape(hash(1)); got != "0/1/0" {
			t.Errorf("scrape %s", got)
		}
		refused := func(name, key string, h byte) {
			t.Helper()
			other := w.client(key, 2)
			why := other.refused(hash(h), "started", 5)
			if !strings.Contains(why, "not known") || other.refused(hash(h), "stopped", 5) != why {
				t.Errorf("%s: %s", name, why)
			}
			if got := other.scrape(hash(h)); !strings.HasPrefix(got, "nothing: map[failure reason:") {
				t.Errorf("%s scrapes %s", name, got)
			}
		}
		refused("the key of another torrent", c.announceKey, 2)
		refused("a key of another announce key", member.TorrentKey(bob.AnnounceKey, alice.Member.ID, one), 1)
		refused("a key of nobody", member.TorrentKey(alice.AnnounceKey, 999, one), 1)
		refused("a key of an empty announce key", member.TorrentKey("", 999, one), 1)
		refused("a torrent that is not there", c.announceKey, 9)
		w.client(alice.AnnounceKey, 1).announce(hash(2), "started", 0, 0, 0) // announce keys still work
		w.client(member.TorrentKey(alice.AnnounceKey, alice.Member.ID, two), 1).announce(hash(2), "", 3, 0, 0)

		announceKey, err := w.members.NewAnnounceKey(ctx, alice.Member.ID)
		w.must(err)
		w.followed()
		refused("a key of an old announce key", c.announceKey, 1)
		c.announceKey = member.TorrentKey(announceKey, alice.Member.ID, one)
		c.announce(hash(1), "", 80, 2, 3)
		w.must(membertest.Disable(ctx, w.members, alice.Member.ID, "left the lab"))
		w.followed()
		if why := c.refused(hash(1), "", 3); !strings.Contains(why, "left the lab") {
			t.Errorf("disabled: %s", why)
		}
		refused("a wrong key of a disabled member", member.TorrentKey(bob.AnnounceKey, alice.Member.ID, one), 1)
		w.stop()
		if diff := gocmp.Diff([][]int64{{83, 2}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOldClients(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	w.must(w.clients.SetLowest(t.Context(), "-TR3", "3.0.1"))
	w.followed()
	if why := c.refused(hash(1), "started", 5); why != "your client (-TR3000-) is too old: Transmission 3 needs at least version 3.0.1; see https://site.example/rules/clients" {
		t.Error(why)
	}
	c.announce(hash(1), "stopped", 0, 0, 5)
	c.id = "-TR3010-abcdefghijkl"
	c.announce(hash(1), "started", 0, 0, 5)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, func(c *Config) { c.MaxAddresses = 2 })
	from := func(ip string) *btClient {
		other := *c
		other.ip = ip
		return &other
	}
	c.announce(hash(1), "started", 0, 0, 5)
	for n := range 3 {
		from(fmt.Sprintf("2a01:4f8::%d", n)).announce(hash(1), "", 0, 0, 5) // one network
	}
	if why := from("44.9.9.9").refused(hash(1), "", 5); !strings.Contains(why, "2 addresses") {
		t.Error(why)
	}
	from("44.9.9.9").announce(hash(1), "stopped", 0, 0, 5)
	w.pass(80 * time.Minute)
	c.announce(hash(1), "", 0, 0, 5)
	from("44.9.9.9").announce(hash(1), "", 0, 0, 5)
	if why := from("2a01:4f8::1").refused(hash(1), "", 5); !strings.Contains(why, "2 addresses") {
		t.Error(why)
	}
}

// TestWindows opens personal, global and neutral freeleech windows over a torrent. What is
// in force when an announce arrives counts.
func TestWindows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, bob := w.member("alice"), w.member("bob")
		w.torrent(core.LeechNormal, 1)
		w.followed()
		a, b := w.client(alice.AnnounceKey, 1), w.client(bob.AnnounceKey, 2)
		var up int64
		both := func(event string) {
			for _, c := range []*btClient{a, b} {
				c.announce(hash(1), event, up, up, 1000)
			}
			up += 10
		}
		open := func(state core.Leech, who core.MemberID) (id int64) {
			now := time.Now().Unix()
			w.tx(func(tx *db.Tx) (err error) { // staff can't open personal ones
				if id, err = tx.Insert(t.Context(), "leech_window", db.Row{"torrent_id", 0, "member_id", who, "state", state, "starts_at", now - 60,
					"ends_at", now + 86400, "reason", "a test", "source", economy.SourceStaff, "created_by", 1, "created_at", now, "ended_by", 0}); err != nil {
					return err
				}
				_, err = w.events.Append(t.Context(), tx, eventlog.LeechWindowsChanged{})
				return err
			})
			w.followed()
			return id
		}
		end := func(id int64) {
			w.tx(func(tx *db.Tx) error {
				if _, err := tx.Exec(t.Context(), "UPDATE leech_window SET ends_at = ? WHERE id = ?", time.Now().Unix()-1, id); err != nil {
					return err
				}
				_, err := w.events.Append(t.Context(), tx, eventlog.LeechWindowsChanged{})
				return err
			})
			w.followed()
		}
		both("started")
		both("")
		personal := open(core.LeechFree, alice.Member.ID)
		both("")
		global := open(core.LeechNeutral, 0)
		both("") // free is better than neutral for alice
		end(personal)
		both("")
		end(global)
		both("")
		w.stop()
		want := [][]int64{{40, 20, 50, 50}, {30, 30, 50, 50}}
		if diff := gocmp.Diff(want, w.rows(4, "SELECT uploaded, downloaded, raw_up, raw_down FROM transfer_member_torrent ORDER BY member_id")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFacts checks, through an unusual history, the facts that hit-and-run is decided by.
func TestFacts(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	begun := w.now().Unix()
	c.announce(hash(1), "started", 0, 0, 1000)
	w.pass(10 * time.Minute)
	c.announce(hash(1), "stopped", 0, 400, 600)
	w.pass(2 * time.Hour)
	c.announce(hash(1), "started", 0, 0, 600) // counters of a new session
	w.pass(20 * time.Minute)
	c.announce(hash(1), "", 5, 600, 0) // done, without saying so
	done := w.now().Unix()
	w.pass(30 * time.Minute)
	c.announce(hash(1), "completed", 9, 600, 0)
	w.pass(30 * time.Minute)
	c.announce(hash(1), "", 9, 600, 50) // a re-check
	w.pass(30 * time.Minute)
	c.announce(hash(1), "", 9, 650, 0)
	w.pass(15 * time.Minute)
	c.announce(hash(1), "stopped", 20, 650, 0)
	last := w.now().Unix()
	w.stop()
	got := w.rows(9, `SELECT first_at, snatched_at, last_at, uploaded, downloaded, raw_down, seedtime, bytes_left, active FROM transfer_member_torrent`)[0]
	for i, at := range []int64{begun, done, last} {
		if got[i] < at-2 || got[i] > at+60 {
			t.Errorf("first, snatched and last at %v, want %d, %d, %d", got[:3], begun, done, last)
		}
	}
	seconds := got[6]
	if seconds < 75*60 || seconds > 75*60+60 {
		t.Errorf("%d s of seed time, want 75 min", seconds)
	}
	got[6] = 0
	if diff := gocmp.Diff([]int64{20, 1050, 1050, 0, 0, 0}, got[3:]); diff != "" {
		t.Error(diff)
	}
}

func TestSuspect(t *testing.T) {
	t.Parallel()
	tt := roster.Torrent{ID: 3, Size: 1 << 30}
	tests := []struct {
		name  string
		a     wire.Announce
		found swarm.Suspicion
		want  eventlog.SuspectReason
	}{
		{"ordinary", wire.Announce{Left: 1 << 30, Downloaded: 1 << 30}, swarm.Suspicion{}, ""},
		{"padding and pieces fetched twice", wire.Announce{Left: 3 << 30, Downloaded: 4 << 30}, swarm.Suspicion{}, ""},
		{"does not know the torrent yet", wire.Announce{Left: 1<<63 - 1}, swarm.Suspicion{}, ""},
		{"more missing than there is", wire.Announce{Left: 3<<30 + 1}, swarm.Suspicion{}, eventlog.SuspectLeft},
		{"many times downloaded", wire.Announce{Downloaded: 4<<30 + 1}, swarm.Suspicion{}, eventlog.SuspectDownloaded},
		{"what the swarm has found goes first", wire.Announce{Downloaded: 5 << 30}, swarm.Suspicion{Reason: swarm.OverLine, Up: 9, CountedUp: 7, Elapsed: time.Minute},
			eventlog.SuspectLine},
		{"does not tell what it has downloaded", wire.Announce{Downloaded: 1<<63 - 1}, swarm.Suspicion{}, ""},
	}
	for _, test := range tests {
		e, found := suspect(2, tt, &test.a, test.found)
		if e.Reason != test.want || found != (test.want != "") {
			t.Errorf("%s: %+v, %v", test.name, e, found)
		}
		if e.Reason == eventlog.SuspectLine && (e.Up != 9 || e.CountedUp != 7 || e.Seconds != 60 || e.Member != 2 || e.Torrent != 3) {
			t.Errorf("%s: %+v", test.name, e)
		}
	}
	if _, found := suspect(2, roster.Torrent{}, &wire.Announce{Left: 1 << 60}, swarm.Suspicion{}); found {
		t.Error("of unknown size nothing can be said")
	}
}

// TestReporter reports the sums of what is found of a member, once in a while, and is
// bounded.
func TestReporter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), testConfig())
	begun := time.Now()
	var passed time.Duration
	w.room.d.Clock = func() time.Time { return begun.Add(passed) }
	work, err := w.room.open(t.Context())
	w.must(err)
	s := work.service.suspects
	take := func() (out []eventlog.TransferSuspect) {
		for len(s.reporter.queue) > 0 {
			out = append(out, (<-s.reporter.queue).(eventlog.TransferSuspect))
		}
		slices.SortFunc(out, func(a, b eventlog.TransferSuspect) int { return cmp.Compare(a.Member, b.Member) })
		return out
	}
	for n := range 300 {
		passed += time.Millisecond
		s.found(eventlog.TransferSuspect{Member: core.MemberID(1 + n%2), Torrent: core.TorrentID(1 + n%30), Reason: eventlog.SuspectTorrent,
			Up: core.Bytes(n), CountedUp: 1, Down: math.MaxInt64, Seconds: 60})
	}
	s.tick()
	if got := take(); len(got) != 0 {
		t.Errorf("told at once: %+v", got)
	}
	passed = suspectGather + time.Second
	s.tick()
	want := []eventlog.TransferSuspect{
		{Member: 1, Torrent: 29, Reason: eventlog.SuspectTorrent, Up: 149 * 150, CountedUp: 150, Down: math.MaxInt64, Seconds: 71, Announces: 150, Torrents: 15},
		{Member: 2, Torrent: 30, Reason: eventlog.SuspectTorrent, Up: 150 * 150, CountedUp: 150, Down: math.MaxInt64, Seconds: 71, Announces: 150, Torrents: 15},
	}
	if diff := gocmp.Diff(want, take()); diff != "" {
		t.Errorf("told\n%s", diff)
	}
	for range 1000 { // every half minute
		s.found(eventlog.TransferSuspect{Member: 1, Torrent: 3, Reason: eventlog.SuspectTorrent, Up: 1})
		passed += 30 * time.Second
		s.tick()
	}
	passed += 4 * time.Hour
	s.tick()
	if got := take(); len(got) != 1 || got[0].Up != 1000 || got[0].Announces != 1000 {
		t.Errorf("in 12 hours %+v", got)
	}
	passed += suspectPause
	s.tick()
	if len(s.cases) != 0 {
		t.Errorf("%d cases are open", len(s.cases))
	}
	s.found(eventlog.TransferSuspect{Member: 1, Torrent: 3, Reason: eventlog.SuspectAlone, Up: 1})
	s.reporter.last()
	if got := take(); len(got) != 1 {
		t.Errorf("at the end %+v", got)
	}

	for n := range 2 * suspectRoom {
		s.found(eventlog.TransferSuspect{Member: core.MemberID(100 + n), Reason: eventlog.SuspectLeft})
	}
	passed += suspectGather
	s.tick()
	if n := len(s.reporter.queue); n != reportRoom || len(s.cases) > suspectRoom {
		t.Errorf("%d wait, %d are open", n, len(s.cases))
	}
	s.reporter.last = nil
	go func() { _ = work.reporter.run(t.Context()) }()
	w.until("all to be written", func() bool { return len(w.told("TransferSuspect")) == reportRoom })
}
