package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestOwnInvites makes a link and a letter, takes one back, and sees who came.
func TestOwnInvites(t *testing.T) {
	const page = "/settings/invites"
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	says(t, b.Get(page), "2 invites now", "good for 3 days", "0 of 2 within 30 days", "You have made no invite yet")
	for field, bad := range map[string]string{"email": "nowhere", "note": strings.Repeat("ä", 101)} {
		form := url.Values{"email": {"bob@lab.example"}, "note": {"for Bob"}}
		form.Set(field, bad)
		a := b.Post(page, form)
		p := a.Page(t)
		if a.StatusCode != http.StatusUnprocessableEntity || p.Find("#f-"+field+`[aria-invalid="true"]`).AttrOr("value", "") != bad || p.Find("#problems li").Length() != 1 {
			t.Errorf("%s: status %d: %s", field, a.StatusCode, p.Find("main").Text())
		}
	}
	made := b.Follow(b.Post(page, url.Values{"note": {"for <Bob>"}}))
	link := made.Page(t).Find(".flash code").Text()
	if token := strings.TrimPrefix(link, "http://site.example"+invite.JoinPath+"/"); token == link || strings.Contains(b.Get(page).Text, token) {
		t.Fatalf("the link is %q, or it is shown once more", link)
	}
	says(t, b.Get(page), "1 invite now", "for <Bob>", "open until 4 Mar 2026", "by 4 Mar 2026")
	mailed := b.Follow(b.Post(page, url.Values{"email": {"bob@lab.example"}}))
	says(t, mailed, "on its way by mail", "no invite left", "by mail")
	if strings.Contains(mailed.Text, "bob@lab.example") || mailed.Page(t).Find(`form[action="`+page+`"]`).Length() != 0 {
		t.Error("the address is shown, or a form though none is left")
	}
	if a := b.Post(page, nil); a.StatusCode != http.StatusConflict || !strings.Contains(a.Text, "no invite left") {
		t.Errorf("one too many: status %d", a.StatusCode)
	}
	for _, other := range []string{"other", "sysop"} { // also for staff, who have a command for it
		if a := w.As(other).Post(page+"/2/revoke", nil); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s takes back what is not theirs: status %d", other, a.StatusCode)
		}
	}
	says(t, b.Follow(b.Agree(t, b.Post(page+"/2/revoke", nil))), "taken back", "1 invite now")
	if a := b.Post(page+"/2/revoke", nil); a.StatusCode != http.StatusConflict {
		t.Errorf("taken back twice: status %d", a.StatusCode)
	}

	join := func(token, name string) {
		t.Helper()
		stamp := w.Deps.Invites.Stamps().Stamp(w.Now())
		w.Pass(time.Minute)
		_, err := w.Deps.Invites.Join(t.Context(), invite.Ticket(token), invite.Form{Name: name, Password: "a passphrase of several words", Accepts: true, Human: invite.Human{Stamp: stamp}})
		w.Must(err)
	}
	join(strings.TrimPrefix(link, "http://site.example"+invite.JoinPath+"/"), "bob")
	below, err := w.Deps.Invites.Make(t.Context(), idOf(t, w, "bob"), invite.New{})
	w.Must(err)
	join(below.Token, "cat")
	seen := b.Get(page)
	says(t, seen, "used by bob", "Who came by you")
	if strings.Contains(seen.Text, ">cat<") {
		t.Error("whom bob invited is shown, which bob hides")
	}
	w.Must(w.Deps.Members.SetHides(t.Context(), idOf(t, w, "bob"), member.HideRatio))
	rows := b.Get(page).Page(t).Find("#tree").Parent().Find("tbody tr")
	if rows.Length() != 2 || !strings.Contains(rows.Eq(0).Text(), "hidden") || !strings.Contains(rows.Eq(1).Text(), "cat") || !strings.Contains(rows.Eq(1).Find(`[data-label="Invited by"]`).Text(), "bob") {
		t.Errorf("the tree: %s", rows.Text())
	}
}

// TestOwnInvitesWithout has somebody who may invite nobody, a site without mail, and one that
// takes nobody.
func TestOwnInvitesWithout(t *testing.T) {
	const page = "/settings/invites"
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	_, err := w.Deps.Members.BeginCause(t.Context(), member.NewCause{Member: w.People["user"].Member.ID, Effect: member.NoInvites, Source: member.ByStaff, Reason: "trading invites", For: 48 * time.Hour})
	w.Must(err)
	a := b.Get(page)
	says(t, a, "You may not invite anybody until 2026-03-03", "trading invites")
	if a.Page(t).Find(`a[href="`+page+`"]`).Length() == 0 || a.Page(t).Find(`form[action="`+page+`"]`).Length() != 0 {
		t.Error("the page is not linked, or has a form")
	}
	if a := b.Post(page, nil); a.StatusCode != http.StatusForbidden {
		t.Errorf("an invite by somebody who may not: status %d", a.StatusCode)
	}
	w.Must(w.Deps.Members.SetClassPermission(t.Context(), "User", core.InviteSend, false))
	if w.As("other").Get("/settings").Page(t).Find(`a[href="`+page+`"]`).Length() != 0 {
		t.Error("a class that invites nobody has a page for that")
	}
	w.WithoutMail()
	says(t, w.As("moderator").Get(page), "sends no mail")
	w.Set("registration.mode", "closed")
	says(t, w.As("moderator").Get(page), "registration is closed")
	if a := w.As("moderator").Post(page, nil); a.StatusCode != http.StatusConflict {
		t.Errorf("an invite while nobody joins: status %d", a.StatusCode)
	}
}
