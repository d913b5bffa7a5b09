package site_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestEveryLinkLeadsSomewhere follows every link from the front page, for each
// role, and holds every page against what makes it usable without scripts and
// with a screen reader.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for i := range 30 {
		w.Upload("other", fmt.Sprintf("Dataset number %d for the crawler", i), func(f url.Values) {
			f.Set("anonymous", fmt.Sprint(i%2))
			f.Set("creators", "Ada & Co / 50%?\nB")
		})
	}
	least := map[string]int{"anonymous": 2, "user": 100, "sysop": 150}
	for _, role := range []string{"anonymous", "user", "sysop"} {
		b := w.As(role)
		seen := map[string]bool{"/": true}
		for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
			a := b.Get(queue[0])
			if a.StatusCode >= 400 {
				t.Errorf("%s: %s answers %d", role, queue[0], a.StatusCode)
				continue
			}
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || a.StatusCode != http.StatusOK || strings.HasPrefix(queue[0], "/swarm?") {
				continue
			}
			doc := a.Page(t)
			usable(t, role+" on "+queue[0], doc)
			doc.Find("a[href], link[href], script[src], form[action], [hx-get]").Each(func(_ int, s *goquery.Selection) {
				if goquery.NodeName(s) == "form" && strings.EqualFold(s.AttrOr("method", "get"), "post") {
					return
				}
				to := s.AttrOr("href", s.AttrOr("src", s.AttrOr("action", s.AttrOr("hx-get", ""))))
				to, _, _ = strings.Cut(to, "#")
				if strings.HasPrefix(to, "/") && !seen[to] {
					seen[to] = true
					queue = append(queue, to)
				}
			})
		}
		if len(seen) < least[role] {
			t.Errorf("%s: only %d addresses were found", role, len(seen))
		}
	}
}

// usable checks one page: a title, one heading of the first rank, a label for
// every field, a name for every link and button, unique ids, nothing that needs
// a script to be reached.
func usable(t *testing.T, where string, doc *goquery.Document) {
	t.Helper()
	if n := doc.Find("h1").Length(); n != 1 {
		t.Errorf("%s: %d main headings", where, n)
	}
	if title := doc.Find("title").Text(); strings.HasPrefix(title, " ·") || strings.TrimSpace(title) == "" {
		t.Errorf("%s: title %q", where, title)
	}
	ids := map[string]bool{}
	doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id := s.AttrOr("id", "")
		if ids[id] {
			t.Errorf("%s: id %q stands twice", where, id)
		}
		ids[id] = true
	})
	doc.Find("input, select, textarea").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("type", "") == "hidden" || s.AttrOr("aria-hidden", "") == "true" {
			return
		}
		if s.ParentsFiltered("label").Length() == 0 && doc.Find(fmt.Sprintf("label[for=%q]", s.AttrOr("id", "-"))).Length() == 0 {
			t.Errorf("%s: field %s has no label", where, s.AttrOr("name", "?"))
		}
	})
	doc.Find("a, button").Each(func(_ int, s *goquery.Selection) {
		if strings.TrimSpace(s.Text()) == "" && s.AttrOr("aria-label", "") == "" {
			html, _ := goquery.OuterHtml(s)
			t.Errorf("%s: without a name: %s", where, html)
		}
	})
	doc.Find("form").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("action", "") == "" || s.Find("button, input[type=search]").Length() == 0 {
			t.Errorf("%s: a form that can't be sent without a script", where)
		}
	})
	doc.Find("a[href^='#'], [aria-describedby], [aria-labelledby]").Each(func(_ int, s *goquery.Selection) {
		for _, id := range strings.Fields(strings.TrimPrefix(s.AttrOr("href", ""), "#") + " " + s.AttrOr("aria-describedby", "") + " " + s.AttrOr("aria-labelledby", "")) {
			if !strings.Contains(id, "/") && doc.Find("[id='"+id+"']").Length() == 0 {
				t.Errorf("%s: nothing has the id %q", where, id)
			}
		}
	})
}

