package tracker

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// ban bans an address or a network, and lets the tracker know it.
func (w *world) ban(value string, reach ban.Reach, lasts time.Duration) ban.Ban {
	w.t.Helper()
	b, err := ban.New(ban.Draft{Value: value, Reach: reach, Reason: "it floods us", By: "mona", For: lasts}, w.now())
	w.must(err)
	b, err = w.bans.Add(w.t.Context(), b)
	w.must(err)
	w.must(w.banned.Load(w.t.Context()))
	return b
}

// TestBannedAddress announces from an address that is banned, over both fronts.
func TestBannedAddress(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := testConfig()
		c.UDPListen, c.AllowPrivateAddresses = []string{"127.0.0.1:0"}, true
		w := newWorld(t, d, c)
		alice, bob := w.member("alice"), w.member("bob")
		w.torrent(core.LeechNormal, 1)
		w.open()
		banned, free := w.client(alice.AnnounceKey, 1), w.client(bob.AnnounceKey, 300) // 44.0.0.2 and 44.0.1.51
		banned.announce(hash(1), "started", 0, 0, 0)
		free.announce(hash(1), "started", 0, 0, 100)
		w.ban("44.0.0.0/24", ban.Site|ban.IRC, 0)
		banned.announce(hash(1), "", 5, 0, 0) // that is not about the tracker
		b := w.ban("44.0.0.0/24", ban.Tracker, 2*time.Hour)

		why := banned.refused(hash(1), "", 0)
		if !strings.Contains(why, "your address is banned, until ") || !strings.HasSuffix(why, ": it floods us") {
			t.Errorf("refused: %s", why)
		}
		if got := banned.scrape(hash(1)); !strings.Contains(got, "is banned") {
			t.Errorf("scrape: %s", got)
		}
		if got := free.scrape(hash(1)); got != "0/1/0" { // the banned one has left
			t.Errorf("the swarm is %s", got)
		}
		mapped := w.client(alice.AnnounceKey, 1)
		mapped.ip = "::ffff:44.0.0.9"
		if why := mapped.refused(hash(1), "started", 0); !strings.Contains(why, "is banned") {
			t.Errorf("mapped: %s", why)
		}
		banned.announce(hash(1), "stopped", 7, 0, 0) // it may always stop

		// Over UDP a client comes from where it is.
		udp := w.udpClient(alice.AnnounceKey, 2)
		const started = 2
		if got, failed := udp.tell(hash(1), started, 0, 0, 0); failed {
			t.Errorf("before: %q", got)
		}
		local := w.ban("127.0.0.1", ban.Tracker, 0)
		if got, failed := udp.tell(hash(1), 0, 0, 0, 0); !failed || !strings.Contains(got, "your address is banned, for good: it floods us") {
			t.Errorf("over UDP: %q, %v", got, failed)
		}
		_, err := w.bans.Lift(t.Context(), local.ID, "mona", "a mistake")
		w.must(err)
		w.must(w.banned.Load(t.Context()))
		if got, failed := udp.tell(hash(1), 0, 0, 0, 0); failed {
			t.Errorf("lifted: %q", got)
		}

		// Nothing happens when a ban ends but that it no longer holds.
		w.pass(2*time.Hour - time.Since(b.Starts) - 20*time.Second)
		banned.refused(hash(1), "started", 0)
		w.pass(time.Minute)
		banned.announce(hash(1), "started", 0, 0, 0)
	})
}

func TestBannedWithoutAKey(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	w.ban(c.ip, ban.Tracker, 0)
	c.announceKey = strings.Repeat("x", len(c.announceKey))
	if why := c.refused(hash(1), "started", 0); !strings.Contains(why, "not known") {
		t.Errorf("an unknown key: %s", why)
	}
}
