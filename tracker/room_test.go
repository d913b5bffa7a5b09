package tracker

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// each runs a test of a running tracker on both engines.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, testConfig())
		w.open()
		test(t, w)
	})
}

func TestADownload(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, bob := w.member("alice"), w.member("bob")
		w.torrent(core.LeechNormal, 1)
		w.followed()
		seeder, leecher := w.client(alice.AnnounceKey, 1), w.client(bob.AnnounceKey, 2)
		got := seeder.announce(hash(1), "started", 0, 0, 0)
		want := map[string]any{"complete": int64(1), "incomplete": int64(0), "downloaded": int64(0), "external ip": "\x2c\x00\x00\x02",
			"min interval": int64(300), "peers": ""}
		interval, _ := got["interval"].(int64)
		delete(got, "interval")
		if diff := cmp.Diff(want, got); diff != "" || interval < 900 || interval > 1980 {
			t.Errorf("interval %d, and (-want +got)\n%s", interval, diff)
		}
		got = leecher.announce(hash(1), "started", 0, 0, 1000)
		if diff := cmp.Diff([]string{"44.0.0.2:51413"}, peers(t, got)); diff != "" {
			t.Errorf("peers of the leecher\n%s", diff)
		}
		leecher.announce(hash(1), "completed", 100, 1000, 0)
		seeder.announce(hash(1), "", 1000, 0, 0)
		if got := leecher.scrape(hash(1)); !strings.HasPrefix(got, "2/0/") {
			t.Errorf("scrape %s", got)
		}
		leecher.announce(hash(1), "stopped", 100, 1000, 0)
		leecher.announce(hash(1), "stopped", 100, 1000, 0)
		w.stop()

		if diff := cmp.Diff([][]int64{{1000, 0}, {100, 1000}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member ORDER BY member_id")); diff != "" {
			t.Errorf("members\n%s", diff)
		}
		if diff := cmp.Diff([][]int64{{1100, 1000, 1}}, w.rows(3, "SELECT uploaded, downloaded, snatches FROM transfer_torrent")); diff != "" {
			t.Errorf("torrent\n%s", diff)
		}
		if diff := cmp.Diff([][]int64{{1, 0}}, w.rows(2, "SELECT seeders, leechers FROM swarm_count")); diff != "" {
			t.Errorf("swarm\n%s", diff)
		}
		p, err := w.members.Own(t.Context(), bob.Member)
		if err != nil || p.Uploaded().Value != 100 || p.Downloaded().Value != 1000 || p.Snatched().Value != 1 || p.Seeding().Value != 0 || p.Leeching().Value != 0 {
			t.Errorf("figures %+v, %v", p, err)
		}
	})
}

