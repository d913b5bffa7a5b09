package tracker

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

// pitfall is a running tracker in which each pitfall has its own torrents and members.
type pitfall struct {
	*world
	whole *testing.T // the test of all pitfalls
	n     int        // its number
	made  int
	want  map[core.MemberID][2]int64 // credit in the end
	last  []func()                   // looks at the database once the tracker has stopped
}

// dataset adds a torrent of its own.
func (p *pitfall) dataset() (core.TorrentID, core.InfoHash) {
	p.t.Helper()
	p.made++
	h := byte(p.n*8 + p.made)
	id := p.torrent(core.LeechNormal, h)
	p.followed()
	return id, hash(h)
}

// someone adds a member with one client.
func (p *pitfall) someone() (member.Created, *btClient) {
	p.t.Helper()
	p.made++
	m := p.member(fmt.Sprintf("m%d", p.n*100+p.made)) // names that differ in digits at their end alone are no look-alikes
	p.followed()
	return m, p.client(m.AnnounceKey, p.n*100+p.made)
}

func (p *pitfall) credit(m member.Created, up, down int64) {
	p.want[m.Member.ID] = [2]int64{up, down}
}

func (p *pitfall) snatches(id core.TorrentID, want int64) {
	p.last = append(p.last, func() {
		if got := p.rows(1, "SELECT COALESCE(SUM(snatches), 0) FROM transfer_torrent WHERE torrent_id = ?", id)[0][0]; got != want {
			p.t.Errorf("pitfall %d: %d snatches, want %d", p.n, got, want)
		}
	})
}

func (p *pitfall) equal(what string, want, got any) {
	p.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("%s\n%s", what, diff)
	}
}

// TestPitfalls has a test for each of the faults that were seen in other trackers.
// They are driven over HTTP, as clients do.
func TestPitfalls(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.ReconcileEvery = config.D(time.Second)
	w := newWorld(t, dbtest.SQLite(t), c)
	w.size = int64(core.TiB)
	w.open()
	want, whole := map[core.MemberID][2]int64{}, t
	var last []func()
	for i, tt := range pitfalls {
		t.Run(fmt.Sprintf("%02d %s", i+1, tt.statement), func(t *testing.T) {
			w.t = t
			p := &pitfall{world: w, whole: whole, n: i + 1, want: want}
			tt.test(p)
			last = append(last, p.last...)
		})
	}
	w.t = t
	w.stop()
	for id, credit := range want {
		got := w.rows(2, "SELECT uploaded, downloaded FROM transfer_member WHERE member_id = ?", id)
		if len(got) == 0 {
			got = [][]int64{{0, 0}}
		}
		if got[0][0] != credit[0] || got[0][1] != credit[1] {
			m, _ := w.members.ByID(t.Context(), id)
			t.Errorf("%s was credited %v, want %v", m.Name, got[0], credit)
		}
	}
	for _, look := range last {
		look()
	}
}

var pitfalls = [28]struct {
	statement string
	test      func(p *pitfall)
}{
	{"what is transferred between two announces is credited once, also after a stop", baseline},
	{"numwant -1 is no whole swarm", numWants},
	{"an address is the connection's, not the client's text", spoofed},
	{"ports and addresses out of range change nothing", outOfRange},
	{"peers over IPv6 are seen and counted", overIPv6},
	{"a client of both families is one client with one credit", dualStack},
	{"a client with a new peer-id is known by its key, and clients are bounded", identity},
	{"a download is counted once, whatever event carries it", snatchedOnce},
	{"who lacks something is no seeder, and partial seeds say so", lists},
	{"counters that go back credit nothing, absurd ones no more than can be", absurd},
	{"to stop succeeds always", stopsSucceed},
	{"a failure says when to ask again, by its reason", retries},
	{"a new upload is served at once, an unknown one asked for soon", newUpload},
	{"dictionaries are sorted", sortedAnswers},
	{"keep-alive in any case, pipelining, and whole header values", connections},
	{"a change of one right changes no other", partialUpdates},
	{"what never reached the tracker is found, and unknown actions are no success", reconciled},
	{"ids are never used again", idsOnce},
	{"why a torrent was deleted outlives a restart, and scrapes need rights", deletedReasons},
	{"sums are exact while everything changes at once", races},
	{"who may not leech is credited, told so, and may stop", mayNotLeech},
	{"an early announce is credited and answered", earlyAnnounce},
	{"no sum runs under or over", wideSums},
	{"every form of query has its answer", forms},
	{"both hashes of a hybrid are one torrent", hybrid},
	{"slow senders hold up nobody", slowSenders},
	{"clients that announced together do not so again", waves},
	{"who falls silent is written down as gone, and keeps its counters", reaped},
}

