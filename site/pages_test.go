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
		queue := []string{"/", "/help", "/rules", "/terms", "/news"}
		if role == "sysop" {
			queue = append(queue, "/pages")
		}
		for ; len(queue) > 0; queue = queue[1:] {
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
				if strings.Count(to, "&") > 0 && strings.HasPrefix(to, "/browse?") {
					return // filters upon filters have no end
				}
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
		"upload_files": func(c *sitetest.Config) { c.UploadFiles = 0 }, "windows_names": func(c *sitetest.Config) { c.WindowsNames = "maybe" },
		"session_days": func(c *sitetest.Config) { c.SessionDays = 0 }, "login_attempts": func(c *sitetest.Config) { c.LoginAttempts = 0 }, "api_requests": func(c *sitetest.Config) { c.APIRequests = -1 },
	} {
		c := site.DefaultConfig()
		change(&c)
		if err := c.Validate(); core.FieldOf(err) != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}