func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, dora, lee := w.member("alice"), w.member("dora"), w.member("lee")
		w.torrent(core.LeechNormal, 1)
		gone := w.torrent(core.LeechNormal, 2)
		w.deleteTorrent(gone, "the reads were mislabelled")
		w.must(membertest.Disable(t.Context(), w.members, dora.Member.ID, "shared the account"))
		w.must(membertest.Begin(t.Context(), w.members, lee.Member.ID, member.NoDownload, "traded accounts"))
		w.followed()
		good := w.client(alice.AnnounceKey, 1)
		with := func(change func(c *btClient)) *btClient {
			c := w.client(alice.AnnounceKey, 1)
			change(c)
			return c
		}
		tests := []struct {
			name   string
			client *btClient
			hash   byte
			reason []string
		}{
			{"wrong announce key", w.client(strings.Repeat("x", 32), 1), 1, []string{"announce key", "download the .torrent"}},
			{"short announce key", w.client("x", 1), 1, []string{"announce key"}},
			{"disabled member", w.client(dora.AnnounceKey, 1), 1, []string{"disabled: shared the account"}},
			{"unregistered torrent", good, 9, []string{"not registered"}},
			{"deleted torrent", good, 2, []string{"deleted: the reads were mislabelled"}},
			{"client not on the list", with(func(c *btClient) { c.id = "-XL0012-abcdefghijkl" }), 1,
				[]string{"-XL0012-", "not on the list", "https://site.example/rules/clients"}},
			{"client with a binary name", with(func(c *btClient) { c.id = "\x00\x01\x02\x03\x04\x05\x06\x07abcdefghijkl" }), 1, []string{"without a name"}},
			{"client in other case", with(func(c *btClient) { c.id = "-tr3000-abcdefghijkl" }), 1, []string{"-tr3000-"}},
			{"may not leech", w.client(lee.AnnounceKey, 1), 1, []string{"may not download"}},
			{"nonsense from the proxy", with(func(c *btClient) { c.ip = "unknown" }), 1, []string{"proxy"}},
		}
		for _, tt := range tests {
			got := tt.client.refused(hash(tt.hash), "", 10)
			for _, part := range tt.reason {
				if !strings.Contains(got, part) {
					t.Errorf("%s: %q, which lacks %q", tt.name, got, part)
				}
			}
		}
		for _, h := range []byte{1, 2, 9} { // stopping succeeds all the same if the member is known
			for _, c := range []*btClient{good, w.client(dora.AnnounceKey, 1), w.client(lee.AnnounceKey, 1)} {
				c.announce(hash(h), "stopped", 0, 0, 10)
			}
		}
		if got := good.scrape(hash(1)); got != "0/0/0" {
			t.Errorf("refusals left their marks: %s", got)
		}
		w.stop()
		if got := w.rows(2, "SELECT uploaded, downloaded FROM transfer_member"); len(got) > 0 {
			t.Errorf("credited %v", got)
		}
		if got := w.rows(2, "SELECT member_id, torrent_id FROM transfer_member_torrent"); len(got) > 0 {
			t.Errorf("refusals left their rows: %v", got)
		}
	})
}

