package account_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// filled is a form of a page as a browser would send it, with some fields filled in.
func filled(page *goquery.Document, action string, fields map[string]string) url.Values {
	form := url.Values{}
	page.Find(`form[action="` + action + `"]`).Find("input[name], textarea[name]").Each(func(_ int, f *goquery.Selection) {
		value := f.AttrOr("value", "")
		if f.Is("textarea") {
			value = strings.TrimPrefix(f.Text(), "\n")
		}
		form.Set(f.AttrOr("name", ""), value)
	})
	for name, value := range fields {
		form.Set(name, value)
	}
	return form
}

var anApplication = map[string]string{"name": "newcomer", "email": "new@lab.example", "answer-1": "Yeast, and its genome.", "answer-3": "From a friend."}

// applied sends the form and returns the address at which the application is followed.
func applied(t *testing.T, w *sitetest.World, b *sitetest.Browser, fields map[string]string) string {
	t.Helper()
	form := filled(b.Get("/apply").Page(t), "/apply", fields)
	w.Pass(time.Minute)
	a := b.Post("/apply", form)
	to := a.Header.Get("Location")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, invite.StatePath+"/") {
		t.Fatalf("the application was not taken: status %d, to %q: %s", a.StatusCode, to, a.Page(t).Find("main").Text())
	}
	return to
}

// says reports what the main part of a page must say.
func says(t *testing.T, a sitetest.Answer, what ...string) {
	t.Helper()
	text := strings.Join(strings.Fields(a.Page(t).Find("main").Text()), " ")
	for _, w := range what {
		if !strings.Contains(text, w) {
			t.Errorf("the page does not say %q: %s", w, text)
		}
	}
}

