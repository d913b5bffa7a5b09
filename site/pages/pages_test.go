package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// text is what is read on the page of an address.
func text(t *testing.T, a sitetest.Answer) string {
	t.Helper()
	if a.StatusCode != http.StatusOK {
		t.Fatalf("status %d", a.StatusCode)
	}
	return a.Page(t).Find("main").Text()
}

// form is the form of an edit page with what it holds.
func form(t *testing.T, a sitetest.Answer) url.Values {
	t.Helper()
	out := url.Values{}
	a.Page(t).Find("form.stack [name]").Each(func(_ int, s *goquery.Selection) {
		if !s.Is("button") {
			out.Set(s.AttrOr("name", ""), s.AttrOr("value", s.Text()))
		}
	})
	out.Set("text", strings.TrimPrefix(out.Get("text"), "\n"))
	return out
}

func TestWhatIsShipped(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	for path, says := range map[string]string{
		"/help": "Start in five minutes", "/rules": "There is no rule about your ratio", "/terms": "BioTorrents is a private library",
		"/help/clients": "qBittorrent 5", "/help/freeleech": "equinoxes", "/help/staff": "moderator", "/help/bans": "ban find", "/help/irc": "Your name here: user", "/news": "There is no news",
	} {
		if got := text(t, b.Get(path)); !strings.Contains(got, says) || strings.Contains(got, "{{") {
			t.Errorf("%s does not say %q, or shows a placeholder:\n%s", path, says, got)
		}
	}
	for _, path := range []string{"/help/nothing", "/help/rules", "/help/news-1", "/help/help", "/news/1", "/news/x", "/help/NEWS", "/pages/nothing/history", "/pages/nothing/diff", "/pages/rules/diff?to=9"} {
		if a := b.Get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, a.StatusCode)
		}
	}
	for _, path := range []string{"/rules", "/terms"} {
		if got := w.As("anonymous").Get(path); got.StatusCode != http.StatusOK || strings.Contains(got.Text, "/edit") {
			t.Errorf("%s for the world: status %d", path, got.StatusCode)
		}
	}
}

// TestIRCAsItIs has the page on IRC follow what network there is.
func TestIRCAsItIs(t *testing.T) {
	w := sitetest.OnSQLite(t)
	own := w.As("user").Get("/help/irc")
	if got := own.Page(t).Find("[data-recipe]").Length(); got != 6 || strings.Contains(own.Text, w.People["user"].IRCKey) {
		t.Errorf("%d recipes, or the key", got)
	}
	for says, change := range map[string]func(){
		"/msg Hermes ENTER #announce user YOUR_IRC_KEY": func() { w.Deps.IRC.Bot = "Hermes" },
		"This site has no IRC network":                  func() { w.Deps.IRC = web.IRCInfo{} },
	} {
		before := w.Deps.IRC
		change()
		w.Restart()
		a := w.As("user").Get("/help/irc")
		if !strings.Contains(text(t, a), says) || a.Page(t).Find("[data-recipe]").Length() != 0 {
			t.Errorf("%q is missing, or there is a recipe:\n%s", says, text(t, a))
		}
		w.Deps.IRC = before
	}
}

// TestStaffAreListed by class, without those who are gone.
func TestStaffAreListed(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Join("aide", "")
	w.Join("gone", "Moderator")
	w.Must(w.Deps.Members.SetSecondary(t.Context(), w.People["aide"].Member.ID, "First-line Support", true))
	w.Must(membertest.Disable(t.Context(), w.Deps.Members, w.People["gone"].Member.ID, "a test"))
	var got []string
	w.As("user").Get("/help/staff").Page(t).Find("main h2").Each(func(_ int, s *goquery.Selection) {
		got = append(got, s.Text()+": "+strings.Join(strings.Fields(s.NextFiltered("ul").Text()), " "))
	})
	if want := "Sysop: sysop|Moderator: moderator|First-line Support: aide"; !strings.HasPrefix(strings.Join(got, "|"), want) {
		t.Errorf("%q, want %s", got, want)
	}
}