func baseline(p *pitfall) {
	_, h := p.dataset()
	m, c := p.someone()
	c.announce(h, "started", 500, 500, 9000) // it was running before we knew it
	c.announce(h, "", 600, 510, 8990)
	c.announce(h, "", 600, 510, 8990)
	c.announce(h, "stopped", 650, 510, 8990)
	c.announce(h, "stopped", 650, 510, 8990)
	p.pass(time.Hour)
	c.announce(h, "", 700, 520, 8980) // back without a start
	p.credit(m, 200, 20)
}

func numWants(p *pitfall) {
	_, h := p.dataset()
	for range 12 {
		m, _ := p.someone()
		for i := range 5 {
			p.client(m.AnnounceKey, 10_000+100*p.made+i).announce(h, "started", 0, 0, 0)
		}
	}
	_, c := p.someone()
	for numWant, want := range map[string]int{"-1": 50, "4294967295": 50, "-9223372036854775809": 50, "7": 7} {
		c.params["numwant"] = numWant
		got := len(peers(p.t, c.announce(h, "started", 0, 0, 5)))
		p.equal("peers for numwant="+numWant, want, got)
	}
}

func spoofed(p *pitfall) {
	_, h := p.dataset()
	_, liar := p.someone()
	_, c := p.someone()
	liar.params["ip"], liar.params["ipv4"], liar.params["ipv6"] = "9.9.9.9", "8.8.8.8", "2606:4700::1"
	liar.announce(h, "started", 0, 0, 0) // under a forged X-Forwarded-For, too
	got := c.announce(h, "started", 0, 0, 5)
	p.equal("peers", []string{liar.ip + ":51413"}, peers(p.t, got))
	p.equal("peers6", nil, got["peers6"])
}

func outOfRange(p *pitfall) {
	_, h := p.dataset()
	m, c := p.someone()
	c.announce(h, "started", 0, 0, 10)
	for _, port := range []string{"0", "70000", "65536", "-1", "", "80x"} {
		c.params["port"] = port
		q := c.query(h, "", 1000, 1000, 0)
		if got := c.get("/"+c.announceKey+"/announce", q); got["failure reason"] == nil {
			p.t.Errorf("port %q is taken: %v", port, got)
		}
	}
	c.params["port"], c.params["ip"] = "51413", "999.1.1.1"
	c.announce(h, "", 1, 2, 8)
	_, other := p.someone()
	p.equal("peers", []string{c.ip + ":51413"}, peers(p.t, other.announce(h, "started", 0, 0, 10)))
	p.credit(m, 1, 2)
}

func overIPv6(p *pitfall) {
	_, h := p.dataset()
	m, c := p.someone()
	_, other := p.someone()
	c.ip, other.ip = "2a01:4f8::5", "2a01:4f8::6"
	c.announce(h, "started", 0, 0, 0)
	c.announce(h, "", 77, 0, 0)
	got := other.announce(h, "started", 0, 0, 5)
	p.equal("peers6", "\x2a\x01\x04\xf8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\xc8\xd5", got["peers6"])
	p.equal("external ip", "\x2a\x01\x04\xf8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06", got["external ip"])
	p.equal("scrape", "1/1/0", c.scrape(h))
	p.credit(m, 77, 0)
}

func dualStack(p *pitfall) {
	_, h := p.dataset()
	m, four := p.someone()
	six := *four
	six.ip = "2a01:4f8::66"
	four.params["key"] = "0a0b0c0d"
	for _, step := range []struct {
		event    string
		up, left int64
	}{{"started", 0, 100}, {"", 40, 100}, {"", 90, 50}, {"stopped", 100, 50}, {"started", 0, 50}, {"", 11, 50}} {
		for _, c := range []*btClient{four, &six, four} { // some clients send a duplicate at once
			c.announce(h, step.event, step.up, 0, step.left)
		}
	}
	_, other := p.someone()
	other6 := *other
	other6.ip = "2a01:4f8::67"
	other6.announce(h, "started", 0, 0, 5)
	got := other.announce(h, "started", 0, 0, 5)
	p.equal("leechers", int64(2), got["incomplete"])
	p.equal("peers", []string{four.ip + ":51413"}, peers(p.t, got))
	if got["peers6"] == nil {
		p.t.Error("its second address is lost")
	}
	p.pass(70 * time.Minute)
	four.announce(h, "", 11, 0, 50)
	p.pass(10 * time.Minute) // IPv6 was last seen longer ago than clients are listed
	four.announce(h, "", 11, 0, 50)
	if got := other.announce(h, "started", 0, 0, 5); got["peers6"] != nil || len(peers(p.t, got)) != 1 {
		p.t.Errorf("an address did not expire by itself: %v", got)
	}
	p.credit(m, 111, 0)
}

