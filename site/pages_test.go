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
	"github.com/caduceus-bio/caduceus/internal/member"
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

func TestSettings(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b, elsewhere := w.As("user"), w.As("user")
	p := w.People["user"]
	page := b.Get("/settings")
	for _, want := range []string{p.Passkey, p.IRCKey, "http://tracker.example/" + p.Passkey + "/announce", "irc.example"} {
		if !strings.Contains(page.Text, want) {
			t.Errorf("the settings lack %q", want)
		}
	}
	if page.Page(t).Find("details.secret[open]").Length() != 0 {
		t.Error("a secret lies open")
	}
	made := b.Follow(b.Post("/settings/tokens", url.Values{"name": {"my script"}, "scope": {"upload"}})).Page(t)
	token := made.Find(".flash code").Text()
	if len(token) < 41 || w.As("anonymous").Get("/api/v1/me", "Authorization", "Bearer "+token).StatusCode != http.StatusOK {
		t.Errorf("token %q", token)
	}
	if strings.Contains(b.Get("/settings").Text, token) {
		t.Error("the token is shown a second time")
	}
	if a := b.Post("/settings/tokens", url.Values{"name": {""}, "scope": {"read"}}); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a token without a name: status %d", a.StatusCode)
	}
	revoke, _ := made.Find("form[action*=revoke]").First().Attr("action")
	b.Follow(b.Post(revoke, nil))
	if a := w.As("anonymous").Get("/api/v1/me", "Authorization", "Bearer "+token); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a revoked token: status %d", a.StatusCode)
	}
	end, _ := b.Get("/settings").Page(t).Find("form[action$=end]").First().Attr("action")
	b.Follow(b.Post(end, nil))
	if a := elsewhere.Get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the other browser: status %d", a.StatusCode)
	}
	b.Follow(b.Post("/settings/passkey", nil))
	b.Follow(b.Post("/settings/irc-key", nil))
	if a := b.Get("/settings"); strings.Contains(a.Text, p.Passkey) || strings.Contains(a.Text, p.IRCKey) {
		t.Error("the keys did not change")
	}
}

func TestIRCLoginPage(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b, other := w.As("user"), w.As("other")
	shown := strings.Repeat("0a", 32)
	if a := b.Get("/settings"); !strings.Contains(a.Text, `href="/settings/irc"`) {
		t.Error("the settings don't lead there")
	}
	page := b.Follow(b.Post("/settings/irc/certificates", url.Values{"certificate": {strings.ToUpper(shown)}, "label": {"laptop"}})).Page(t)
	if text := page.Find("#certificates tbody tr").Text(); !strings.Contains(text, shown) || !strings.Contains(text, "laptop") || !strings.Contains(text, "never") {
		t.Errorf("the certificate: %q", text)
	}
	if a := other.Get("/settings/irc"); strings.Contains(a.Text, shown) {
		t.Error("another member sees it")
	}
	if a := other.Post("/settings/irc/certificates/"+shown+"/remove", nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("another removes it: status %d", a.StatusCode)
	}
	secret := "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----"
	a := b.Post("/settings/irc/certificates", url.Values{"certificate": {secret}})
	if a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("#problems a[href='#f-certificate']").Length() != 1 || strings.Contains(a.Text, "SECRET") {
		t.Errorf("a private key: status %d", a.StatusCode)
	}
	remove, _ := page.Find("#certificates form[action$=remove]").First().Attr("action")
	if a := b.Follow(b.Post(remove, nil)); strings.Contains(a.Page(t).Find("#certificates tbody").Text(), shown) {
		t.Error("it is not removed")
	}

	page = b.Follow(b.Post("/settings/irc/nicks", url.Values{"nick": {"Wanderer"}})).Page(t)
	if text := page.Find("#nicks tbody").Text(); !strings.Contains(text, "Wanderer") {
		t.Errorf("the nick: %q", text)
	}
	if a := other.Post("/settings/irc/nicks", url.Values{"nick": {"wanderer"}}); a.StatusCode != http.StatusConflict {
		t.Errorf("another takes it: status %d", a.StatusCode)
	}
	give, _ := page.Find("#nicks form[action$=remove]").First().Attr("action")
	b.Follow(b.Post(give, nil))
	if a := other.Follow(other.Post("/settings/irc/nicks", url.Values{"nick": {"wanderer"}})); !strings.Contains(a.Page(t).Find("#nicks tbody").Text(), "wanderer") {
		t.Error("a nick that was given up is not free")
	}

	// On another network there is no such page.
	w.Deps.IRC.Bot = "Hermes"
	w.Restart()
	if a := b.Get("/settings/irc"); a.StatusCode != http.StatusNotFound {
		t.Errorf("on another network: status %d", a.StatusCode)
	}
}