func TestWriteAPage(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		b := w.As("moderator")
		f := form(t, b.Get("/pages/rules/edit"))
		if f.Get("base") != "0" || f.Get("title") != "Rules" || !strings.Contains(f.Get("text"), "## Sharing") {
			t.Fatalf("the form has %v", f)
		}
		f.Set("text", f.Get("text")+"\n## One more\n\nBe *kind*, {{name}}.\n")
		f.Set("summary", "One more rule")
		f.Set("do", "preview")
		seen := b.Post("/pages/rules/edit", f)
		if !strings.Contains(seen.Text, "Be <em>kind</em>, moderator.") || form(t, seen).Get("text") == "" {
			t.Error("the preview does not show the text")
		}
		if p, err := w.Deps.Pages.Page(t.Context(), "rules"); err != nil || p.Revision != 0 {
			t.Errorf("the preview has saved revision %d, %v", p.Revision, err)
		}
		late := form(t, w.As("sysop").Get("/pages/rules/edit"))
		f.Set("do", "save")
		saved := b.Follow(b.Post("/pages/rules/edit", f))
		if got := text(t, saved); !strings.Contains(got, "is saved as revision 1") || !strings.Contains(got, "Be kind, moderator.") {
			t.Errorf("after saving: %s", got)
		}
		// The other one is told what changed, loses nothing, and can save it then.
		late.Set("text", "Only one rule.")
		late.Set("do", "save")
		told := w.As("sysop").Post("/pages/rules/edit", late)
		again := form(t, told)
		if told.StatusCode != http.StatusConflict || !strings.Contains(told.Text, "moderator changed this page while you wrote") || !strings.Contains(told.Page(t).Find(".diff ins").Text(), "One more") ||
			again.Get("text") != "Only one rule." || again.Get("base") != "1" {
			t.Errorf("status %d, base %s: %s", told.StatusCode, again.Get("base"), told.Page(t).Find("main").Text())
		}
		again.Set("do", "save")
		sysop := w.As("sysop")
		sysop.Follow(sysop.Post("/pages/rules/edit", again))
		diff := w.As("user").Get("/pages/rules/diff?to=1").Page(t)
		if got := strings.Join(diff.Find(".diff ins").Map(func(_ int, s *goquery.Selection) string { return s.Text() }), "|"); got != "## One more||Be *kind*, {{name}}." || diff.Find(".diff del").Length() != 0 ||
			!strings.HasPrefix(diff.Find(".diff .skipped").First().Text(), "…") {
			t.Errorf("the first edit added %q", got)
		}
		// Staff go back by a button, and take that back.
		history := b.Get("/pages/rules/history").Page(t)
		button := history.Find("form[action='/commands/page-revert']")
		if button.Length() != 1 || button.Find("[name=revision]").AttrOr("value", "") != "1" {
			t.Fatalf("%d buttons", button.Length())
		}
		back := b.Follow(b.Post("/commands/page-revert", url.Values{"page": {"rules"}, "revision": {"1"}, "back": {"/pages/rules/history"}}))
		if text(t, w.As("anonymous").Get("/rules")) == "" || !strings.Contains(w.As("anonymous").Get("/rules").Text, "your name here") {
			t.Error("the first edit is not back")
		}
		undo := back.Page(t).Find(".flash form[action='/commands/undo'] [name=id]").AttrOr("value", "")
		b.Follow(b.Post("/commands/undo", url.Values{"id": {undo}, "back": {"/rules"}}))
		if got := text(t, b.Get("/rules")); !strings.Contains(got, "Only one rule.") {
			t.Errorf("after undo: %s", got)
		}
		b.Follow(b.Post("/commands/page-reset", url.Values{"page": {"rules"}, "back": {"/rules"}}))
		if got := text(t, b.Get("/rules")); !strings.Contains(got, "There is no rule about your ratio") {
			t.Errorf("after the reset: %s", got)
		}
		if w.As("user").Get("/pages/rules/history").Page(t).Find("form[action^='/commands']").Length() != 0 {
			t.Error("members are shown buttons of staff")
		}
	})
}

