package site_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestCrossSitePostsAreRefused(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	before, err := w.Deps.Members.AnnounceKey(t.Context(), w.People["user"].Member.ID)
	w.Must(err)
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		a := b.Post("/settings/announce-key", url.Values{"sure": {"yes"}}, headers...)
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "sent from another site") {
			t.Errorf("%v: status %d", headers, a.StatusCode)
		}
		if a := b.Post("/login", url.Values{"name": {"user"}, "password": {w.People["user"].Password}}, headers...); a.StatusCode != http.StatusForbidden {
			t.Errorf("login, %v: status %d", headers, a.StatusCode)
		}
	}
	if now, _ := w.Deps.Members.AnnounceKey(t.Context(), w.People["user"].Member.ID); now != before {
		t.Fatal("a cross-site form changed the announce key")
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://site.example"}, nil} {
		if a := b.Post("/settings/announce-key", url.Values{"sure": {"yes"}}, headers...); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%v: status %d, want 303", headers, a.StatusCode)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for _, path := range []string{"/", "/login", "/nowhere", "/api/v1/me", "/freeleech.json", "/torrents.php?action=download&id=1"} {
		a := w.As("anonymous").Get(path)
		csp := a.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers %v", path, a.Header)
		}
		if cc := a.Header.Get("Cache-Control"); path != "/freeleech.json" && !strings.Contains(cc, "no-store") {
			t.Errorf("%s: Cache-Control %q", path, cc)
		}
	}
}

// hostile is text that would do harm if it came through anywhere unescaped.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{.}}`

func TestHostileTextStaysText(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	raw := w.Torrent("hostile", "hybrid", map[string]string{`"><script>alert(3)<`: "x", `dir/<img src=x onerror=alert(4)>.fasta`: "y"})
	form := sitetest.Dataset("A title " + hostile)
	for _, field := range []string{"subject", "object", "workgroup", "location", "creators", "torrent_description", "scope"} {
		form.Set(field, hostile[:60])
	}
	form.Set("identifier", hostile[:40])
	form.Set("description", hostile+"\n\n[a](javascript:alert(5)) [b](data:text/html,x) <a href=\"javascript:alert(6)\">c</a>\n\n![p](https://evil.example/x.png)\n\n<iframe src=https://evil.example></iframe><style>*{display:none}</style>")
	bad := url.Values{}
	for k, v := range form {
		bad[k] = v
	}
	bad.Set("year", hostile)
	bad.Set("version", hostile)
	bad.Set("mirrors", hostile)
	again := b.Send("/upload", bad, raw)
	if again.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("status %d", again.StatusCode)
	}
	harmless(t, "the form with mistakes", again)
	done := b.Send("/upload", form, raw)
	if done.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d: %s", done.StatusCode, done.Page(t).Find("#problems").Text())
	}
	harmless(t, "after the upload", b.Follow(done))
	if a := w.As("user").Post("/settings/tokens", url.Values{"name": {hostile[:60]}, "scope": {"read"}}); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", a.StatusCode)
	}
	w.Must(w.Deps.Catalog.SetLeech(t.Context(), 1, "free", hostile))
	for _, path := range []string{"/", "/browse", "/groups/1", "/torrents/1/files", "/torrents/1/edit", "/groups/1/edit", "/commands/torrent-delete?id=1", "/settings", "/members/user",
		"/browse?q=" + url.QueryEscape(hostile), "/browse?tag=" + url.QueryEscape(hostile), "/browse?creator=" + url.QueryEscape(hostile),
		"/browse?format=" + url.QueryEscape(hostile), "/upload?category=" + url.QueryEscape(hostile)} {
		harmless(t, path, b.Get(path))
	}
	harmless(t, "/login", w.As("anonymous").Get("/login?next="+url.QueryEscape(hostile)))
	harmless(t, "login", w.As("anonymous").Post("/login", url.Values{"name": {hostile}, "password": {hostile}, "next": {hostile}}))
	staff := w.As("sysop")
	harmless(t, "new member", staff.Post("/commands/member-create", url.Values{"name": {hostile}, "email": {hostile}, "class": {hostile}}))
	harmless(t, "members after", staff.Get("/staff/members?after="+url.QueryEscape(hostile)))
	if a := b.Get("/torrents/1/download"); strings.ContainsAny(a.Header.Get("Content-Disposition"), "\r\n<>") {
		t.Errorf("Content-Disposition %q", a.Header.Get("Content-Disposition"))
	}
}

// harmless fails when a page holds a script, a handler, a picture, a frame or an
// address of somebody else's making.
func harmless(t *testing.T, where string, a sitetest.Answer) {
	t.Helper()
	if a.StatusCode >= 500 {
		t.Errorf("%s: status %d", where, a.StatusCode)
	}
	doc := a.Page(t)
	doc.Find("script").Each(func(_ int, s *goquery.Selection) {
		if src, ok := s.Attr("src"); !ok || !strings.HasPrefix(src, "/assets/") || s.Text() != "" {
			t.Errorf("%s: foreign script %q", where, src)
		}
	})
	if n := doc.Find("img, iframe, style, object, embed, base, [style]").Length(); n != 0 {
		t.Errorf("%s: %d elements that no page of ours has", where, n)
	}
	doc.Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, attr := range s.Nodes[0].Attr {
			if strings.HasPrefix(attr.Key, "on") {
				t.Errorf("%s: handler %s on <%s>", where, attr.Key, goquery.NodeName(s))
			}
			value := strings.ToLower(strings.TrimSpace(attr.Val))
			if (attr.Key == "href" || attr.Key == "src" || attr.Key == "action") && (strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "data:")) {
				t.Errorf("%s: %s=%q", where, attr.Key, attr.Val)
			}
		}
	})
}