func TestNewPassphrase(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b, elsewhere := w.As("user"), w.As("user")
	old, fresh := w.People["user"].Password, "quite another passphrase"
	for field, form := range map[string]url.Values{
		"current":  {"current": {"wrong"}, "password": {fresh}, "again": {fresh}},
		"again":    {"current": {old}, "password": {fresh}, "again": {"something else entirely"}},
		"password": {"current": {old}, "password": {"short"}, "again": {"short"}},
	} {
		a := b.Post("/settings/passphrase", form)
		if a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("#problems a[href='#f-"+field+"']").Length() != 1 {
			t.Errorf("%s: status %d", field, a.StatusCode)
		}
		if strings.Contains(a.Text, old) || strings.Contains(a.Text, fresh) {
			t.Errorf("%s: a passphrase is in the page", field)
		}
	}
	if a := b.Follow(b.Post("/settings/passphrase", url.Values{"current": {old}, "password": {fresh}, "again": {fresh}})); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "Your passphrase is changed") {
		t.Errorf("status %d", a.StatusCode)
	}
	if a := elsewhere.Get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Error("another browser stays logged in")
	}
	if _, err := w.Deps.Members.Login(t.Context(), "user", fresh); err != nil {
		t.Error(err)
	}
}

func TestStaffPages(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		b := w.As("sysop")
		made := b.Follow(b.Post("/staff/members/new", url.Values{"name": {"newcomer"}, "email": {"n@lab.example"}, "class": {"Member"}})).Page(t)
		var secrets []string
		made.Find(".flash code").Each(func(_ int, s *goquery.Selection) { secrets = append(secrets, s.Text()) })
		if len(secrets) != 4 || secrets[0] != "newcomer" {
			t.Fatalf("secrets %d", len(secrets))
		}
		if m, err := w.Deps.Members.Login(t.Context(), "newcomer", secrets[1]); err != nil || m.Class.Name != "Member" {
			t.Errorf("log in as the newcomer: %v", err)
		}
		if a := b.Get("/staff/members/newcomer"); strings.Contains(a.Text, secrets[1]) {
			t.Error("the passphrase is shown a second time")
		}
		for name, form := range map[string]url.Values{"name": {"name": {"no spaces please"}, "class": {"User"}}, "email": {"name": {"fine"}, "email": {"nonsense"}, "class": {"User"}}} {
			if a := b.Post("/staff/members/new", form); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("#f-"+name+"[aria-invalid]").Length() != 1 {
				t.Errorf("%s: status %d", name, a.StatusCode)
			}
		}
		if a := b.Post("/staff/members/new", url.Values{"name": {"NEWCOMER"}, "class": {"User"}}); a.StatusCode != http.StatusConflict {
			t.Errorf("a name that is taken: status %d", a.StatusCode)
		}
		if a := b.Post("/staff/members/newcomer/state", url.Values{"state": {"disabled"}, "reason": {" "}}); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("disabled without a reason: status %d", a.StatusCode)
		}
		b.Follow(b.Post("/staff/members/newcomer/state", url.Values{"state": {"disabled"}, "reason": {"two accounts"}}))
		b.Follow(b.Post("/staff/members/newcomer/class", url.Values{"class": {"elite"}}))
		b.Follow(b.Post("/staff/members/newcomer/leech", url.Values{"state": {"off"}}))
		m, err := w.Deps.Members.ByName(t.Context(), "newcomer")
		if err != nil || m.State != member.Disabled || m.StateReason != "two accounts" || m.Class.Name != "Elite" || m.CanLeech {
			t.Errorf("member %+v (%v)", m, err)
		}
		b.Follow(b.Post("/staff/members/newcomer/state", url.Values{"state": {"enabled"}}))
		if m, _ = w.Deps.Members.ByName(t.Context(), "newcomer"); !m.Enabled() {
			t.Error("not enabled again")
		}
		var n int
		if err := w.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit WHERE via = 'site' AND actor_name = 'sysop' AND outcome = 'done'").Scan(&n); err != nil || n != 5 {
			t.Errorf("%d rows in the audit log (%v), want 5", n, err)
		}
		if list := b.Get("/staff/members").Text; !strings.Contains(list, "newcomer") || !strings.Contains(list, ">disabled<") {
			t.Error("the list lacks somebody")
		}
	})
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
