package tracker

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// brief returns a record in one line.
func brief(r transfer.Record) string {
	reach := map[bool]string{true: " " + string(r.Reach)}[r.Reach != ""]
	return fmt.Sprintf("%d: %d of %d %s %s: %s, told %d/%d, counts %d/%d, left %d, %s %s%s", r.Slot.Ring, r.Announces, r.Torrent, r.Event, r.Client, r.Outcome,
		r.Announced.Up, r.Announced.Down, r.Credited.Up, r.Credited.Down, r.Left, r.Leech, r.Family(), reach)
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// TestRecords makes announces with all kinds of outcomes, and reads their records.
func TestRecords(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := testConfig()
		c.FlushEvery = config.D(5 * time.Minute) // only the end flushes
		w := newWorld(t, d, c)
		reg := prometheus.NewPedanticRegistry()
		w.room.metrics = newMetrics(reg)
		w.open()
		alice, dora := w.member("alice"), w.member("dora")
		one := w.torrent(core.LeechNormal, 1)
		two := w.torrent(core.LeechFree, 2)
		w.must(membertest.Disable(t.Context(), w.members, dora.Member.ID, "shared the account"))
		w.followed()
		a := w.client(alice.AnnounceKey, 1)
		a.announce(hash(1), "started", 500, 0, 1000)
		a.announce(hash(1), "", 507, 30, 970)
		a.announce(hash(1), "stopped", 510, 40, 960)
		a.announce(hash(1), "stopped", 510, 40, 960) // once more
		a.announce(hash(2), "started", 0, 0, 1000)
		a.announce(hash(2), "", 5, 50, 950)
		b := w.client(alice.AnnounceKey, 2)
		b.id, b.ip = "-qB4650-abcdefghijkl", "2a01::5"
		b.announce(hash(2), "", 3, 3, 10)
		a.refused(hash(9), "", 1)
		w.client(dora.AnnounceKey, 3).refused(hash(1), "", 1)
		w.client(dora.AnnounceKey, 3).refused(hash(2), "", 1)
		w.client(strings.Repeat("x", 32), 1).refused(hash(1), "", 1) // it belongs to nobody
		w.stop()
		store := transfer.NewStore(d)
		var got []string
		for _, m := range []core.MemberID{alice.Member.ID, dora.Member.ID} {
			list, _, err := store.OfMember(t.Context(), m, 0, "", 50)
			w.must(err)
			for _, r := range list {
				got = append(got, brief(r))
			}
		}
		slices.Sort(got)
		want := []string{
			"0: 1 of 0  Transmission 3.00: unknown_torrent, told 0/0, counts 0/0, left 1, normal ",
			"0: 2 of 0  Transmission 3.00: disabled, told 0/0, counts 0/0, left 1, normal ",
			fmt.Sprintf("%d: 1 of %[1]d started Transmission 3.00: first, told 0/0, counts 0/0, left 1000, normal IPv4", one),
			fmt.Sprintf("%d: 3 of %[1]d stopped Transmission 3.00: ok, told 10/40, counts 10/40, left 960, normal IPv4", one),
			fmt.Sprintf("%d: 1 of %[1]d  Transmission 3.00: ok, told 5/50, counts 5/0, left 950, free IPv4", two),
			fmt.Sprintf("%d: 2 of %[1]d started qBittorrent 4.6.5: first, told 0/0, counts 0/0, left 10, free IPv4 and IPv6", two),
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records\n%s", diff)
		}
		minutes, err := store.Minutes(t.Context(), time.Now().Add(-time.Hour))
		w.must(err)
		var announces, refused int64
		for _, m := range minutes {
			announces, refused = announces+m.Announces, refused+m.Refused
		}
		if announces != 11 || refused != 4 || minutes[0].Leechers != 2 || minutes[0].EventLast == 0 || minutes[0].EventRead != minutes[0].EventLast {
			t.Errorf("%d announces, %d refused; %+v", announces, refused, minutes)
		}
		if got := total(t, reg, "caduceus_tracker_answer_seconds"); got != 11 {
			t.Errorf("%v answers were measured, want 11", got)
		}
		if got := total(t, reg, "caduceus_tracker_announces_total"); got != 11 {
			t.Errorf("%v announces were counted, want 11", got)
		}
	})
}

