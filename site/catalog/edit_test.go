package catalog_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestEditing(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("user", "A dataset that is edited", nil)
	b, staff := w.As("user"), w.As("moderator")
	form := formOf(b.Get("/groups/1/edit").Page(t))
	theirs := formOf(staff.Get("/groups/1/edit").Page(t))
	form.Set("title", "A dataset with a better title")
	if a := b.Follow(b.Post("/groups/1/edit", form)); !strings.Contains(a.Text, "A dataset with a better title") || !strings.Contains(a.Text, "Your changes are saved") {
		t.Error("the edit is not shown")
	}
	if a := b.Get("/groups/1"); strings.Contains(a.Text, "Your changes are saved") {
		t.Error("the message is shown a second time")
	}
	theirs.Set("title", "A dataset with the staff's title")
	clash := staff.Post("/groups/1/edit", theirs)
	doc := clash.Page(t)
	if clash.StatusCode != http.StatusConflict || !strings.Contains(doc.Find(".notice").Text(), "Somebody else changed this") || sitetest.Shown(doc, "title") != theirs.Get("title") {
		t.Fatalf("status %d", clash.StatusCode)
	}
	if a := staff.Post("/groups/1/edit", formOf(doc)); a.StatusCode != http.StatusSeeOther {
		t.Errorf("saved again: status %d", a.StatusCode)
	}
	bad := formOf(b.Get("/groups/1/edit").Page(t))
	bad.Set("year", "soon")
	if a := b.Post("/groups/1/edit", bad); a.StatusCode != http.StatusUnprocessableEntity || sitetest.Shown(a.Page(t), "year") != "soon" {
		t.Errorf("a mistake: status %d", a.StatusCode)
	}
	torrent := formOf(b.Get("/torrents/1/edit").Page(t))
	torrent.Set("version", "2.0.0")
	torrent.Set("mirrors", "https://mirror.example/data")
	torrent.Set("anonymous", "1")
	if a := b.Follow(b.Post("/torrents/1/edit", torrent)); !strings.Contains(a.Text, "v2.0.0") || !strings.Contains(a.Text, "mirror.example") {
		t.Error("the torrent's edit is not shown")
	}
	if a := w.As("other").Get("/groups/1"); !strings.Contains(a.Text, "Anonymous") {
		t.Error("the upload did not become anonymous")
	}
}

// formOf reads the fields of the page's main form, as a browser would send them.
func formOf(doc *goquery.Document) url.Values {
	out := url.Values{}
	doc.Find("main form").First().Find("input[name], select[name], textarea[name]").Each(func(_ int, s *goquery.Selection) {
		name := s.AttrOr("name", "")
		if s.AttrOr("type", "") == "checkbox" {
			if _, on := s.Attr("checked"); on {
				out.Set(name, s.AttrOr("value", "on"))
			}
			return
		}
		out.Set(name, sitetest.Shown(doc, name))
	})
	return out
}

func TestDeleting(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("user", "A dataset that is deleted", nil)
	b := w.As("user")
	if a := b.Post("/commands/torrent-delete", url.Values{"id": {"1"}, "reason": {"x"}}); a.StatusCode != http.StatusUnprocessableEntity || sitetest.Shown(a.Page(t), "reason") != "x" {
		t.Errorf("too short a reason: status %d", a.StatusCode)
	}
	asked := b.Post("/commands/torrent-delete", url.Values{"id": {"1"}, "reason": {"the reads were swapped"}, "back": {"/browse"}})
	if !strings.Contains(asked.Text, "This would delete torrent 1") {
		t.Errorf("it does not say what would happen: status %d", asked.StatusCode)
	}
	if a := b.Get("/groups/1"); a.StatusCode != http.StatusOK {
		t.Fatal("it is gone already")
	}
	done := b.Follow(b.Agree(t, asked))
	if !strings.Contains(done.Text, "is deleted; the tracker refuses it from now on") || done.Page(t).Find(".dataset").Length() != 0 {
		t.Error("it is still listed")
	}
	for _, path := range []string{"/groups/1", "/torrents/1", "/torrents/1/edit", "/torrents/1/files", "/torrents/1/download"} {
		if a := b.Get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, a.StatusCode)
		}
	}
	var via, outcome, arguments string
	err := w.DB.QueryRowContext(t.Context(), "SELECT via, outcome, arguments FROM audit WHERE command = 'torrent delete' ORDER BY id DESC LIMIT 1").Scan(&via, &outcome, &arguments)
	if err != nil || via != "site" || outcome != "done" || !strings.Contains(arguments, "the reads were swapped") {
		t.Errorf("audit: %s %s %q (%v)", via, outcome, arguments, err)
	}
}

func TestTorrentsOwnLeechState(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset that staff pick", nil)
	staff := w.As("moderator")
	if a := staff.Post("/commands/freeleech-torrent", url.Values{"id": {"1"}, "state": {"gratis"}, "reason": {"Staff pick"}}); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d", a.StatusCode)
	}
	staff.Follow(staff.Post("/commands/freeleech-torrent", url.Values{"id": {"1"}, "state": {"free"}, "reason": {"Staff pick"}}))
	if badge := w.As("user").Get("/groups/1").Page(t).Find(".badge.free"); badge.AttrOr("title", "") != "Staff pick" {
		t.Errorf("badge %q", badge.Text())
	}
}

func TestOwnersActOnTheirOwn(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("user", "A dataset of one's own to edit", nil)
	b := w.As("user")
	for _, path := range []string{"/groups/1/edit", "/torrents/1/edit", "/commands/torrent-delete?id=1"} {
		if a := b.Get(path); a.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, a.StatusCode)
		}
	}
	// Once somebody else has a torrent in the group, its description is staff's.
	raw := w.Torrent("theirs", "v1", map[string]string{"x.fasta": "x"})
	form := url.Values{"group": {"1"}, "platform": {"Sanger"}, "format": {"FASTA"}, "archive": {"None"}, "scope": {"Genome"}, "license": {"MIT"}}
	if a := w.As("other").Send("/upload", form, raw); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", a.StatusCode)
	}
	for path, want := range map[string]int{"/groups/1/edit": 403, "/torrents/1/edit": 200, "/torrents/2/edit": 403} {
		if a := b.Get(path); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
	if a := b.Post("/commands/torrent-delete", url.Values{"id": {"2"}, "reason": {"not mine"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("delete somebody else's: status %d", a.StatusCode)
	}
}
