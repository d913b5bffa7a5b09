package tracker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// credited returns what the database has for a member, up and down.
func (w *world) credited(id core.MemberID) [2]int64 {
	w.t.Helper()
	rows := w.rows(2, "SELECT uploaded, downloaded FROM transfer_member WHERE member_id = ?", id)
	if len(rows) == 0 {
		return [2]int64{}
	}
	return [2]int64(rows[0])
}

// TestCreditOfDippingCounters announces as libtorrent does, whose downloaded goes back when
// pieces fail their check.
func TestCreditOfDippingCounters(t *testing.T) {
	t.Parallel()
	const mib = int64(core.MiB)
	w := newWorld(t, dbtest.SQLite(t), testConfig())
	alice := w.member("alice")
	w.size = 1024 * mib
	w.torrent(core.LeechNormal, 1)
	w.open()
	c := w.client(alice.AnnounceKey, 1)
	for _, step := range []struct {
		event          string
		up, down, left int64
	}{{"started", 0, 0, 1024}, {"", 100, 1000, 24}, {"", 600, 996, 28}, {"completed", 700, 1024, 0}} {
		c.announce(hash(1), step.event, step.up*mib, step.down*mib, step.left*mib)
		w.pass(10 * time.Minute)
	}
	w.stop()
	if got := w.credited(alice.Member.ID); got != [2]int64{700 * mib, 1028 * mib} {
		t.Errorf("credited %v MiB", [2]int64{got[0] / mib, got[1] / mib})
	}
	records, _, err := transfer.NewStore(w.d).OfMember(t.Context(), alice.Member.ID, 0, "", 10)
	w.must(err)
	var words []string
	for _, r := range records {
		words = append(words, r.Explain())
	}
	if text := strings.Join(words, "\n"); !strings.Contains(text, "went back, as it does when pieces fail their check") {
		t.Errorf("the member reads\n%s", text)
	}
}

// TestRestartsOfOneClient kills a client and starts it six times, at a public address, at
// one that is not given to others, and beside another member's client there.
func TestRestartsOfOneClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), testConfig())
	alice, bob := w.member("alice"), w.member("bob")
	w.size = int64(core.TiB)
	w.torrent(core.LeechNormal, 1)
	w.torrent(core.LeechNormal, 2)
	w.torrent(core.LeechNormal, 3, 4)
	w.open()
	for n, ip := range []string{"44.7.7.7", "10.7.7.7", "2a01:4f8::77"} {
		h := hash(byte(n + 1))
		other := w.client(bob.AnnounceKey, 900)
		other.ip = ip
		other.announce(h, "started", 0, 0, 0)
		for session := range 7 {
			c := w.client(alice.AnnounceKey, 100*n+session)
			c.ip, c.params["key"] = ip, fmt.Sprintf("%08x", 77+session)
			c.announce(h, "started", 0, 0, 0)
			if n == 2 { // a hybrid torrent is announced by both hashes
				c.announce(hash(4), "started", 0, 0, 0)
			}
			w.pass(30 * time.Minute)
			other.announce(h, "", 0, 0, 0)
			c.announce(h, "", 10, 0, 0)
			if got := c.scrape(h); !strings.HasPrefix(got, "2/0/") {
				t.Fatalf("at %s there are %s after %d restarts", ip, got, session)
			}
			late := w.client(alice.AnnounceKey, 100*n+session-1)
			late.ip = ip
			late.announce(h, "stopped", 13, 0, 0)
		}
	}
	w.stop()
	// Seven sessions of 10 on three torrents, and 3 more of each but the last.
	if got := w.credited(alice.Member.ID); got != [2]int64{3 * (7*10 + 6*3), 0} {
		t.Errorf("credited %v", got)
	}
}

// TestManyAnnouncesOfMuch tells of 18 GB within a moment, restarts the tracker, and does so
// again. Staff and the member are told.
func TestManyAnnouncesOfMuch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, testConfig())
		alice := w.member("alice")
		w.size = 256 << 10
		id := w.torrent(core.LeechNormal, 1)
		const most = 64<<20 + 2*256<<10
		begun := w.now()
		var up int64
		c := w.client(alice.AnnounceKey, 1)
		for range 3 {
			w.open()
			if up == 0 {
				c.announce(hash(1), "started", 0, 0, 0)
			}
			for range 100 {
				up += 60_000_000
				c.announce(hash(1), "", up, 0, 0)
			}
			w.stop()
		}
		took := int64(w.now().Sub(begun)/time.Second) + 1
		if got := w.credited(alice.Member.ID); got[0] < most || got[0] > most+took*most/1800 {
			t.Errorf("credited %v within %d s, want %d", got, took, most)
		}
		var told eventlog.TransferSuspect
		for _, e := range w.told("TransferSuspect") {
			s, err := eventlog.Decode[eventlog.TransferSuspect](e)
			w.must(err)
			told.Up, told.CountedUp, told.Announces = told.Up+s.Up, told.CountedUp+s.CountedUp, told.Announces+s.Announces
			if s.Member != alice.Member.ID || s.Torrent != id {
				t.Errorf("told of %+v", s)
			}
		}
		if n := len(w.told("TransferSuspect")); n > 6 || told.Announces < 299 || told.Up < core.Bytes(up-most) || told.CountedUp > 2*most {
			t.Errorf("staff were told %d times: %+v", n, told)
		}
		records, _, err := transfer.NewStore(w.d).OfMember(t.Context(), alice.Member.ID, id, "", 10)
		w.must(err)
		text := records[0].Explain()
		if !strings.Contains(text, "More was announced than can be") || records[0].Announced.Up <= records[0].Credited.Up {
			t.Errorf("the member reads %q of %+v", text, records[0])
		}
		if diff := cmp.Diff([][]int64{{int64(id)}}, w.rows(1, "SELECT torrent_id FROM transfer_torrent")); diff != "" {
			t.Error(diff)
		}
	})
}