// TestApply makes every mistake in the form, applies, follows the application by its code,
// and withdraws it.
func TestApply(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	says(t, b.Get("/apply"), "by the invite of a member")
	if a := b.Post("/apply", url.Values{"name": {"x"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("a form that is not there was taken: %d", a.StatusCode)
	}
	w.Set("registration.mode", "application")
	says(t, b.Get("/join"), "by an application")
	says(t, w.As("user").Get("/apply"), "a member already")
	form := filled(b.Get("/apply").Page(t), "/apply", anApplication)
	if a := b.Post("/apply", form); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a form that came at once: status %d", a.StatusCode)
	}
	w.Pass(time.Minute)
	for field, bad := range map[string]string{"name": "no good name", "email": "nowhere", "answer-1": " ", "answer-3": strings.Repeat("ä", invite.MaxAnswer+1), invite.TrapField: "http://spam.example"} {
		f := filled(b.Get("/apply").Page(t), "/apply", anApplication)
		w.Pass(time.Minute)
		f.Set(field, bad)
		a := b.Post("/apply", f)
		page := a.Page(t)
		if a.StatusCode != http.StatusUnprocessableEntity || page.Find("#problems li").Length() != 1 {
			t.Errorf("%s: status %d, %d things to mend", field, a.StatusCode, page.Find("#problems li").Length())
		}
		again := filled(page, "/apply", nil)
		for _, name := range []string{"name", "email", "answer-1", "answer-3"} {
			if again.Get(name) != f.Get(name) {
				t.Errorf("%s: %s was not kept: %.40q", field, name, again.Get(name))
			}
		}
		if field != invite.TrapField && page.Find(`#f-`+field+`[aria-invalid="true"]`).Length() != 1 {
			t.Errorf("%s is not marked", field)
		}
	}
	all := b.Post("/apply", url.Values{"stamp": form["stamp"]}).Page(t)
	if n := all.Find("#problems li").Length(); n != 3 {
		t.Errorf("%d mistakes are told of an empty form", n)
	}
	path := applied(t, w, b, anApplication)
	other := w.As("anonymous")
	says(t, other.Get(path), "waits for staff", "the next in the queue", "newcomer")
	code := strings.TrimPrefix(path, invite.StatePath+"/")
	for _, bad := range []string{"", "short", strings.Repeat("x", len(code)), code[:len(code)-1] + "/"} {
		a := other.Post(invite.StatePath, url.Values{"code": {bad}})
		if a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusUnprocessableEntity || bad != "" && strings.Contains(a.Text, bad) {
			t.Errorf("the code %q: status %d, or it came back", bad, a.StatusCode)
		}
	}
	if a := other.Post(invite.StatePath, url.Values{"code": {" " + code + "\n"}}); a.Header.Get("Location") != path {
		t.Errorf("the code leads to %q", a.Header.Get("Location"))
	}
	gone := other.Follow(other.Agree(t, other.Post(path+"/withdraw", nil)))
	says(t, gone, "You have withdrawn it", "Apply again")
	if a := other.Post(path+"/withdraw", url.Values{"sure": {"yes"}}); a.Header.Get("Location") != path {
		t.Errorf("withdrawn twice: status %d", a.StatusCode)
	}
}

// TestApplicationIsDecided follows applications to each end: refused, let in without mail
// and by it, expired and taken back.
func TestApplicationIsDecided(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Set("registration.mode", "application")
	b, staff := w.As("anonymous"), w.As("moderator")
	n := 0
	decided := func(fields map[string]string, command string, given url.Values) (path, id string) {
		t.Helper()
		w.Pass(25 * time.Hour) // no more than some in a day
		path = applied(t, w, b, fields)
		n++
		given.Set("id", strconv.Itoa(n))
		for _, c := range []string{"application-claim", command} {
			if a := staff.Post("/commands/"+c, given); a.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s: status %d: %s", c, a.StatusCode, a.Page(t).Find("main").Text())
			}
		}
		return path, given.Get("id")
	}
	path, _ := decided(anApplication, "application-refuse", url.Values{"reason": {"Tell us <more> of your work."}, "wait": {"2d"}})
	says(t, b.Get(path), "It was refused", "“Tell us <more> of your work.”", "You may apply again from 4 Mar 2026")
	again := filled(b.Get("/apply").Page(t), "/apply", anApplication)
	w.Pass(time.Minute)
	a := b.Post("/apply", again)
	says(t, a, "you may apply again from")
	if filled(a.Page(t), "/apply", nil).Get("answer-1") != anApplication["answer-1"] || a.Header.Get("Retry-After") == "" {
		t.Error("what was typed is gone, or nothing says when to come back")
	}
	w.Pass(48 * time.Hour)
	says(t, b.Get(path), "You may apply again.")

	mailed, _ := decided(anApplication, "application-pass", url.Values{})
	if a := b.Get(mailed); strings.Contains(a.Text, invite.JoinPath+"/") {
		t.Error("the link is shown, though it was mailed")
	} else {
		says(t, a, "mailed to the address that you gave")
	}
	w.Pass(4 * 24 * time.Hour)
	says(t, b.Get(mailed), "The invite has expired", "Apply again")

	byHand, id := decided(map[string]string{"name": "byhand", "answer-1": "Yeast", "answer-3": "A talk"}, "application-pass", url.Values{})
	link := b.Get(byHand).Page(t).Find(`main a[href^="/join/"]`).AttrOr("href", "")
	form := filled(b.Get(link).Page(t), link, map[string]string{"name": "byhand", "password": "a passphrase of several words", "again": "a passphrase of several words", "rules": "1"})
	w.Pass(time.Minute)
	b.Post(link, form)
	if o, err := w.Deps.Invites.Origin(t.Context(), idOf(t, w, "byhand")); err != nil || o.Via != invite.ViaApplication {
		t.Errorf("they came by %q, %v", o.Via, err)
	}
	b = w.As("anonymous")
	says(t, b.Get(byHand), "You have joined")
	if a := staff.Post("/commands/application-reopen", url.Values{"id": {id}}); a.StatusCode != http.StatusConflict {
		t.Errorf("reopened after joining: status %d", a.StatusCode)
	}
}
