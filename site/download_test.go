package site_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestDownloadLinks(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "Übersicht of a phage; «genome»", nil)
	p := w.People["user"]
	auth, err := w.Deps.Members.AuthKey(t.Context(), p.Member.ID)
	w.Must(err)
	keys := func(id, auth, pass string) string {
		return fmt.Sprintf("/torrents.php?action=download&id=%s&authkey=%s&torrent_pass=%s", id, auth, pass)
	}
	gone := torrentGone(w, t)
	tests := map[string]struct {
		who, path string
		status    int
	}{
		"cookie":               {"user", "/torrents.php?action=download&id=1", 200},
		"cookie, own address":  {"user", "/torrents/1/download", 200},
		"keys":                 {"anonymous", keys("1", auth, p.Passkey), 200},
		"wrong auth key":       {"anonymous", keys("1", strings.Repeat("0", 32), p.Passkey), 403},
		"wrong passkey":        {"anonymous", keys("1", auth, strings.Repeat("x", 32)), 403},
		"another's auth key":   {"anonymous", keys("1", auth, w.People["other"].Passkey), 403},
		"one key only":         {"anonymous", "/torrents.php?action=download&id=1&torrent_pass=" + p.Passkey, 403},
		"wrong key and cookie": {"user", keys("1", "x", "y"), 403},
		"nothing":              {"anonymous", "/torrents.php?action=download&id=1", 403},
		"disabled":             {"disabled", "/torrents.php?action=download&id=1", 403},
		"not there":            {"anonymous", keys("999", auth, p.Passkey), 404},
		"no number":            {"anonymous", keys("x", auth, p.Passkey), 404},
		"deleted":              {"anonymous", keys(gone, auth, p.Passkey), 404},
	}
	for name, tt := range tests {
		a := w.As(tt.who).Get(tt.path)
		kind := a.Header.Get("Content-Type")
		switch {
		case a.StatusCode != tt.status:
			t.Errorf("%s: status %d, want %d: %s", name, a.StatusCode, tt.status, a.Text)
		case tt.status != 200 && (!strings.HasPrefix(kind, "text/plain") || len(a.Text) < 10):
			t.Errorf("%s: %s %q, want a line of text", name, kind, a.Text)
		case tt.status == 200 && (kind != "application/x-bittorrent" || !strings.Contains(a.Text, "http://tracker.example/"+member.TorrentKey(p.Passkey, p.Member.ID, 1)+"/announce") || strings.Contains(a.Text, p.Passkey)):
			t.Errorf("%s: %s without the member's own key for the torrent, or with the passkey", name, kind)
		}
	}
	w.Config.TorrentKeys = false
	w.Restart()
	if a := w.As("user").Get("/torrents/1/download"); !strings.Contains(a.Text, "http://tracker.example/"+p.Passkey+"/announce") {
		t.Error("without torrent keys the passkey is missing")
	}
	a := w.As("user").Get("/torrents/1/download")
	if cd := a.Header.Get("Content-Disposition"); !strings.HasPrefix(cd, "attachment; filename=") || !strings.Contains(cd, "filename*=UTF-8''") || !strings.Contains(cd, "%C3%9Cbersicht") {
		t.Errorf("Content-Disposition %q", cd)
	}
	if _, err := w.Deps.Members.NewPasskey(t.Context(), p.Member.ID); err != nil {
		t.Fatal(err)
	}
	if a := w.As("anonymous").Get(keys("1", auth, p.Passkey)); a.StatusCode != http.StatusForbidden {
		t.Errorf("the old keys after a new passkey: status %d", a.StatusCode)
	}
}

// torrentGone uploads a dataset, deletes it and returns its id.
func torrentGone(w *sitetest.World, t *testing.T) string {
	t.Helper()
	_, id := w.Upload("other", "A dataset that is deleted again", nil)
	w.Must(w.Deps.Catalog.Delete(t.Context(), w.People["other"].Member.ID, id, "uploaded by mistake"))
	return fmt.Sprint(id)
}

func TestDownloadOfDisabledMembersKeys(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset to download", nil)
	p := w.People["user"]
	auth, err := w.Deps.Members.AuthKey(t.Context(), p.Member.ID)
	w.Must(err)
	w.Must(w.Deps.Members.SetState(t.Context(), p.Member.ID, member.Disabled, "trading accounts"))
	a := w.As("anonymous").Get("/torrents.php?action=download&id=1&authkey=" + auth + "&torrent_pass=" + p.Passkey)
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "trading accounts") {
		t.Errorf("status %d: %s", a.StatusCode, a.Text)
	}
}

func TestClassicAddresses(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset with old addresses", nil)
	b := w.As("user")
	for path, want := range map[string]string{
		"/torrents.php?id=1": "/groups/1", "/torrents.php?torrentid=1": "/groups/1#t1", "/torrents.php?id=1&torrentid=1": "/groups/1#t1",
		"/torrents/1": "/groups/1#t1", "/torrents.php": "/browse",
	} {
		if a := b.Get(path); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want {
			t.Errorf("%s: status %d to %q, want %q", path, a.StatusCode, a.Header.Get("Location"), want)
		}
	}
	for _, path := range []string{"/torrents.php?torrentid=99", "/torrents.php?id=x", "/groups/99", "/groups/x", "/torrents/0", "/torrents/-1", "/groups/99999999999999999999"} {
		if a := b.Get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, a.StatusCode)
		}
	}
}

func TestSwarmNumbers(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		w.Upload("other", "A dataset with a swarm", nil)
		gone := torrentGone(w, t)
		w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			for _, q := range []string{"INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (1, 12, 3, 1), (2, 5, 5, 1)",
				"INSERT INTO transfer_torrent (torrent_id, uploaded, downloaded, snatches) VALUES (1, 0, 0, 1234)"} {
				if _, err := tx.Exec(t.Context(), q); err != nil {
					return err
				}
			}
			return nil
		}))
		b := w.As("user")
		live, ok := b.Get("/groups/1").Page(t).Find("[hx-get]").Attr("hx-get")
		if !ok {
			t.Fatal("the group's page does not ask for fresh numbers")
		}
		doc := b.Get(live + "&t=999&t=x&t=" + gone).Page(t)
		for id, want := range map[string]string{"#seeders-1": "12", "#leechers-1": "3", "#snatches-1": "1\u202f234"} {
			if got := doc.Find(id).Text(); got != want || doc.Find(id).AttrOr("hx-swap-oob", "") != "true" {
				t.Errorf("%s is %q, want %q", id, got, want)
			}
		}
		if n := doc.Find("span").Length(); n != 3 {
			t.Errorf("%d numbers, want 3: a deleted torrent has none", n)
		}
		if got := b.Get("/groups/1").Page(t).Find("#seeders-1").Text(); got != "12" {
			t.Errorf("the page itself shows %q seeders", got)
		}
	})
}
