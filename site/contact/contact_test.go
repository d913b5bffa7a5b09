package contact_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// stamped is a form as it was drawn at an address, some time ago, with what is filled in.
func stamped(t *testing.T, w *sitetest.World, b *sitetest.Browser, path string, filled map[string]string) url.Values {
	t.Helper()
	a := b.Get(path)
	stamp := a.Page(t).Find("form [name=stamp]").AttrOr("value", "")
	if a.StatusCode != http.StatusOK || stamp == "" {
		t.Fatalf("%s: status %d, stamp %q", path, a.StatusCode, stamp)
	}
	w.Pass(time.Minute)
	f := url.Values{"stamp": {stamp}}
	for name, value := range filled {
		f.Set(name, value)
	}
	return f
}

var (
	question = map[string]string{"subject": "About <b>yeast</b>", "text": "Who runs this?\n\nI ask <i>for</i> a friend.", "email": "eve@lab.example"}
	demand   = map[string]string{"work": "The atlas", "where": "/groups/1", "behalf": "The Press", "text": "It is ours.", "name": "L. Aw", "email": "law@press.example", "true": "1"}
)

// TestStrangersWriteToStaff writes both forms as a stranger, with each mistake before.
func TestStrangersWriteToStaff(t *testing.T) {
	t.Parallel()
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	for path, form := range map[string]map[string]string{"/contact": question, "/contact/takedown": demand} {
		for field := range form {
			f := stamped(t, w, b, path, form)
			f.Del(field)
			a := b.Post(path, f)
			page := a.Page(t)
			if a.StatusCode != http.StatusUnprocessableEntity || page.Find("#f-"+field+"-error").Length() != 1 {
				t.Errorf("%s without %s: status %d", path, field, a.StatusCode)
			}
			for other, value := range form {
				got := page.Find("#f-"+other).AttrOr("value", page.Find("textarea#f-"+other).Text())
				if other != field && other != "true" && strings.TrimSpace(got) != value {
					t.Errorf("%s without %s: %s was not kept: %q", path, field, other, got)
				}
			}
		}
		trapped := stamped(t, w, b, path, form)
		trapped.Set(invite.TrapField, "http://spam.example")
		forged := stamped(t, w, b, path, form)
		forged.Set("stamp", "x.y")
		for what, f := range map[string]url.Values{"a trapped form": trapped, "a forged stamp": forged} {
			if a := b.Post(path, f); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("#problems").Length() != 1 {
				t.Errorf("%s: %s: status %d", path, what, a.StatusCode)
			}
		}
	}
	if n, err := w.Deps.Support.Waiting(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d wait after mistakes, %v", n, err)
	}
	for i := range 5 {
		a := b.Post("/contact", stamped(t, w, b, "/contact", question))
		if a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "eve@lab.example") {
			t.Fatalf("message %d: status %d", i, a.StatusCode)
		}
	}
	a := b.Post("/contact/takedown", stamped(t, w, b, "/contact/takedown", demand))
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Text, "from your network") || a.Page(t).Find("#f-work").AttrOr("value", "") != "The atlas" {
		t.Errorf("one too many: status %d", a.StatusCode)
	}
	w.Pass(25 * time.Hour)
	if a := b.Post("/contact/takedown", stamped(t, w, b, "/contact/takedown", demand)); a.StatusCode != http.StatusOK {
		t.Errorf("the day after: status %d", a.StatusCode)
	}
	if a := w.As("user").Get("/contact/1"); a.StatusCode != http.StatusNotFound {
		t.Errorf("a stranger's message, as a member: status %d", a.StatusCode)
	}
}

