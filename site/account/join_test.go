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

// TestJoinByLink opens an invite's link, which uses nothing up, makes mistakes in the form,
// joins, and tries the link once more.
func TestJoinByLink(t *testing.T) {
	w := sitetest.OnSQLite(t)
	made, err := w.Deps.Invites.Make(t.Context(), w.People["user"].Member.ID, invite.New{})
	w.Must(err)
	path := invite.Address(made.Token)
	b := w.As("anonymous")
	form := func() url.Values {
		t.Helper()
		a := b.Get(path)
		if a.StatusCode != http.StatusOK {
			t.Fatalf("the link: status %d", a.StatusCode)
		}
		page := a.Page(t)
		value := func(name string) string { return page.Find("form [name="+name+"]").AttrOr("value", "") }
		return url.Values{"name": {"newcomer"}, "password": {"a passphrase of several words"}, "again": {"a passphrase of several words"},
			"email": {"new@lab.example"}, "rules": {"1"}, "revision": {value("revision")}, "stamp": {value("stamp")}}
	}
	good := form()
	if a := b.Post(path, good); a.StatusCode == http.StatusSeeOther || !strings.Contains(a.Page(t).Find(".problems").Text(), "wait some seconds") {
		t.Errorf("a form that came at once was taken, or nothing says what is wrong: %s", a.Text)
	}
	w.Pass(time.Minute)
	for field, value := range map[string]string{"name": "no good name", "password": "short", "email": "nowhere", "rules": "", "again": "something else"} {
		f := form()
		w.Pass(time.Minute)
		f.Set(field, value)
		if field == "password" {
			f.Set("again", value)
		}
		a := b.Post(path, f)
		if a.StatusCode != http.StatusUnprocessableEntity || strings.Contains(a.Text, "a passphrase of several words") {
			t.Errorf("%s: status %d, or the passphrase came back", field, a.StatusCode)
		}
		if got := a.Page(t).Find("form [name=name]").AttrOr("value", ""); got != f.Get("name") {
			t.Errorf("%s: the name was not kept: %q", field, got)
		}
	}
	trapped := form()
	w.Pass(time.Minute)
	trapped.Set(invite.TrapField, "http://spam.example")
	if a := b.Post(path, trapped); a.StatusCode == http.StatusSeeOther {
		t.Error("a robot joined")
	}
	if _, err := w.Deps.Members.ByName(t.Context(), "newcomer"); core.CodeOf(err) != core.NotFound {
		t.Fatalf("an account was made: %v", err)
	}
	good = form()
	w.Pass(time.Minute)
	welcome := b.Post(path, good)
	says(t, welcome, "Welcome to BioTorrents, newcomer", "A letter with a link is on its way to new@lab.example", "shown this once")
	codes := welcome.Page(t).Find("ol.codes code")
	if codes.Length() != member.RecoveryCodes || strings.Contains(b.Get("/settings/recovery").Text, codes.First().Text()) {
		t.Errorf("%d codes, or they are shown again", codes.Length())
	}
	back := w.As("anonymous").Post("/recover/code", url.Values{"name": {"newcomer"}, "code": {codes.First().Text()}, "password": {"another passphrase of words"}, "again": {"another passphrase of words"}})
	if back.StatusCode != http.StatusOK {
		t.Errorf("a code that was shown lets nobody in: status %d", back.StatusCode)
	}
	if o, err := w.Deps.Invites.Origin(t.Context(), idOf(t, w, "newcomer")); err != nil || o.Inviter != w.People["user"].Member.ID {
		t.Errorf("invited by %d, %v", o.Inviter, err)
	}
	late := w.As("anonymous").Post(path, good)
	for what, again := range map[string]sitetest.Answer{"the link": w.As("anonymous").Get(path), "the form": late} {
		if again.StatusCode != http.StatusConflict || !strings.Contains(again.Page(t).Find("main").Text(), "used") {
			t.Errorf("%s once more: status %d: %s", what, again.StatusCode, again.Text)
		}
	}
	if a := w.As("anonymous").Get(invite.Address("nosuchtokenatall")); a.StatusCode != http.StatusNotFound {
		t.Errorf("no such link: status %d", a.StatusCode)
	}
	if a := w.As("anonymous").Get("/join"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "by invitation") || strings.Contains(a.Text, "<form class=\"card") {
		t.Error("without a link there is a form, or nothing says why not")
	}
}

func idOf(t *testing.T, w *sitetest.World, name string) core.MemberID {
	t.Helper()
	m, err := w.Deps.Members.ByName(t.Context(), name)
	w.Must(err)
	return m.ID
}