// TestLeechForbidden credits what a client transfers although it may not download.
func TestLeechForbidden(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lee := w.member("lee")
		w.torrent(core.LeechNormal, 1)
		w.followed()
		c := w.client(lee.AnnounceKey, 1)
		c.announce(hash(1), "started", 0, 0, 100)
		w.must(membertest.Begin(t.Context(), w.members, lee.Member.ID, member.NoDownload, "traded accounts"))
		w.followed()
		q := c.query(hash(1), "", 5, 40, 60)
		if got := c.get("/"+lee.AnnounceKey+"/announce", q); got["failure reason"] == nil {
			t.Errorf("answered %v", got)
		}
		if got := c.scrape(hash(1)); got != "0/0/0" {
			t.Errorf("still listed: %s", got)
		}
		c.announce(hash(1), "stopped", 7, 41, 59)
		w.stop()
		if diff := cmp.Diff([][]int64{{7, 41}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestClientForbidden takes a client off the list of allowed ones while it is in the
// swarm: it is no longer given to others, and its counters are remembered.
func TestClientForbidden(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, bob := w.member("alice"), w.member("bob")
		id := w.torrent(core.LeechNormal, 1)
		w.followed()
		a, b := w.client(alice.AnnounceKey, 1), w.client(bob.AnnounceKey, 2)
		b.id = "-qB4390-abcdefghijkl"
		a.announce(hash(1), "started", 0, 0, 0)
		b.announce(hash(1), "started", 0, 0, 100)
		w.must(w.clients.Remove(t.Context(), "-TR3"))
		w.followed()
		if got := b.scrape(hash(1)); got != "1/1/0" {
			t.Errorf("before it announces: %s", got)
		}
		for range 2 {
			a.refused(hash(1), "", 0)
		}
		if got := b.scrape(hash(1)); got != "0/1/0" {
			t.Errorf("a refused client is still listed: %s", got)
		}
		if got := peers(t, b.announce(hash(1), "", 0, 10, 90)); len(got) > 0 {
			t.Errorf("others are sent to it: %v", got)
		}
		_, err := w.clients.Add(t.Context(), "-TR3", "Transmission 3", "")
		w.must(err)
		w.followed()
		a.announce(hash(1), "", 30, 0, 0)
		w.must(w.clients.Remove(t.Context(), "-TR3"))
		w.followed()
		a.refused(hash(1), "", 0)
		w.stop()
		if diff := cmp.Diff([][]int64{{30, 0}, {0, 10}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member ORDER BY member_id")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([][]int64{{0}, {1}}, w.rows(1, "SELECT active FROM transfer_member_torrent ORDER BY member_id")); diff != "" {
			t.Errorf("who takes part in torrent %d\n%s", id, diff)
		}
	})
}

// TestFollowsTheSite changes everything that the roster follows while clients announce.
func TestFollowsTheSite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.member("alice"), w.member("bob")
		w.followed()
		a, b := w.client(alice.AnnounceKey, 1), w.client(bob.AnnounceKey, 2)
		a.refused(hash(1), "started", 0)
		id := w.torrent(core.LeechNormal, 1)
		committed := time.Now()
		w.followed()
		if took := time.Since(committed); took > time.Second {
			t.Errorf("a new torrent is served %v after its commit", took)
		}
		a.announce(hash(1), "started", 0, 0, 0)
		b.announce(hash(1), "started", 0, 0, 9)

		key, err := w.members.NewAnnounceKey(ctx, alice.Member.ID)
		w.must(err)
		w.followed()
		a.refused(hash(1), "", 0)
		a.announceKey = key
		a.announce(hash(1), "", 0, 0, 0)

		w.must(w.clients.Remove(ctx, "-TR3"))
		w.followed()
		a.refused(hash(1), "", 0)
		_, err = w.clients.Add(ctx, "-TR30", "Transmission 3.0", "")
		w.must(err)
		w.followed()
		a.announce(hash(1), "", 0, 0, 0)

		w.must(membertest.Disable(ctx, w.members, bob.Member.ID, "no"))
		w.followed()
		b.refused(hash(1), "", 9)
		if got := a.scrape(hash(1)); got != "1/0/0" {
			t.Errorf("a disabled member is still in the swarm: %s", got)
		}
		w.must(membertest.Enable(ctx, w.members, bob.Member.ID))
		w.followed()
		if got := b.announce(hash(1), "", 3, 4, 5); len(peers(t, got)) != 1 {
			t.Errorf("back again, got %v", got)
		}

		w.deleteTorrent(id, "superseded")
		w.followed()
		b.refused(hash(1), "", 5)
		if got := a.scrape(hash(1)); !strings.HasPrefix(got, "nothing") {
			t.Errorf("a deleted torrent is scraped: %s", got)
		}
		w.stop()
		if diff := cmp.Diff([][]int64{{0, 0}}, w.rows(2, "SELECT seeders, leechers FROM swarm_count")); diff != "" {
			t.Error(diff)
		}
		if n := w.rows(1, "SELECT COUNT(*) FROM transfer_member_torrent WHERE active > 0")[0][0]; n != 0 {
			t.Errorf("%d members are active in a deleted torrent", n)
		}
		if diff := cmp.Diff([][]int64{{3, 4}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member WHERE member_id = ?", bob.Member.ID)); diff != "" {
			t.Errorf("bob\n%s", diff)
		}
	})
}