func TestBrowse(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		for i := range site.PerPage + 2 {
			w.Upload("other", fmt.Sprintf("Dataset number %d about yeast", i), nil)
		}
		b := w.As("user")
		first := b.Get("/browse").Page(t)
		if n := first.Find(".dataset").Length(); n != site.PerPage {
			t.Errorf("%d datasets on the first page", n)
		}
		next, ok := first.Find("a[rel=next]").Attr("href")
		if !ok {
			t.Fatal("no link to the next page")
		}
		second := b.Get(next).Page(t)
		if n := second.Find(".dataset").Length(); n != 2 || second.Find("a[rel=next]").Length() != 0 {
			t.Errorf("%d datasets on the second page", n)
		}
		for query, want := range map[string]int{
			"q=number+7": 1, "q=NC_001416.1&tag=phage": site.PerPage, "category=graphs": 0, "category=sequences": site.PerPage, "category=nonsense": 0,
			"format=FASTA&license=CC0": site.PerPage, "license=MIT": 0, "tag=nothing": 0, "q=%3B+DROP+TABLE+torrent": 0, "before=x": site.PerPage,
			"creator=Frederick+Sanger": site.PerPage, "creator=Nobody": 0,
		} {
			a := b.Get("/browse?" + query)
			doc := a.Page(t)
			if n := doc.Find(".dataset").Length(); a.StatusCode != http.StatusOK || n != want {
				t.Errorf("%s: status %d, %d datasets, want %d", query, a.StatusCode, n, want)
			}
			if want == 0 && (doc.Find(".empty a[href='/browse']").Length() == 0 || doc.Find(".empty a[href='/upload']").Length() == 0) {
				t.Errorf("%s: the empty page does not say what to do next", query)
			}
		}
	})
}

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
	if a := b.Post("/torrents/1/delete", url.Values{"reason": {"x"}}); a.StatusCode != http.StatusUnprocessableEntity || sitetest.Shown(a.Page(t), "reason") != "x" {
		t.Errorf("too short a reason: status %d", a.StatusCode)
	}
	if a := b.Get("/groups/1"); a.StatusCode != http.StatusOK {
		t.Fatal("it is gone already")
	}
	done := b.Follow(b.Post("/torrents/1/delete", url.Values{"reason": {"the reads were swapped"}}))
	if !strings.Contains(done.Text, "Torrent 1 is deleted") || done.Page(t).Find(".dataset").Length() != 0 {
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

func TestFilesPage(t *testing.T) {
	w := sitetest.OnSQLite(t)
	files := map[string]string{}
	for i := range site.FilesPerPage + 30 {
		files[fmt.Sprintf("run%d/read%04d.fastq", i%3, i)] = fmt.Sprint(i)
	}
	form := sitetest.Dataset("A dataset of many files")
	if a := w.As("user").Send("/upload", form, w.Torrent("many", metainfo.V1, files)); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", a.StatusCode)
	}
	b := w.As("other")
	group := b.Get("/groups/1").Page(t)
	if n := group.Find(".tree .leaf").Length(); n != site.FilesShown || group.Find("a[href='/torrents/1/files']").Length() != 1 {
		t.Errorf("the group shows %d files", n)
	}
	names := map[string]bool{}
	path := "/torrents/1/files"
	for range 3 {
		doc := b.Get(path).Page(t)
		doc.Find(".leaf .path").Each(func(_ int, s *goquery.Selection) { names[s.Text()] = true })
		if path = doc.Find("a[rel=next]").AttrOr("href", ""); path == "" {
			break
		}
	}
	if len(names) != len(files) {
		t.Errorf("%d files on all pages, want %d", len(names), len(files))
	}
	if a := b.Get("/torrents/1/files?after=99999"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "no more files") {
		t.Errorf("behind the end: status %d", a.StatusCode)
	}
}

func TestTorrentsOwnLeechState(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset that staff pick", nil)
	staff := w.As("moderator")
	if a := staff.Post("/torrents/1/leech", url.Values{"state": {"gratis"}}); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d", a.StatusCode)
	}
	staff.Follow(staff.Post("/torrents/1/leech", url.Values{"state": {"free"}, "reason": {"Staff pick"}}))
	if badge := w.As("user").Get("/groups/1").Page(t).Find(".badge.free"); badge.AttrOr("title", "") != "Staff pick" {
		t.Errorf("badge %q", badge.Text())
	}
}

func TestAssets(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	var paths []string
	b.Get("/").Page(t).Find("link[rel=stylesheet], link[rel=icon], script").Each(func(_ int, s *goquery.Selection) {
		paths = append(paths, s.AttrOr("href", s.AttrOr("src", "")))
	})
	slices.Sort(paths)
	if len(paths) != 4 {
		t.Fatalf("assets %v", paths)
	}
	for _, path := range paths {
		a := b.Get(path)
		if a.StatusCode != http.StatusOK || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") || len(a.Text) < 100 {
			t.Errorf("%s: status %d, %s", path, a.StatusCode, a.Header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/assets/app.css", "/assets/../config.go", "/assets/", "/assets/app.000000000000.css"} {
		if a := b.Get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, a.StatusCode)
		}
	}
}

func TestConfig(t *testing.T) {
	if err := site.DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for key, change := range map[string]func(*sitetest.Config){
		"name": func(c *sitetest.Config) { c.Name = " " }, "url": func(c *sitetest.Config) { c.URL = "example.org" }, "listen": func(c *sitetest.Config) { c.Listen = "8080" },
		"trusted_proxies": func(c *sitetest.Config) { c.TrustedProxies = []string{"proxy"} }, "upload_limit": func(c *sitetest.Config) { c.UploadLimit = 0 },
		"login_attempts": func(c *sitetest.Config) { c.LoginAttempts = 0 }, "api_requests": func(c *sitetest.Config) { c.APIRequests = -1 },
	} {
		c := site.DefaultConfig()
		change(&c)
		if err := c.Validate(); core.FieldOf(err) != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}