func identity(p *pitfall) {
	_, h := p.dataset()
	m, c := p.someone()
	c.params["key"] = "cafe0001"
	c.announce(h, "started", 10, 0, 100)
	c.id = "-TR3000-another-one1"
	c.announce(h, "", 15, 0, 100)
	p.equal("one client with two peer-ids", "0/1/0", c.scrape(h))
	for i := range 5 {
		more := p.client(m.AnnounceKey, 60_000+i)
		if i < 4 {
			more.announce(h, "started", 0, 0, 100)
		} else if why := more.refused(h, "started", 100); !strings.Contains(why, "5 clients") {
			p.t.Errorf("a client too many: %s", why)
		}
	}
	p.equal("five clients", "0/5/0", c.scrape(h))
	p.credit(m, 5, 0)
}

func snatchedOnce(p *pitfall) {
	id, h := p.dataset()
	_, c := p.someone()
	c.announce(h, "started", 0, 0, 100)
	c.announce(h, "completed", 0, 100, 0)
	for range 2 {
		c.announce(h, "stopped", 0, 100, 0)
		c.announce(h, "completed", 0, 100, 0)
	}
	_, silent := p.someone() // rTorrent after its re-check
	silent.announce(h, "started", 0, 0, 100)
	silent.announce(h, "", 0, 100, 0)
	_, crossed := p.someone() // it had the data already
	crossed.announce(h, "started", 0, 0, 0)
	crossed.announce(h, "completed", 0, 0, 0)
	p.snatches(id, 2)
}

func lists(p *pitfall) {
	_, h := p.dataset()
	_, c := p.someone()
	_, seeder := p.someone()
	seeder.announce(h, "started", 0, 0, 0)
	c.announce(h, "started", 0, 0, 0)
	p.equal("two seeders", "2/0/0", c.scrape(h))
	c.announce(h, "", 0, 0, 50) // a re-check, or more files were chosen
	p.equal("one of them lacks something", "1/1/0", c.scrape(h))
	got := c.announce(h, "paused", 0, 0, 50)
	p.equal("a partial seed needs no seeder", 0, len(peers(p.t, got)))
	p.equal("a partial seed", "1/1/0", c.scrape(h))
	_, leecher := p.someone()
	p.equal("peers of a leecher", 2, len(peers(p.t, leecher.announce(h, "started", 0, 0, 100))))
	p.equal("peers of a partial seed", []string{leecher.ip + ":51413"}, peers(p.t, c.announce(h, "paused", 0, 0, 50)))
}

func absurd(p *pitfall) {
	id, h := p.dataset()
	m, c := p.someone()
	c.announce(h, "started", 0, 0, 100)
	c.announce(h, "", 100, 0, 100)
	c.announce(h, "", 30, 0, 100) // it was restarted without saying so
	c.announce(h, "", 80, 0, 100)
	p.credit(m, 150, 0)
	liar, l := p.someone()
	l.announce(h, "started", 0, 0, 100)
	l.announce(h, "", 1_000_000_000_000_000_000, math.MaxInt64, 100)
	p.until("the suspicion to be told", func() bool {
		for _, e := range p.told("TransferSuspect") {
			s, err := eventlog.Decode[eventlog.TransferSuspect](e)
			p.must(err)
			if s.Member == liar.Member.ID && s.Torrent == id {
				return s.Reason == eventlog.SuspectLine && s.Up == 1_000_000_000_000_000_000 && s.CountedUp > 0 && s.CountedUp < s.Up
			}
		}
		return false
	})
	p.last = append(p.last, func() {
		got := p.rows(2, "SELECT uploaded, downloaded FROM transfer_member WHERE member_id = ?", liar.Member.ID)[0]
		if most := int64(60) * 1_250_000_000; got[0] <= 0 || got[0] > most || got[1] <= 0 || got[1] > most {
			p.t.Errorf("pitfall 10: absurd counters were credited %v", got)
		}
	})
}

