package tracker

import (
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

// The pitfalls from 20 on.

func races(p *pitfall) {
	id, h := p.dataset()
	var wg sync.WaitGroup
	for range 4 {
		m, c := p.someone()
		p.credit(m, 290, 29)
		wg.Go(func() {
			for i := range int64(30) {
				event := map[int64]string{0: "started", 29: "stopped"}[i]
				if got, err := c.try("/"+c.announceKey+"/announce", c.query(h, event, 10*i, i, 100-i)); err != nil || got["failure reason"] != nil {
					p.t.Errorf("%v, %v", got, err)
				}
				if got, err := c.try("/"+c.announceKey+"/scrape", "info_hash="+percent(h)); err != nil || got["files"] == nil {
					p.t.Errorf("%v, %v", got, err)
				}
			}
		})
	}
	for range 20 {
		p.tx(func(tx *db.Tx) error {
			_, err := p.events.Append(p.t.Context(), tx, eventlog.TorrentChanged{Torrent: id, Group: 1})
			return err
		})
	}
	wg.Wait()
	p.last = append(p.last, func() {
		p.equal("the torrent's sums", [][]int64{{1160, 116}}, p.rows(2, "SELECT uploaded, downloaded FROM transfer_torrent WHERE torrent_id = ?", id))
		p.equal("the swarm's size", [][]int64{{0, 0}}, p.rows(2, "SELECT seeders, leechers FROM swarm_count WHERE torrent_id = ?", id))
	})
}

func mayNotLeech(p *pitfall) {
	_, h := p.dataset()
	m, c := p.someone()
	c.announce(h, "started", 0, 0, 100)
	p.must(membertest.Begin(p.t.Context(), p.members, m.Member.ID, member.NoDownload, "traded accounts"))
	p.followed()
	got := c.get("/"+c.announceKey+"/announce", c.query(h, "", 3, 20, 80))
	if why, _ := got["failure reason"].(string); !strings.Contains(why, "may not download") || got["peers"] != nil {
		p.t.Errorf("%v", got)
	}
	c.announce(h, "stopped", 4, 21, 79)
	p.credit(m, 4, 21)
}

func earlyAnnounce(p *pitfall) {
	_, h := p.dataset()
	for range 3 {
		m, _ := p.someone()
		for i := range 4 {
			p.client(m.AnnounceKey, 20_000+100*p.made+i).announce(h, "started", 0, 0, 0)
		}
	}
	m, c := p.someone()
	for i, want := range []int{12, fewOfThem, fewOfThem} {
		got := c.announce(h, "", int64(10*i), 0, 50)
		p.equal("peers", want, len(peers(p.t, got)))
		p.equal("min interval", int64(300), got["min interval"])
	}
	p.pass(5 * time.Minute)
	p.equal("peers in time", 12, len(peers(p.t, c.announce(h, "", 30, 0, 50))))
	p.credit(m, 30, 0)
}

// fewOfThem is how many peers an early announce gets.
const fewOfThem = 5

func wideSums(p *pitfall) {
	_, h := p.dataset()
	m, c := p.someone()
	_, other := p.someone()
	other.announce(h, "started", 0, 0, 100)
	var up int64
	c.announce(h, "started", 0, 0, 0)
	for range 3 {
		p.pass(20 * time.Minute)
		up += 1<<33 + 1
		c.announce(h, "", up, 0, 0)
	}
	for range 3 {
		c.announce(h, "stopped", up, 0, 0)
		other.announce(h, "stopped", 0, 0, 100)
	}
	p.equal("sizes after doubled stops", "0/0/0", c.scrape(h))
	p.credit(m, 3<<33+3, 0)
}

func forms(p *pitfall) {
	_, h := p.dataset()
	_, seeder := p.someone()
	_, c := p.someone()
	seeder.announce(h, "started", 0, 0, 0)
	c.params["compact"] = "0"
	list, _ := c.announce(h, "started", 0, 0, 5)["peers"].([]any)
	want := []any{map[string]any{"ip": seeder.ip, "peer id": seeder.id, "port": int64(51413)}}
	p.equal("compact=0", want, any(list))
	c.params["no_peer_id"] = "1"
	list, _ = c.announce(h, "started", 0, 0, 5)["peers"].([]any)
	p.equal("no_peer_id", []any{map[string]any{"ip": seeder.ip, "port": int64(51413)}}, any(list))
	c.params["compact"] = "1"
	c.params["corrupt"], c.params["redundant"], c.params["supportcrypto"], c.params["trackerid"] = "5", "6", "1", strings.Repeat("t", 900)
	c.announce(h, "", 0, 0, 5)
	got := c.get("/"+c.announceKey+"/announce", strings.Replace(c.query(h, "", 0, 0, 5), "%FF", "%F", 1))
	if why, _ := got["failure reason"].(string); !strings.Contains(why, "percent-escape") {
		p.t.Errorf("a broken escape: %v", got)
	}
}

func hybrid(p *pitfall) {
	first := byte(p.n * 8)
	id := p.torrent(core.LeechNormal, first, first+1)
	p.followed()
	m, c := p.someone()
	for _, step := range []struct {
		event          string
		up, down, left int64
	}{{"started", 0, 0, 100}, {"", 10, 60, 40}, {"completed", 20, 100, 0}} {
		for n := range byte(2) {
			c.announce(hash(first+n), step.event, step.up, step.down, step.left)
		}
	}
	// How often it was downloaded is known after the next flush, whenever that is.
	p.equal("one client", "1/0", strings.Join(strings.Split(c.scrape(hash(first)), "/")[:2], "/"))
	p.equal("by the other hash", "1/0", strings.Join(strings.Split(c.scrape(hash(first+1)), "/")[:2], "/"))
	p.credit(m, 20, 100)
	p.snatches(id, 1)
}

func slowSenders(p *pitfall) {
	_, h := p.dataset()
	_, c := p.someone()
	for range 50 {
		if _, err := p.dial().Write([]byte("GET /" + c.announceKey + "/announce?info_")); err != nil {
			p.t.Fatal(err)
		}
	}
	c.announce(h, "started", 0, 0, 5)
	p.equal("who is there", "0/1/0", c.scrape(h))
}

func waves(p *pitfall) {
	_, h := p.dataset()
	seen := map[int64]int{}
	for range 10 {
		m, _ := p.someone()
		for i := range 5 {
			got := p.client(m.AnnounceKey, 30_000+100*p.made+i).announce(h, "started", 0, 0, 0)
			seconds, _ := got["interval"].(int64)
			if seconds < 900 || seconds > 1980 {
				p.t.Errorf("interval %d", seconds)
			}
			seen[seconds/60]++
		}
	}
	if len(seen) < 8 { // of 18 minutes; by chance once in 10^10 times
		p.t.Errorf("50 clients come back in %v", seen)
	}
	_, c := p.someone() // a seedbox with hundreds of torrents
	get := "GET /" + c.announceKey + "/announce?" + c.query(h, "", 0, 0, 5) + " HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + c.ip + "\r\n\r\n"
	for i, got := range exchange(p.t, p.dial(), strings.Repeat(get, 300), 300) {
		if !strings.HasPrefix(got, "200 d8:complete") {
			p.t.Fatalf("announce %d of many at once: %q", i, got)
		}
	}
}

func reaped(p *pitfall) {
	id, h := p.dataset()
	m, c := p.someone()
	c.announce(h, "started", 0, 0, 100)
	c.announce(h, "", 10, 0, 100)
	p.pass(80 * time.Minute)
	p.until("the silent client to go", func() bool { return c.scrape(h) == "0/0/0" })
	p.until("the database to know", func() bool {
		active := p.rows(1, "SELECT COUNT(*) FROM transfer_member_torrent WHERE torrent_id = ? AND active > 0", id)[0][0]
		sizes := p.rows(2, "SELECT seeders, leechers FROM swarm_count WHERE torrent_id = ?", id)
		return active == 0 && cmp.Equal([][]int64{{0, 0}}, sizes)
	})
	c.announce(h, "", 35, 0, 90)
	p.equal("back again", "0/1/0", c.scrape(h))
	p.credit(m, 35, 0)
}
