package tracker

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestParseSlots(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]slots{"": allSlots, "0": 1, "05": 1 | 1<<5, "fF": 0, "00": 0, "g": 0, "0-4": 0, "aB": 1<<10 | 1<<11} {
		got, err := parseSlots(text)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %b, %v; want %b", text, got, err, want)
		}
	}
	c := DefaultConfig()
	c.Slots = "01"
	if err := c.Validate(); core.FieldOf(err) != "name" {
		t.Errorf("slots without a name: %v", err)
	}
	c.Name = "Tracker A"
	if err := c.Validate(); core.FieldOf(err) != "name" {
		t.Errorf("a name with a blank: %v", err)
	}
	c.Name = "a"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// redirect sends a request and does not follow redirects.
func (w *world) redirect(target string) (status int, location string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+target, nil)
	w.must(err)
	req.Header.Set("X-Forwarded-For", "44.1.2.3")
	res, err := http.DefaultTransport.RoundTrip(req)
	w.must(err)
	w.must(res.Body.Close())
	return res.StatusCode, res.Header.Get("Location")
}

// TestForeignTorrents asks a tracker that serves half of the slots.
func TestForeignTorrents(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Name, c.Slots, c.AnnounceURL = "a", "01234567", "https://tracker.example/"
	w := newWorld(t, dbtest.SQLite(t), c)
	ann := w.member("ann")
	w.torrent(core.LeechNormal, 0x11)
	w.torrent(core.LeechNormal, 0x91)
	w.torrent(core.LeechNormal, 0x21, 0xa1) // a hybrid, here by its first hash
	w.torrent(core.LeechNormal, 0xb1, 0x31) // and one that is not
	w.tx(func(tx *db.Tx) error {            // as another tracker does
		if _, err := tx.Exec(t.Context(), "INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (2, 7, 5, 1)"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "INSERT INTO transfer_torrent (torrent_id, uploaded, downloaded, snatches) VALUES (2, 0, 0, 3)")
		return err
	})
	w.open()
	b := w.client(ann.AnnounceKey, 1)
	b.announce(hash(0x11), "started", 0, 0, 0)
	b.announce(hash(0xa1), "started", 0, 0, 0)
	if got := b.scrape(hash(0x21)); got != "1/0/0" {
		t.Errorf("the hybrid has %s", got)
	}

	for _, h := range []core.InfoHash{hash(0x91), hash(0x31)} {
		want := map[core.InfoHash]string{hash(0x91): "9", hash(0x31): "b"}[h]
		for _, action := range []string{"announce", "scrape"} {
			query := b.query(h, "", 5, 0, 0)
			status, to := w.redirect("/" + ann.AnnounceKey + "/" + action + "?" + query)
			if expected := "https://tracker.example/" + ann.AnnounceKey + "/" + action + "?" + query + "&slot=" + want; status != http.StatusFound || to != expected {
				t.Errorf("%d to %s, want %s", status, to, expected)
			}
			v := b.get("/"+ann.AnnounceKey+"/"+action, query+"&slot="+want)
			if why, _ := v["failure reason"].(string); !strings.Contains(why, "another part of the tracker") {
				t.Errorf("sent on and still here: %v", v)
			}
		}
	}
	first, second := hash(0x91), hash(0x11)
	// In a scrape of several, the others have the sizes that their tracker has written.
	query := "info_hash=" + url.QueryEscape(string(first[:])) + "&info_hash=" + url.QueryEscape(string(second[:]))
	w.until("the figures of another tracker", func() bool {
		files, _ := b.get("/"+ann.AnnounceKey+"/scrape", query)["files"].(map[string]any)
		other, _ := files[string(first[:])].(map[string]any)
		return len(files) == 2 && other["complete"] == int64(7) && other["incomplete"] == int64(5) && other["downloaded"] == int64(3)
	})
	w.stop()
	if got := w.rows(2, "SELECT torrent_id, seeders FROM swarm_count WHERE torrent_id <> 2 ORDER BY torrent_id"); len(got) != 2 || got[0][0] != 1 || got[1][0] != 3 {
		t.Errorf("swarms %v", got)
	}
	if got := w.rows(1, "SELECT COUNT(*) FROM ledger_mark WHERE ledger LIKE ?", "tracker:a/%"); got[0][0] == 0 {
		t.Error("the books have no name of their own")
	}
}