// told reads the events of a kind.
func (w *world) told(kind string) (out []eventlog.Event) {
	w.t.Helper()
	events, err := w.events.Read(w.t.Context(), 0, 100_000)
	w.must(err)
	for _, e := range events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func stopsSucceed(p *pitfall) {
	_, h := p.dataset()
	_, c := p.someone()
	for range 3 {
		c.announce(h, "stopped", 10, 10, 10)
	}
	c.announce(hash(255), "stopped", 10, 10, 10)
	c.id = "-XL0012-abcdefghijkl"
	c.announce(h, "stopped", 10, 10, 10)
	p.equal("nobody is there", "0/0/0", c.scrape(h))
}

// waiting returns the waiting time that a refusal names.
func (c *btClient) waiting(h core.InfoHash, left int64) (seconds int64, retry any) {
	c.w.t.Helper()
	got := c.get("/"+c.announceKey+"/announce", c.query(h, "", 0, 0, left))
	if got["failure reason"] == nil {
		c.w.t.Errorf("answered: %v", got)
	}
	seconds, _ = got["interval"].(int64)
	return seconds, got["retry in"]
}

func retries(p *pitfall) {
	_, h := p.dataset()
	gone, goneHash := p.dataset()
	p.deleteTorrent(gone, "mislabelled")
	p.followed()
	_, c := p.someone()
	refused := *c
	refused.id = "-XL0012-abcdefghijkl"
	nobody := *c
	nobody.announceKey = strings.Repeat("x", 32)
	for _, tt := range []struct {
		name    string
		c       *btClient
		h       core.InfoHash
		seconds int64
		retry   any
	}{
		{"unknown torrent", c, hash(254), 30, int64(1)},
		{"deleted torrent", c, goneHash, 86400, "never"},
		{"client not allowed", &refused, h, 1800, int64(30)},
		{"unknown announce key", &nobody, h, 600, int64(10)},
	} {
		seconds, retry := tt.c.waiting(tt.h, 5)
		p.equal(tt.name+": seconds", tt.seconds, seconds)
		p.equal(tt.name+": retry in", tt.retry, retry)
	}
}

func newUpload(p *pitfall) {
	_, c := p.someone()
	h := byte(p.n*8 + 1)
	if seconds, _ := c.waiting(hash(h), 0); seconds > 30 {
		p.t.Errorf("an unknown hash waits %d s", seconds)
	}
	p.torrent(core.LeechNormal, h)
	p.followed()
	c.announce(hash(h), "started", 0, 0, 0)
}

func sortedAnswers(p *pitfall) { // every answer in these tests is read by a strict decoder
	_, h1 := p.dataset()
	_, h2 := p.dataset()
	_, c := p.someone()
	for _, q := range []string{percent(h1) + "&info_hash=" + percent(h2), percent(h2) + "&info_hash=" + percent(h1), percent(h1) + "&info_hash=" + percent(h1)} {
		if got := c.get("/"+c.announceKey+"/scrape", "info_hash="+q); got["files"] == nil {
			p.t.Errorf("scrape %v", got)
		}
	}
	c.params["compact"] = "0"
	c.announce(h1, "started", 0, 0, 0)
	c.refused(hash(253), "", 5)
}

func connections(p *pitfall) {
	_, h := p.dataset()
	_, c := p.someone()
	get := "GET /" + c.announceKey + "/announce?" + c.query(h, "", 0, 0, 5) + " HTTP/1.1\r\nHost:x\r\nX-Forwarded-For:" + c.ip + "\r\nconnection: keep-alive\r\n\r\n"
	conn := p.dial()
	for _, n := range []int{1, 2, 5} {
		for _, got := range exchange(p.t, conn, strings.Repeat(get, n), n) {
			if !strings.HasPrefix(got, "200 d8:complete") || !strings.Contains(got, "11:external ip4:\x2c") {
				p.t.Errorf("of %d at once: %q", n, got)
			}
		}
	}
}

func partialUpdates(p *pitfall) {
	ctx := p.t.Context()
	_, h := p.dataset()
	m, c := p.someone()
	p.must(p.members.SetLeechSlots(ctx, "Elite", 1))
	p.must(p.members.SetClass(ctx, m.Member.ID, "Elite"))
	before, err := p.members.Roster(ctx, []core.MemberID{m.Member.ID})
	p.must(err)
	p.must(membertest.Begin(ctx, p.members, m.Member.ID, member.NoDownload, "traded accounts"))
	after, err := p.members.Roster(ctx, []core.MemberID{m.Member.ID})
	p.must(err)
	before[0].Phases = []member.Phase{{NoLeech: true}}
	p.equal("the member but for one right", before, after)
	p.followed()
	if why := c.refused(h, "started", 5); !strings.Contains(why, "may not download") {
		p.t.Error(why)
	}
	p.must(membertest.End(ctx, p.members, m.Member.ID, member.NoDownload))
	p.followed()
	c.announce(h, "started", 0, 0, 5)
	_, h2 := p.dataset()
	if why := c.refused(h2, "started", 5); !strings.Contains(why, "1 torrents already") {
		p.t.Errorf("the class and its slots: %s", why)
	}
	c.announce(h2, "started", 0, 0, 0) // seeding has no limit
}

func reconciled(p *pitfall) {
	id, h := p.dataset()
	_, c := p.someone()
	for _, action := range []string{"update", "report", "anything"} {
		got := exchange(p.t, p.dial(), "GET /"+c.announceKey+"/"+action+"?action=add_user HTTP/1.1\r\nHost: x\r\n\r\n", 1)
		if !strings.HasPrefix(got[0], "404 ") {
			p.t.Errorf("%s: %s", action, got)
		}
	}
	p.tx(func(tx *db.Tx) error { // an event about an unknown torrent
		_, err := p.events.Append(p.t.Context(), tx, eventlog.TorrentChanged{Torrent: 1 << 40, Group: 1})
		return err
	})
	p.followed()
	c.announce(h, "started", 0, 0, 5)
	p.tx(func(tx *db.Tx) error { // without an event
		_, err := tx.Exec(p.t.Context(), "UPDATE torrent SET deleted_at = 5000000000, delete_reason = 'by hand' WHERE id = ?", id)
		return err
	})
	p.until("the change to be found", func() bool {
		why, _ := c.get("/"+c.announceKey+"/announce", c.query(h, "", 0, 0, 5))["failure reason"].(string)
		return strings.Contains(why, "deleted: by hand")
	})
	p.until("the drift to be told", func() bool {
		drifts := p.told("RosterDrift")
		for _, e := range drifts {
			d, err := eventlog.Decode[eventlog.RosterDrift](e)
			p.must(err)
			p.equal("drift", eventlog.RosterDrift{Torrents: 1}, d)
		}
		return len(drifts) == 1
	})
}

func idsOnce(p *pitfall) {
	old, h := p.dataset()
	m, c := p.someone()
	c.announce(h, "started", 0, 0, 100)
	c.announce(h, "", 10, 0, 100)
	p.deleteTorrent(old, "to be uploaded again")
	p.followed()
	c.refused(h, "", 100)
	p.tx(func(tx *db.Tx) error { // the index of hashes includes deleted torrents: make room
		_, err := tx.Exec(p.t.Context(), "UPDATE torrent SET info_hash = NULL WHERE id = ?", old)
		return err
	})
	fresh := p.torrent(core.LeechNormal, byte(p.n*8+1))
	p.followed()
	if fresh == old {
		p.t.Fatalf("id %d was used again", old)
	}
	c.announce(h, "", 25, 0, 100) // a new torrent: counting begins
	c.announce(h, "", 45, 0, 100)
	p.credit(m, 30, 0)
	p.last = append(p.last, func() {
		want := [][]int64{{int64(old), 10}, {int64(fresh), 20}}
		p.equal("credit by torrent", want, p.rows(2, "SELECT torrent_id, uploaded FROM transfer_member_torrent WHERE member_id = ? ORDER BY 1", m.Member.ID))
	})
}

func deletedReasons(p *pitfall) {
	id, h := p.dataset()
	_, c := p.someone()
	p.deleteTorrent(id, "the reads were mislabelled")
	p.followed()
	p.stop()
	now := p.t
	p.t = p.whole // it stays open after this one
	p.open()
	p.t = now
	if why := c.refused(h, "", 5); !strings.Contains(why, "the reads were mislabelled") {
		p.t.Error(why)
	}
	if got := c.scrape(h); !strings.HasPrefix(got, "nothing") {
		p.t.Errorf("a deleted torrent is scraped: %s", got)
	}
	_, open := p.dataset()
	stranger := p.client(strings.Repeat("y", 32), 1)
	if got := stranger.scrape(open); !strings.HasPrefix(got, "nothing: map[failure reason:") {
		p.t.Errorf("a stranger scrapes: %s", got)
	}
}
