package staff_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestBansPage adds, narrows, lifts and restores bans on the page, without a script.
func TestBansPage(t *testing.T) {
	t.Parallel()
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		mod := w.As("moderator")
		main := func(query string) string { return mod.Get("/staff/bans" + query).Page(t).Find("main").Text() }
		if got := main(""); !strings.Contains(got, "Nobody is banned") {
			t.Errorf("without bans: %s", got)
		}
		add := func(value, reach, reason string) {
			t.Helper()
			asked := mod.Post("/commands/ban-add", url.Values{"value": {value}, "reach": {reach}, "for": {"2h"}, "reason": {reason}, "back": {"/staff/bans"}})
			if got := asked.Page(t).Find("main").Text(); !strings.Contains(got, value) || !strings.Contains(got, "came from there within 30 days") {
				t.Errorf("the question: %s", got)
			}
			if a := mod.Agree(t, asked); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/staff/bans" {
				t.Fatalf("agreed: %d to %s", a.StatusCode, a.Header.Get("Location"))
			}
		}
		add("203.0.113.0/24", "site,tracker", "it <b>floods</b> us")
		add("198.51.100.9", "irc", "open proxy")
		page := mod.Get("/staff/bans").Page(t)
		if rows := page.Find("tbody tr"); rows.Length() != 2 || !strings.Contains(rows.Text(), "it <b>floods</b> us") || !strings.Contains(rows.Text(), "203.0.113.0/24") || page.Find("td b").Length() > 0 {
			t.Errorf("the list: %s", rows.Text())
		}
		for query, want := range map[string]string{"?kind=network": "floods", "?reach=irc": "open proxy", "?kind=network&reach=irc": "No ban fits", "?over=on": "No ban fits",
			"?before=1": "There are no older bans", "?kind=nonsense&before=x": "open proxy"} {
			if got := main(query); !strings.Contains(got, want) {
				t.Errorf("%s: %s", query, got)
			}
		}
		// Lifted by the button of its row, and taken back by the one that it comes with.
		form := page.Find("#ban-1 form")
		action, _ := form.Attr("action")
		id, _ := form.Find("input[name=id]").Attr("value")
		if action != "/commands/ban-lift" || id != "1" || form.Find("input[name=reason][required]").Length() != 1 {
			t.Fatalf("the button: %s of %s", action, id)
		}
		if a := mod.Post(action, url.Values{"id": {id}, "back": {"/staff/bans"}}); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("without a reason: %d", a.StatusCode)
		}
		mod.Post(action, url.Values{"id": {id}, "reason": {"it has stopped"}, "back": {"/staff/bans"}})
		page = mod.Get("/staff/bans").Page(t)
		if page.Find("#ban-1").Length() != 0 || page.Find("form[action='/commands/undo']").Length() == 0 {
			t.Error("it is still there, or can't be taken back")
		}
		if over := mod.Get("/staff/bans?over=on").Page(t).Find("#ban-1"); !strings.Contains(over.Text(), "lifted by moderator") || over.Find("form[action='/commands/ban-restore']").Length() != 1 {
			t.Errorf("over: %s", over.Text())
		}
		if a := mod.Post("/commands/ban-find", url.Values{"what": {"198.51.100.9"}, "back": {"/staff/bans"}}); !strings.Contains(a.Text, "open proxy") {
			t.Errorf("found: %s", a.Text)
		}
		if a := w.As("user").Get("/staff/bans"); a.StatusCode != http.StatusForbidden {
			t.Errorf("a member: %d", a.StatusCode)
		}
	})
}

// TestBansPageHidesAddresses is for staff who may ban and not see addresses, over two pages.
func TestBansPageHidesAddresses(t *testing.T) {
	t.Parallel()
	w := sitetest.OnSQLite(t)
	mod := w.As("moderator")
	for i := range 26 {
		mod.Agree(t, mod.Post("/commands/ban-add", url.Values{"value": {fmt.Sprintf("203.0.113.%d", i)}, "reason": {"spam"}}))
	}
	for _, p := range []core.Permission{core.MemberSeeAddress, core.IRCAddress} {
		w.Must(w.Deps.Members.SetClassPermission(t.Context(), "Moderator", p, false))
	}
	first := mod.Get("/staff/bans")
	next, _ := first.Page(t).Find("a[rel=next]").Attr("href")
	if strings.Contains(first.Text, "203.0.113") || first.Page(t).Find("tbody tr").Length() != 25 || next != "/staff/bans?before=2" {
		t.Errorf("next %s: %s", next, first.Page(t).Find("tbody").Text())
	}
	second := mod.Get(next)
	if strings.Contains(second.Text, "203.0.113") || second.Page(t).Find("tbody tr").Length() != 1 || !strings.Contains(second.Text, "(hidden)") {
		t.Errorf("the second page: %s", second.Page(t).Find("tbody").Text())
	}
	rows, err := w.Deps.Audit.Recent(t.Context(), 1)
	w.Must(err)
	if len(rows) != 1 || rows[0].Command != "ban list" || rows[0].Arguments != "--before 2" {
		t.Errorf("the look is %+v", rows)
	}
}
