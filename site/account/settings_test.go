package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/site/sitetest"
)

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
	b.Follow(b.Agree(t, b.Post(revoke, nil)))
	if a := w.As("anonymous").Get("/api/v1/me", "Authorization", "Bearer "+token); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a revoked token: status %d", a.StatusCode)
	}
	end, _ := b.Get("/settings").Page(t).Find("form[action$=end]").First().Attr("action")
	b.Follow(b.Agree(t, b.Post(end, nil)))
	if a := elsewhere.Get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the other browser: status %d", a.StatusCode)
	}
	b.Follow(b.Agree(t, b.Post("/settings/passkey", nil)))
	b.Follow(b.Agree(t, b.Post("/settings/irc-key", nil)))
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
	if a := b.Follow(b.Agree(t, b.Post(remove, nil))); strings.Contains(a.Page(t).Find("#certificates tbody").Text(), shown) {
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
	b.Follow(b.Agree(t, b.Post(give, nil)))
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