func TestLeechStates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice := w.member("alice")
		w.torrent(core.LeechNormal, 1)
		w.torrent(core.LeechNeutral, 2)
		w.torrent(core.LeechFree, 3)
		windowed := w.torrent(core.LeechNormal, 4)
		_, err := w.economy.Open(t.Context(), economy.Window{State: core.LeechFree, Source: economy.SourceStaff, Torrent: windowed,
			Ends: time.Now().Add(time.Hour), Reason: "a rare genome"}, alice.Member.ID)
		w.must(err)
		w.followed()
		for h := byte(1); h <= 4; h++ {
			c := w.client(alice.AnnounceKey, int(h))
			c.announce(hash(h), "started", 0, 0, 100)
			c.announce(hash(h), "", 7, 50, 50)
		}
		w.stop()
		want := [][]int64{{1, 7, 50, 7, 50}, {2, 0, 0, 7, 50}, {3, 7, 0, 7, 50}, {4, 7, 0, 7, 50}}
		if diff := cmp.Diff(want, w.rows(5, "SELECT torrent_id, uploaded, downloaded, raw_up, raw_down FROM transfer_member_torrent ORDER BY 1")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([][]int64{{21, 50}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestHybrid announces both hashes of one torrent, and over both address
// families, as libtorrent does.
func TestHybrid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, bob := w.member("alice"), w.member("bob")
		w.torrent(core.LeechNormal, 1, 2)
		w.followed()
		c4, c6 := w.client(alice.AnnounceKey, 1), w.client(alice.AnnounceKey, 1)
		c6.ip = "2a01:4f8::1"
		for _, step := range []struct {
			event          string
			up, down, left int64
		}{{"started", 0, 0, 100}, {"", 10, 60, 40}, {"completed", 20, 100, 0}} {
			for _, c := range []*btClient{c4, c6} {
				for h := byte(1); h <= 2; h++ {
					c.announce(hash(h), step.event, step.up, step.down, step.left)
				}
			}
		}
		other := w.client(bob.AnnounceKey, 2)
		six := *other
		six.ip = "2a01:4f8::2"
		six.announce(hash(2), "started", 0, 0, 100)
		got := other.announce(hash(2), "started", 0, 0, 100)
		if len(peers(t, got)) != 1 || got["peers6"] != "\x2a\x01\x04\xf8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xc8\xd5" || got["complete"] != int64(1) {
			t.Errorf("one client with two addresses became %v", got)
		}
		if got := other.scrape(hash(1)); !strings.HasPrefix(got, "1/1/") {
			t.Errorf("scrape %s", got)
		}
		w.stop()
		if diff := cmp.Diff([][]int64{{20, 100, 1}}, w.rows(3, "SELECT uploaded, downloaded, snatches FROM transfer_torrent")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestScrape(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), testConfig())
	alice := w.member("alice")
	w.torrent(core.LeechNormal, 1)
	w.torrent(core.LeechNormal, 2)
	w.open()
	c := w.client(alice.AnnounceKey, 1)
	c.announce(hash(2), "started", 0, 0, 5)
	h1, h2, h9 := hash(1), hash(2), hash(9)
	q := fmt.Sprintf("info_hash=%s&info_hash=%s&info_hash=%s", percent(h9), percent(h2), percent(h1))
	got := c.get("/"+alice.AnnounceKey+"/scrape", q)
	want := map[string]any{
		"files": map[string]any{
			string(h1[:]): map[string]any{"complete": int64(0), "downloaded": int64(0), "incomplete": int64(0)},
			string(h2[:]): map[string]any{"complete": int64(0), "downloaded": int64(0), "incomplete": int64(1)},
		},
		"flags": map[string]any{"min_request_interval": int64(300)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, bad := range []struct{ announceKey, query string }{{alice.AnnounceKey, ""}, {alice.AnnounceKey, "info_hash=abc"}, {"nobody", q}} {
		if got := c.get("/"+bad.announceKey+"/scrape", bad.query); got["failure reason"] == nil {
			t.Errorf("%+v: answered %v", bad, got)
		}
	}
	w.must(membertest.Disable(t.Context(), w.members, alice.Member.ID, "no"))
	w.followed()
	if got := c.get("/"+alice.AnnounceKey+"/scrape", q); got["failure reason"] == nil {
		t.Errorf("a disabled member scrapes %v", got)
	}
}

func percent(h core.InfoHash) string {
	var b strings.Builder
	for _, c := range h {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

// TestRestartIsInvisible changes torrents and members while the tracker is off.
func TestRestartIsInvisible(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, bob, cora := w.member("alice"), w.member("bob"), w.member("cora")
		w.torrent(core.LeechNormal, 1)
		second := w.torrent(core.LeechNormal, 2)
		w.followed()
		a, b, c := w.client(alice.AnnounceKey, 1), w.client(bob.AnnounceKey, 2), w.client(cora.AnnounceKey, 3)
		for h := byte(1); h <= 2; h++ {
			a.announce(hash(h), "started", 0, 0, 0)
			b.announce(hash(h), "started", 0, 0, 1000)
			c.announce(hash(h), "started", 0, 0, 0)
		}
		c.announce(hash(1), "", 7, 0, 0)
		w.stop()
		w.open()
		if got := a.scrape(hash(1)); got != "2/1/0" {
			t.Errorf("scrape after a restart: %s", got)
		}
		if diff := cmp.Diff([]string{"44.0.0.2:51413", "44.0.0.4:51413"}, peers(t, b.announce(hash(1), "", 5, 300, 700))); diff != "" {
			t.Errorf("peers after a restart\n%s", diff)
		}
		w.stop()
		w.deleteTorrent(second, "for the test")
		w.must(membertest.Disable(t.Context(), w.members, cora.Member.ID, "for the test"))
		w.open()
		if got := a.scrape(hash(1)); got != "1/1/0" {
			t.Errorf("scrape after cora was disabled: %s", got)
		}
		b.announce(hash(1), "completed", 9, 1000, 0)
		w.stop()
		if diff := cmp.Diff([][]int64{{int64(bob.Member.ID), 9, 1000}, {int64(cora.Member.ID), 7, 0}},
			w.rows(3, "SELECT member_id, uploaded, downloaded FROM transfer_member WHERE uploaded + downloaded > 0 ORDER BY 1")); diff != "" {
			t.Errorf("members\n%s", diff)
		}
		if diff := cmp.Diff([][]int64{{1, 2, 0, 1}, {2, 0, 0, 0}}, w.rows(4, `SELECT s.torrent_id, seeders, leechers, snatches FROM swarm_count s
			JOIN transfer_torrent t ON t.torrent_id = s.torrent_id ORDER BY 1`)); diff != "" {
			t.Errorf("swarms\n%s", diff)
		}
		if n := w.rows(1, "SELECT COUNT(*) FROM transfer_member_torrent WHERE active > 0")[0][0]; n != 2 {
			t.Errorf("%d members are active, want alice and bob in the first torrent", n)
		}
	})
}

// TestRestart stops the room and runs it again: sums go on, a snatch counts once, and
// clients that do not come back are not shown for ever.
func TestRestart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := testConfig()
		c.JournalDir = t.TempDir()
		c.Interval, c.PeerTimeout = config.D(time.Second), config.D(1500*time.Millisecond)
		w := newWorld(t, d, c)
		reg := prometheus.NewRegistry()
		w.room = New(c, Deps{DB: d, Rates: rates.New(time.Now), Events: w.events, Members: w.members, Torrents: w.catalog, Clients: w.clients, Economy: w.economy,
			Clock: time.Now, Log: w.room.d.Log, Metrics: reg})
		alice, bob := w.member("alice"), w.member("bob")
		w.torrent(core.LeechNormal, 1)
		w.open()
		a, b := w.client(alice.AnnounceKey, 1), w.client(bob.AnnounceKey, 2)
		a.announce(hash(1), "started", 0, 0, 10)
		a.announce(hash(1), "", 0, 6, 4)
		b.announce(hash(1), "started", 0, 0, 10)
		w.stop()
		w.open()
		a.announce(hash(1), "completed", 0, 10, 0) // it finished while the tracker was off
		a.announce(hash(1), "", 5, 10, 0)
		a.announce(hash(1), "completed", 5, 10, 0)
		w.stop()
		w.open()
		if got := a.scrape(hash(1)); !strings.HasSuffix(got, "/1") {
			t.Errorf("scrape after a restart: %s", got)
		}
		deadline := time.Now().Add(20 * time.Second)
		for {
			active := w.rows(1, "SELECT COUNT(*) FROM transfer_member_torrent WHERE active > 0")[0][0]
			swarm := w.rows(2, "SELECT seeders, leechers FROM swarm_count")
			if active == 0 && cmp.Equal([][]int64{{0, 0}}, swarm) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d members still active, swarms %v", active, swarm)
			}
			time.Sleep(50 * time.Millisecond) // until the tracker has cleaned up
		}
		w.stop()
		if diff := cmp.Diff([][]int64{{5, 10, 1}}, w.rows(3, "SELECT uploaded, downloaded, snatches FROM transfer_torrent")); diff != "" {
			t.Error(diff)
		}
		if got := total(t, reg, "caduceus_tracker_announces_total"); got != 6 {
			t.Errorf("%v announces counted over three runs, want 6", got)
		}
	})
}

