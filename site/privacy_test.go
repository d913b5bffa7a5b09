package site_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// figuresOfOther are what the tests know "other" by: no page shows them by chance.
var figuresOfOther = []string{"7.24 GiB", "3.10 GiB", "7777777777", "3333333333", "7\u202f777\u202f777\u202f777", "3\u202f333\u202f333\u202f333", "2.33"}

// TestHiddenFigures looks at a member before and after they hide everything. That no other
// address shows what is hidden is in the matrix.
func TestHiddenFigures(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset of somebody who hides", nil)
	other := w.People["other"].Member.ID
	w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Insert(t.Context(), "transfer_member", db.Row{"member_id", int64(other), "uploaded", 7777777777, "downloaded", 3333333333})
		return err
	}))
	found := func(role string) (pages []string) {
		for _, path := range []string{"/members/other", "/staff/members/other", "/staff/members"} {
			body := w.As(role).Get(path).Text
			if slices.ContainsFunc(figuresOfOther, func(f string) bool { return strings.Contains(body, f) }) {
				pages = append(pages, path)
			}
		}
		return pages
	}
	looks := func() (n int) {
		list, err := w.Deps.Members.Security().Page(t.Context(), other, 0, security.MaxPage)
		w.Must(err)
		for _, e := range list {
			if e.Kind == security.Looked {
				n++
			}
		}
		return n
	}
	if p := found("user"); len(p) != 1 || p[0] != "/members/other" {
		t.Fatalf("shown, before they are hidden: %q", p)
	}
	me := w.As("other")
	if a := me.Follow(me.Post("/settings/privacy", url.Values{"preset": {"nothing"}})); a.StatusCode != http.StatusOK || strings.Contains(a.Text, "7.24 GiB") || !strings.Contains(a.Text, "They see no list of your uploads") {
		t.Fatalf("the preview, status %d: %s", a.StatusCode, a.Text)
	}
	for _, role := range []string{"anonymous", "user"} {
		if p := found(role); len(p) > 0 {
			t.Errorf("%s sees hidden figures on %q", role, p)
		}
	}
	if a := w.As("user").Get("/members/other"); strings.Contains(a.Text, "A dataset of somebody who hides") || !strings.Contains(a.Text, "keeps the list of uploads hidden") {
		t.Error("the list of uploads is not hidden")
	}
	if n := looks(); n != 0 {
		t.Errorf("%d looks before anybody of the staff looked", n)
	}
	p := strings.Join(found("moderator"), " ")
	if !strings.Contains(p, "/members/other") || !strings.Contains(p, "/staff/members/other") {
		t.Errorf("staff see them on %q", p)
	}
	if n := looks(); n != 1 {
		t.Errorf("%d looks of one moderator", n)
	}
	if a := me.Get("/settings/security"); !strings.Contains(a.Text, "Staff looked at what you hide from others") || !strings.Contains(a.Text, "by moderator") {
		t.Error("the member can't see that staff looked")
	}
	if a := me.Get("/members/other"); !strings.Contains(a.Text, "7.24 GiB") || !strings.Contains(a.Text, "hidden from others") {
		t.Error("the member sees no figures of their own")
	}
	// Single switches: only what is ticked is shown.
	me.Post("/settings/privacy", url.Values{"form": {"switches"}, "shown": {"downloads", "uploads", "ratio"}})
	if a := w.As("user").Get("/members/other"); !strings.Contains(a.Text, "7.24 GiB") || strings.Contains(a.Text, "last seen") {
		t.Error("the switches are not obeyed")
	}
	for _, wrong := range []url.Values{{"preset": {"paranoid"}}, {"preset": {""}}, {"form": {"switches"}, "shown": {"downloads", "shoes"}}} {
		if a := me.Post("/settings/privacy", wrong); a.StatusCode != http.StatusUnprocessableEntity && a.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: status %d", wrong, a.StatusCode)
		}
	}
	if a := w.As("user").Get("/members/other"); !strings.Contains(a.Text, "7.24 GiB") {
		t.Error("a wrong form changed something")
	}
}
