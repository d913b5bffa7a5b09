package staff_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/staff"
)

// TestWhoMayApprove holds who is let in against the registry.
func TestWhoMayApprove(t *testing.T) {
	w := sitetest.OnSQLite(t)
	if diff := cmp.Diff(staff.Approving, w.Deps.Commands.Approving()); diff != "" {
		t.Errorf("the page (-), the registry (+):\n%s", diff)
	}
}

// TestAnActIsApprovedOnTheSite asks for a link on a member's page, approves it on the page of
// what waits, and has it shown once to who asked.
func TestAnActIsApprovedOnTheSite(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		for _, name := range []string{"mona", "max"} {
			w.Join(name, "Moderator")
		}
		mona, max := w.As("mona"), w.As("max")
		if a := max.Get("/staff/approvals"); !strings.Contains(a.Text, "Nothing waits") {
			t.Errorf("empty: status %d", a.StatusCode)
		}
		home := "/staff/members/user"
		asked := mona.Follow(mona.Agree(t, mona.Post("/commands/member-recover", url.Values{"name": {"user"}, "reason": {"knows <him> from the lab"}, "back": {home}})))
		if !strings.Contains(asked.Text, "waits until another member of staff approves it") {
			t.Fatalf("asked: %s", sitetest.Words(asked.Page(t).Find("main")))
		}
		if a := max.Get("/staff"); !strings.Contains(a.Text, "mona asks for approval.") {
			t.Error("the first page doesn't tell")
		}
		mine := mona.Get("/staff/approvals").Page(t)
		code := mine.Find(`form[action="/commands/approve"] [name=code]`).AttrOr("value", "")
		if a := mona.Post("/commands/approve", url.Values{"code": {code}, "back": {"/staff/approvals"}}); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "another member of staff has to approve it") {
			t.Errorf("by who asked: status %d", a.StatusCode)
		}
		if a := w.As("user").Post("/commands/approve", url.Values{"code": {code}}); a.StatusCode != http.StatusForbidden {
			t.Errorf("by the member: status %d", a.StatusCode)
		}
		theirs := max.Get("/staff/approvals").Page(t)
		if text := sitetest.Words(theirs.Find(".waiting")); !strings.Contains(text, "knows <him> from the lab") || !strings.Contains(text, "mona, on the site") {
			t.Errorf("the page: %q", text)
		}
		done := max.Follow(max.Post("/commands/approve", url.Values{"code": {theirs.Find(`form[action="/commands/approve"] [name=code]`).AttrOr("value", "")}, "back": {"/staff/approvals"}}))
		if flash := sitetest.Words(done.Page(t).Find(".flash")); !strings.Contains(flash, "user may choose a new passphrase") || strings.Contains(flash, "/recover/") {
			t.Errorf("approved: %q", flash)
		}
		if a := max.Get(home); a.Page(t).Find(`form[action="/commands/member-recoverlink"]`).Length() != 0 || a.Page(t).Find(`form[action="/commands/member-unrecover"]`).Length() != 1 {
			t.Error("who approved is offered the link, or can't take it back")
		}
		if n := mona.Get(home).Page(t).Find(`form[action="/commands/member-recoverlink"]`).Length(); n != 1 {
			t.Errorf("who asked is offered the link %d times", n)
		}
		link := mona.Follow(mona.Post("/commands/member-recoverlink", url.Values{"name": {"user"}, "back": {home}})).Page(t).Find(".flash code").Text()
		path := strings.TrimPrefix(link, w.Config.URL)
		b := w.As("anonymous")
		if a := b.Get(path); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "For the account user") {
			t.Errorf("%s: status %d", link, a.StatusCode)
		}
		if n := mona.Get(home).Page(t).Find(`form[action="/commands/member-recoverlink"]`).Length(); n != 0 {
			t.Error("it is offered twice")
		}
		undone := max.Follow(max.Post("/commands/member-unrecover", url.Values{"name": {"user"}, "back": {home}}))
		if !strings.Contains(undone.Text, "no link any more") || b.Get(path).StatusCode != http.StatusConflict {
			t.Error("it is not taken back")
		}
		for list := []string{code}; len(list) > 0; list = list[1:] {
			if a := max.Post("/commands/approve", url.Values{"code": list[:1], "back": {"/staff/approvals"}}); a.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("approved twice: status %d", a.StatusCode)
			}
		}
	})
}
