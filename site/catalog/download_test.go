package catalog_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
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
	gone := w.Gone()
	tests := map[string]struct {
		who, path string
		status    int
	}{
		"cookie":               {"user", "/torrents.php?action=download&id=1", 200},
		"cookie, own address":  {"user", "/torrents/1/download", 200},
		"keys":                 {"anonymous", keys("1", auth, p.AnnounceKey), 200},
		"wrong auth key":       {"anonymous", keys("1", strings.Repeat("0", 32), p.AnnounceKey), 403},
		"wrong announce key":   {"anonymous", keys("1", auth, strings.Repeat("x", 32)), 403},
		"another's auth key":   {"anonymous", keys("1", auth, w.People["other"].AnnounceKey), 403},
		"one key only":         {"anonymous", "/torrents.php?action=download&id=1&torrent_pass=" + p.AnnounceKey, 403},
		"wrong key and cookie": {"user", keys("1", "x", "y"), 403},
		"nothing":              {"anonymous", "/torrents.php?action=download&id=1", 403},
		"disabled":             {"disabled", "/torrents.php?action=download&id=1", 403},
		"not there":            {"anonymous", keys("999", auth, p.AnnounceKey), 404},
		"no number":            {"anonymous", keys("x", auth, p.AnnounceKey), 404},
		"deleted":              {"anonymous", keys(gone, auth, p.AnnounceKey), 404},
	}
	for name, tt := range tests {
		a := w.As(tt.who).Get(tt.path)
		kind := a.Header.Get("Content-Type")
		switch {
		case a.StatusCode != tt.status:
			t.Errorf("%s: status %d, want %d: %s", name, a.StatusCode, tt.status, a.Text)
		case tt.status != 200 && (!strings.HasPrefix(kind, "text/plain") || len(a.Text) < 10):
			t.Errorf("%s: %s %q, want a line of text", name, kind, a.Text)
		case tt.status == 200 && (kind != "application/x-bittorrent" || !strings.Contains(a.Text, "http://tracker.example/"+member.TorrentKey(p.AnnounceKey, p.Member.ID, 1)+"/announce") || strings.Contains(a.Text, p.AnnounceKey)):
			t.Errorf("%s: %s without the member's own key for the torrent, or with the announce key", name, kind)
		}
	}
	w.Config.TorrentKeys = false
	w.Restart()
	if a := w.As("user").Get("/torrents/1/download"); !strings.Contains(a.Text, "http://tracker.example/"+p.AnnounceKey+"/announce") {
		t.Error("without torrent keys the announce key is missing")
	}
	a := w.As("user").Get("/torrents/1/download")
	if cd := a.Header.Get("Content-Disposition"); !strings.HasPrefix(cd, "attachment; filename=") || !strings.Contains(cd, "filename*=UTF-8''") || !strings.Contains(cd, "%C3%9Cbersicht") {
		t.Errorf("Content-Disposition %q", cd)
	}
	if _, err := w.Deps.Members.NewAnnounceKey(t.Context(), p.Member.ID); err != nil {
		t.Fatal(err)
	}
	if a := w.As("anonymous").Get(keys("1", auth, p.AnnounceKey)); a.StatusCode != http.StatusForbidden {
		t.Errorf("the old keys after a new announce key: status %d", a.StatusCode)
	}
}

func TestDownloadOfDisabledMembersKeys(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset to download", nil)
	p := w.People["user"]
	auth, err := w.Deps.Members.AuthKey(t.Context(), p.Member.ID)
	w.Must(err)
	w.Must(membertest.Disable(t.Context(), w.Deps.Members, p.Member.ID, "trading accounts"))
	a := w.As("anonymous").Get("/torrents.php?action=download&id=1&authkey=" + auth + "&torrent_pass=" + p.AnnounceKey)
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
