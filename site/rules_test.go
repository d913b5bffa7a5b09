package site_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestRulesAskedAgain changes the rules in substance, and has a member go everywhere before
// and after they accept them.
func TestRulesAskedAgain(t *testing.T) {
	w := sitetest.OnSQLite(t)
	user, staff := w.People["user"].Member.ID, w.As("sysop")
	write := func(line string) {
		t.Helper()
		now, err := w.Deps.Pages.Current(t.Context(), "rules")
		w.Must(err)
		_, err = w.Deps.Pages.Edit(t.Context(), "rules", pages.Draft{Title: now.Title, Source: now.Source + "\n\n" + line, Summary: "One more", Base: now.Revision}, pages.By{ID: 1, Name: "sysop"})
		w.Must(err)
	}
	w.Must(w.Deps.Invites.Accept(t.Context(), user, 0))
	b := w.As("user")
	write("Mend what you <break>.")
	if a := b.Get("/browse"); a.StatusCode != http.StatusOK {
		t.Fatalf("a change that nobody asks to accept: status %d", a.StatusCode)
	}
	if a := staff.Agree(t, staff.Post("/commands/rules-require", nil)); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("rules require: status %d", a.StatusCode)
	}
	led := b.Get("/browse?q=phage")
	if to := led.Header.Get("Location"); to != "/rules/accept?next=%2Fbrowse%3Fq%3Dphage" {
		t.Errorf("led to %q", to)
	}
	page := b.Follow(led)
	if ins := page.Page(t).Find("main .diff ins").Text(); !strings.Contains(ins, "Mend what you <break>.") {
		t.Errorf("what is new: %q", ins)
	}
	for _, path := range []string{"/rules", "/terms", "/recover", "/settings/recovery", "/inbox", "/commands/why", "/rules/accept"} {
		if a := b.Get(path); a.StatusCode != http.StatusOK {
			t.Errorf("%s before they accept: status %d", path, a.StatusCode)
		}
	}
	for _, path := range []string{"/", "/settings", "/members/user", "/help", "/commands/stats"} {
		if a := b.Get(path); !strings.HasPrefix(a.Header.Get("Location"), "/rules/accept") {
			t.Errorf("%s: status %d, led to %q", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if a := b.Post("/settings/privacy", url.Values{"preset": {"nothing"}}); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "nothing was done") {
		t.Errorf("a form before they accept: status %d", a.StatusCode)
	}
	if a := b.Get("/api/v1/me", "Authorization", "Bearer "+w.People["user"].Read); a.StatusCode != http.StatusOK {
		t.Errorf("a program: status %d", a.StatusCode)
	}
	form := func() url.Values {
		p := b.Get("/rules/accept?next=/browse").Page(t)
		return url.Values{"accepts": {"1"}, "next": {p.Find("[name=next]").AttrOr("value", "")}, "revision": {p.Find("[name=revision]").AttrOr("value", "")}}
	}
	old := form()
	without := form()
	without.Del("accepts")
	if a := b.Post("/rules/accept", without); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("not ticked: status %d", a.StatusCode)
	}
	write("And label it.")
	for _, revision := range []string{old.Get("revision"), "", "-1", "99", "x"} {
		old.Set("revision", revision)
		if a := b.Post("/rules/accept", old); a.StatusCode != http.StatusConflict || !strings.Contains(a.Text, "And label it.") {
			t.Errorf("revision %q, which they are not: status %d", revision, a.StatusCode)
		}
	}
	if a := b.Post("/rules/accept", form()); a.Header.Get("Location") != "/browse" {
		t.Errorf("accepted: status %d, led to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := b.Get("/browse"); a.StatusCode != http.StatusOK {
		t.Errorf("after they accepted: status %d", a.StatusCode)
	}
	if last, any, err := w.Deps.Invites.Accepted(t.Context(), user); err != nil || !any || last != 2 {
		t.Errorf("they accepted %d, %v", last, err)
	}
	never := w.As("other").Get("/rules/accept").Page(t).Find("main").Text()
	if !strings.Contains(never, "And label it.") || strings.Contains(never, "What is new") {
		t.Errorf("who never accepted any reads: %s", never)
	}
}

// TestMailFails tells a member on every page that letters to them come back.
func TestMailFails(t *testing.T) {
	w := sitetest.OnSQLite(t)
	user, b := w.People["user"].Member.ID, w.As("user")
	_, err := w.Deps.Members.AskEmail(t.Context(), user, "user@lab.example")
	w.Must(err)
	w.Must(w.Deps.Members.ConfirmEmail(t.Context(), user, "user@lab.example"))
	const words = "Letters to you come back."
	told := func() bool { return strings.Contains(b.Get("/browse").Page(t).Find(".banner.held").Text(), words) }
	if told() {
		t.Error("told before anything failed")
	}
	w.Must(w.Deps.Members.MarkEmailFailed(t.Context(), user, "no such mailbox", func(string) (bool, error) { return true, nil }))
	if !told() {
		t.Error("not told")
	}
	w.WithoutMail()
	if told() {
		t.Error("told on a site that sends no mail")
	}
}