func TestPagesOfStaff(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("moderator")
	f := url.Values{"page": {"First Steps"}, "title": {"First steps"}, "text": {"Sit down.\n\n<script>alert(1)</script>"}, "do": {"save"}}
	if a := b.Post("/pages/new", f); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("[name=page][aria-invalid]").Length() != 1 || form(t, a).Get("title") != "First steps" {
		t.Errorf("a bad name: status %d", a.StatusCode)
	}
	f.Set("page", "first-steps")
	if got := text(t, b.Follow(b.Post("/pages/new", f))); !strings.Contains(got, "Sit down.") {
		t.Errorf("the new page: %s", got)
	}
	if a := b.Post("/pages/new", f); a.StatusCode != http.StatusConflict {
		t.Errorf("the same name again: status %d", a.StatusCode)
	}
	if a := w.As("user").Get("/help/first-steps"); strings.Contains(a.Text, "<script>alert") || strings.Contains(a.Text, "/edit") {
		t.Error("the page has a script, or an offer for staff")
	}
	b.Follow(b.Post("/commands/page-reset", url.Values{"page": {"first-steps"}, "back": {"/pages"}}))
	for _, path := range []string{"/help/first-steps", "/pages/first-steps/history", "/pages/first-steps/diff"} {
		if a := w.As("user").Get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s after it was taken away: status %d", path, a.StatusCode)
		}
	}
	b.Follow(b.Post("/commands/page-revert", url.Values{"page": {"first-steps"}, "revision": {"1"}, "back": {"/pages/first-steps/history"}}))
	text(t, w.As("user").Get("/help/first-steps"))
	for name, form := range map[string]string{"page-edit": "/pages", "news-add": "/pages/news"} {
		if a := b.Get("/commands/" + name); a.Header.Get("Location") != form {
			t.Errorf("%s leads to %q", name, a.Header.Get("Location"))
		}
		if a := w.As("user").Get("/commands/" + name); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s for a member: status %d", name, a.StatusCode)
		}
	}
}

func TestNews(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("moderator")
	for i := range 12 {
		a := b.Post("/pages/news", url.Values{"title": {fmt.Sprintf("Item %d", i+1)}, "text": {"Something **new**."}, "do": {"save"}})
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("status %d: %s", a.StatusCode, a.Page(t).Find("#problems").Text())
		}
	}
	first := w.As("user").Get("/news").Page(t)
	if got := first.Find("main article h2").First().Text(); got != "Item 12" || first.Find("main article").Length() != 10 {
		t.Errorf("first %q of %d", got, first.Find("main article").Length())
	}
	next := first.Find("a[href^='/news?before=']").AttrOr("href", "")
	if got := w.As("user").Get(next).Page(t).Find("main article h2").Text(); got != "Item 2Item 1" {
		t.Errorf("%s: %q", next, got)
	}
	f := form(t, b.Get("/pages/"+pages.NewsSlug(12)+"/edit"))
	f.Set("title", "Item twelve")
	f.Set("do", "save")
	if got := text(t, b.Follow(b.Post("/pages/news-12/edit", f))); !strings.Contains(got, "Item twelve") {
		t.Errorf("edited: %s", got)
	}
	text(t, w.As("user").Get("/news/12"))
	b.Follow(b.Post("/commands/news-remove", url.Values{"number": {"12"}, "back": {"/news"}}))
	if a := w.As("user").Get("/news/12"); a.StatusCode != http.StatusNotFound {
		t.Errorf("removed: status %d", a.StatusCode)
	}
}