// TestMembersAndStaff writes as a member, answers by the page's form, reads the answer as the
// member, and answers a stranger where the site sends no mail.
func TestMembersAndStaff(t *testing.T) {
	t.Parallel()
	w := sitetest.OnSQLite(t)
	user, mod := w.As("user"), w.As("moderator")
	if got := mod.Get("/staff/contact").Page(t).Find("main").Text(); !strings.Contains(got, "Nothing waits") {
		t.Errorf("without messages: %s", got)
	}
	f := stamped(t, w, user, "/contact", question)
	f.Del("email")
	if a := user.Post("/contact", f); a.StatusCode != http.StatusOK || a.Page(t).Find("a[href='/contact/1']").Length() != 1 {
		t.Fatalf("as a member: status %d", a.StatusCode)
	}
	if page := user.Get("/contact").Page(t); !strings.Contains(page.Find("#own").Parent().Text(), "About <b>yeast</b>") {
		t.Error("a member's own messages are not listed")
	}
	for _, who := range []string{"other", "moderator"} {
		if a := w.As(who).Get("/contact/1"); a.StatusCode != http.StatusNotFound {
			t.Errorf("as %s: status %d", who, a.StatusCode)
		}
	}
	if a := mod.Get("/staff/contact"); a.Page(t).Find("td a[href='/staff/contact/1']").Text() != "About <b>yeast</b>" {
		t.Error("staff don't see it")
	}
	page := mod.Get("/staff/contact/1").Page(t)
	form := page.Find("form[action='/commands/contact-answer']")
	if !strings.Contains(page.Find("main").Text(), "I ask <i>for</i> a friend.") || form.Find("textarea[name=text]").Length() != 1 {
		t.Fatal("the message, or the form for the answer, is missing")
	}
	send := func(name string, values url.Values) {
		t.Helper()
		values.Set("back", "/staff/contact/"+values.Get("id"))
		a := mod.Post("/commands/"+name, values)
		if a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: status %d", name, a.StatusCode)
		}
	}
	send("contact-claim", url.Values{"id": {"1"}})
	send("contact-answer", url.Values{"id": {"1"}, "text": {"Volunteers do.\n\n" + strings.Repeat("🧬", 1400)}})
	if got := user.Get("/contact/1").Page(t).Find("main").Text(); !strings.Contains(got, "Volunteers do.") || !strings.Contains(got, "moderator, staff") {
		t.Errorf("the member reads %s", got)
	}
	send("contact-close", url.Values{"id": {"1"}, "reason": {"a nuisance"}})
	if a := user.Get("/contact/1"); strings.Contains(a.Text, "nuisance") {
		t.Error("the member reads what staff noted")
	}
	closed := mod.Get("/staff/contact/1").Page(t)
	if closed.Find("form[action='/commands/contact-reopen']").Length() != 1 || closed.Find("form[action='/commands/contact-answer']").Length() != 0 || !strings.Contains(closed.Find("main").Text(), "a nuisance") {
		t.Error("a closed message has the wrong buttons")
	}
	if a := mod.Get("/staff/contact?state=closed"); a.Page(t).Find("td a[href='/staff/contact/1']").Length() != 1 {
		t.Error("it is not among the closed ones")
	}

	w.NoMail = true
	b := w.As("anonymous")
	b.Post("/contact/takedown", stamped(t, w, b, "/contact/takedown", demand))
	page = mod.Get("/staff/contact/2").Page(t)
	if got := page.Find("main").Text(); !strings.Contains(got, "write by hand to law@press.example") || !strings.Contains(got, "On behalf of") {
		t.Errorf("by hand: %s", got)
	}
	if a := mod.Get("/staff/contact/4711"); a.StatusCode != http.StatusNotFound {
		t.Errorf("no such message: status %d", a.StatusCode)
	}
	if d, err := w.Deps.Support.Detail(t.Context(), 2); err != nil || d.State != support.Open {
		t.Errorf("looking changed it: %+v, %v", d.Ticket, err)
	}
}

// TestAbout is what the site says of itself, in each way of joining.
func TestAbout(t *testing.T) {
	t.Parallel()
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	for mode, want := range map[string][2]string{setting.ModeInvite: {"By invitation", ""}, setting.ModeOpen: {"Open", "/join"}, setting.ModeClosed: {"Closed", ""}, setting.ModeApplication: {"By application", "/apply"}} {
		_, _, err := w.Deps.Settings.Set(t.Context(), 0, setting.RegistrationMode.Name, mode)
		w.Must(err)
		page := b.Get("/about").Page(t)
		card := page.Find("#joining").ParentsFiltered("section").First()
		if got := card.Text(); !strings.Contains(got, want[0]) || card.Find("a.button").AttrOr("href", "") != want[1] || strings.Contains(got, "What do you work on") != (mode == setting.ModeApplication) {
			t.Errorf("%s: %s", mode, got)
		}
		if page.Find("main a[href='/contact']").Length() == 0 || page.Find("main a[href='/contact/takedown']").Length() != 1 || page.Find("main a[href='/rules']").Length() == 0 {
			t.Errorf("%s: the ways to staff and the rules are missing", mode)
		}
	}
	_, _, err := w.Deps.Settings.Set(t.Context(), 0, setting.RegistrationLimit.Name, "1")
	w.Must(err)
	_, _, err = w.Deps.Settings.Set(t.Context(), 0, setting.RegistrationMode.Name, setting.ModeOpen)
	w.Must(err)
	if page := b.Get("/about").Page(t); !strings.Contains(page.Find("main").Text(), "Full") || page.Find("main a.button").Length() != 0 {
		t.Error("a full site lets people join")
	}
	mod := w.As("moderator")
	if mod.Get("/about").Page(t).Find("a[href='/pages/about/edit']").Length() != 1 {
		t.Error("staff can't edit it there")
	}
	mod.Post("/pages/about/edit", url.Values{"base": {"0"}, "page": {"about"}, "title": {"About us"}, "text": {"## Who runs it\n\nThe yeast lab."}, "summary": {"who"}, "do": {"save"}})
	if a := b.Get("/about"); !strings.Contains(a.Text, "The yeast lab.") || !strings.Contains(a.Text, "About us") {
		t.Error("what staff wrote is not shown")
	}
}