// total sums a metric over its labels; of a histogram it counts the values.
func total(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// TestManyAtOnce lets many clients announce over real connections and compares
// sums, counts and snatches to the byte, while members and torrents change.
func TestManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const members, torrents, rounds = 8, 5, 12
		var announceKeys []string
		for m := range members {
			announceKeys = append(announceKeys, w.member(fmt.Sprintf("member%d", m)).AnnounceKey)
		}
		for n := range torrents {
			w.torrent(core.LeechNormal, byte(n+1))
		}
		w.followed()
		var wg sync.WaitGroup
		for m, announceKey := range announceKeys {
			wg.Go(func() {
				for round := range int64(rounds) {
					event := map[int64]string{0: "started", rounds - 1: "completed"}[round]
					for n := range torrents {
						c := w.client(announceKey, 100*m+n)
						q := c.query(hash(byte(n+1)), event, 1000*round, 10*round, 10*(rounds-1-round))
						if got, err := c.try("/"+announceKey+"/announce", q); err != nil || got["failure reason"] != nil {
							t.Errorf("%v, %v", got, err)
							return
						}
					}
				}
			})
		}
		for n := range 20 { // changes that must not disturb anybody
			w.tx(func(tx *db.Tx) error {
				_, err := w.events.Append(t.Context(), tx, eventlog.TorrentChanged{Torrent: core.TorrentID(n%torrents + 1), Group: 1})
				return err
			})
		}
		wg.Wait()
		w.stop()
		const up, down = 1000 * (rounds - 1), 10 * (rounds - 1)
		for _, got := range w.rows(2, "SELECT uploaded, downloaded FROM transfer_member") {
			if got[0] != torrents*up || got[1] != torrents*down {
				t.Errorf("a member has %v", got)
			}
		}
		for _, got := range w.rows(5, `SELECT t.uploaded, t.downloaded, t.snatches, s.seeders, s.leechers
			FROM transfer_torrent t JOIN swarm_count s ON s.torrent_id = t.torrent_id`) {
			if diff := cmp.Diff([]int64{members * up, members * down, members, members, 0}, got); diff != "" {
				t.Errorf("a torrent\n%s", diff)
			}
		}
		if n := len(w.rows(1, "SELECT member_id FROM transfer_member")); n != members {
			t.Errorf("%d members credited", n)
		}
	})
}

// TestAbsurdCounters credits no more than the fastest line can carry.
func TestAbsurdCounters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), testConfig())
	alice := w.member("alice")
	w.torrent(core.LeechNormal, 1)
	w.open()
	c := w.client(alice.AnnounceKey, 1)
	c.announce(hash(1), "started", 0, 0, math.MaxInt64)
	for range 3 {
		c.announce(hash(1), "", math.MaxInt64, math.MaxInt64, math.MaxInt64)
		c.announce(hash(1), "", 0, 0, math.MaxInt64)
	}
	w.stop()
	got := w.rows(2, "SELECT uploaded, downloaded FROM transfer_member")[0]
	if most := int64(60 * 12_500_000_000); got[0] <= 0 || got[0] > most || got[1] != got[0] {
		t.Errorf("credited %v", got)
	}
}