// TestPortsAreChecked announces a port that is open and one that is closed.
func TestPortsAreChecked(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	c := testConfig()
	c.CheckPorts, c.AllowPrivateAddresses = true, true
	c.TrustedProxies = nil // clients are where they are: on this machine
	w := newWorld(t, dbtest.SQLite(t), c)
	w.open()
	alice := w.member("alice")
	id := w.torrent(core.LeechNormal, 1)
	w.followed()
	for i, listener := range []net.Listener{l, gone} {
		a := w.client(alice.AnnounceKey, i)
		_, a.params["port"], _ = net.SplitHostPort(listener.Addr().String())
		a.announce(hash(1), "started", 0, 0, 5)
		store := transfer.NewStore(w.d)
		want := []transfer.Reach{transfer.ReachOpen, transfer.ReachClosed}[i]
		waitFor(t, "the record says "+string(want), func() bool {
			list, _, err := store.OfMember(t.Context(), alice.Member.ID, id, "", 10)
			w.must(err)
			return slices.ContainsFunc(list, func(r transfer.Record) bool { return r.Reach == want })
		})
	}
	w.stop()
}

// TestRecordsOff makes sure that no records are kept if they are switched off.
func TestRecordsOff(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.AnnounceRecords = false
	w := newWorld(t, dbtest.SQLite(t), c)
	w.open()
	alice := w.member("alice")
	w.torrent(core.LeechNormal, 1)
	w.followed()
	w.client(alice.AnnounceKey, 1).announce(hash(1), "started", 0, 0, 5)
	w.stop()
	if got := w.rows(1, "SELECT COUNT(*) FROM announce_record"); got[0][0] != 0 {
		t.Errorf("%v records", got)
	}
}

// TestLastSeeders follows swarms that lose their seeders, and finds a torrent
// that was never announced.
func TestLastSeeders(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Interval, c.PeerTimeout = config.D(time.Second), config.D(time.Minute)
	w := newWorld(t, dbtest.SQLite(t), c)
	alice := w.member("alice")
	w.torrent(core.LeechNormal, 1)
	w.torrent(core.LeechNormal, 2)
	w.open()
	clients := []*btClient{w.client(alice.AnnounceKey, 1), w.client(alice.AnnounceKey, 2), w.client(alice.AnnounceKey, 3)}
	for _, a := range clients {
		a.announce(hash(1), "started", 0, 0, 0)
	}
	watched := func(want string) {
		t.Helper()
		waitFor(t, want, func() bool {
			return fmt.Sprint(w.rows(2, "SELECT torrent_id, seeders FROM swarm_watch ORDER BY torrent_id")) == want
		})
	}
	watched("[[2 0]]") // was there before the tracker, and nobody has it
	clients[0].announce(hash(1), "stopped", 0, 0, 0)
	clients[1].announce(hash(1), "stopped", 0, 0, 0)
	watched("[[1 1] [2 0]]")
	clients[2].announce(hash(1), "stopped", 0, 0, 0)
	watched("[[1 0] [2 0]]")
	clients[0].announce(hash(1), "started", 0, 0, 0)
	clients[1].announce(hash(1), "started", 0, 0, 0)
	watched("[[2 0]]")
	w.stop()
}

// TestUnregisteredHashesAreTold asks for what is not registered, with an announce key and
// without.
func TestUnregisteredHashesAreTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := testConfig()
		c.AnnounceRecords = false
		w := newWorld(t, d, c)
		w.open()
		alice, dora := w.member("alice"), w.member("dora")
		w.torrent(core.LeechNormal, 1)
		w.must(membertest.Disable(t.Context(), w.members, dora.Member.ID, "shared the account"))
		w.followed()
		a := w.client(alice.AnnounceKey, 1)
		a.announce(hash(1), "started", 0, 0, 1000)
		for range 3 {
			a.refused(hash(9), "", 1)
		}
		a.refused(hash(8), "", 1)
		a.announce(hash(7), "stopped", 0, 0, 1) // there is nothing to stop
		w.client(dora.AnnounceKey, 3).refused(hash(6), "", 1)
		w.client(strings.Repeat("x", 32), 1).refused(hash(5), "", 1)
		w.stop()
		list, err := transfer.NewStore(d).Unknown(t.Context(), w.now().Add(-time.Hour), 10)
		w.must(err)
		var got []string
		for _, u := range list {
			got = append(got, u.InfoHash.String()[:4]+" "+u.Times())
		}
		if want := []string{hash(9).String()[:4] + " 3", hash(8).String()[:4] + " 1"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
