package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

func TestSettings(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b, elsewhere := w.As("user"), w.As("user")
	p := w.People["user"]
	for path, wanted := range map[string][]string{"/settings": {"user", "User", "New passphrase"}, "/settings/keys": {p.AnnounceKey, "http://tracker.example/" + p.AnnounceKey + "/announce"},
		"/settings/irc": {p.IRCKey, "irc.example", "7000"}, "/settings/security": {"test browser"}, "/settings/appearance": {"Time zone"}} {
		page := b.Get(path)
		for _, want := range wanted {
			if !strings.Contains(page.Text, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
		for _, secret := range []string{p.AnnounceKey, p.IRCKey} {
			if strings.Contains(page.Page(t).Find("main").Clone().Find(".key details").Remove().End().Text(), secret) {
				t.Errorf("on %s a secret lies open", path)
			}
		}
		if page.Page(t).Find("nav[aria-label=Settings] a[aria-current=page]").AttrOr("href", "") != path {
			t.Errorf("%s does not say which page it is", path)
		}
	}
	made := b.Follow(b.Post("/settings/tokens", url.Values{"name": {"my script"}, "scope": {"upload"}})).Page(t)
	token := made.Find(".flash code").Text()
	if len(token) < 41 || w.As("anonymous").Get("/api/v1/me", "Authorization", "Bearer "+token).StatusCode != http.StatusOK {
		t.Errorf("token %q", token)
	}
	if strings.Contains(b.Get("/settings/keys").Text, token) {
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
	end, _ := b.Get("/settings/security").Page(t).Find("form[action$=end]").First().Attr("action")
	b.Follow(b.Agree(t, b.Post(end, nil)))
	if a := elsewhere.Get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the other browser: status %d", a.StatusCode)
	}
	b.Follow(b.Agree(t, b.Post("/settings/announce-key", nil)))
	b.Follow(b.Agree(t, b.Post("/settings/irc-key", nil)))
	if strings.Contains(b.Get("/settings/keys").Text, p.AnnounceKey) || strings.Contains(b.Get("/settings/irc").Text, p.IRCKey) {
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

	// Another network has its own accounts: the page tells how to say who one is.
	w.Deps.IRC.Bot = "Hermes"
	w.Restart()
	foreign := b.Get("/settings/irc").Page(t)
	if text := foreign.Find("main").Text(); !strings.Contains(text, "/msg Hermes ENTER #announce user YOUR_IRC_KEY") || foreign.Find("#certificates, #nicks").Length() != 0 {
		t.Errorf("on another network: %s", text)
	}
	if a := b.Post("/settings/irc/nicks", url.Values{"nick": {"another"}}); a.StatusCode != http.StatusNotFound {
		t.Errorf("a nick on another network: status %d", a.StatusCode)
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

func TestAppearance(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	save := func(zone, theme string) sitetest.Answer {
		return b.Post("/settings/appearance", url.Values{"zone": {zone}, "theme": {theme}})
	}
	page := b.Follow(save("Asia/Tokyo", "dark")).Page(t)
	if got := page.Find("[name=zone]").AttrOr("value", ""); got != "Asia/Tokyo" || page.Find("[name=theme] option[selected]").AttrOr("value", "") != "dark" || !strings.Contains(page.Find("main").Text(), "It is 21:00 in your time zone") {
		t.Errorf("zone %q: %s", got, page.Find("main").Text())
	}
	for field, form := range map[string][2]string{"zone": {"Europe/Atlantis", "dark"}, "theme": {"Asia/Tokyo", "purple"}} {
		if a := save(form[0], form[1]); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("#problems a[href='#f-"+field+"']").Length() != 1 {
			t.Errorf("%s: status %d", field, a.StatusCode)
		}
	}
	if m, err := w.Deps.Members.ByName(t.Context(), "user"); err != nil || m.Appearance.Zone != "Asia/Tokyo" {
		t.Errorf("%+v, %v", m.Appearance, err)
	}
	if m, err := w.Deps.Members.ByName(t.Context(), "other"); err != nil || m.Appearance.Zone != "" || m.Appearance.Theme != "" {
		t.Errorf("another member has %+v, %v", m.Appearance, err)
	}
}

// TestKeysSayWhenTheyWereUsed says it where it is known of the present key.
func TestKeysSayWhenTheyWereUsed(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b, id := w.As("user"), w.People["user"].Member.ID
	_, torrent := w.Upload("other", "A dataset of somebody", nil)
	says := func(page, key string) string {
		return strings.Join(strings.Fields(b.Get(page).Page(t).Find("#"+key+" > p").Text()), " ")
	}
	for page, key := range map[string]string{"/settings/keys": "announce-key", "/settings/irc": "irc-key"} {
		if got := says(page, key); got == "" || strings.Contains(got, "Made") || strings.Contains(got, "Last used") {
			t.Errorf("of a %s of which nothing is known: %q", key, got)
		}
	}
	use := func() {
		w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), db.UpsertSpec{Table: "transfer_member_torrent", Key: []string{"member_id", "torrent_id"}, Set: []string{"last_at"},
				Keep: []string{"uploaded", "downloaded", "raw_up", "raw_down", "seedtime", "bytes_left", "active", "first_at", "snatched_at"}},
				[]any{int64(id), int64(torrent), w.Now().Unix(), 0, 0, 0, 0, 0, 0, 1, 1, 0})
		}))
		key, err := w.Deps.Members.IRCKey(t.Context(), id)
		w.Must(err)
		_, err = w.Deps.Members.AuthIRC(security.With(t.Context(), security.Origin{Face: security.IRC, Way: "SASL PLAIN"}), "user", key)
		w.Must(err)
		links, err := w.Deps.Members.AuthKey(t.Context(), id)
		w.Must(err)
		announce, err := w.Deps.Members.AnnounceKey(t.Context(), id)
		w.Must(err)
		_, err = w.Deps.Members.CheckDownload(security.With(t.Context(), security.Origin{Face: security.Link}), links, announce)
		w.Must(err)
		w.Pass(3 * time.Hour)
	}
	made := "Made on " + web.Day(w.Now().Add(3*time.Hour), time.UTC) + "."
	used := "Last used on " + web.Day(w.Now(), time.UTC) + "."
	use()
	for _, c := range []struct{ page, key, want string }{{"/settings/keys", "announce-key", "Last used 3 hours ago."}, {"/settings/keys", "link-key", used}, {"/settings/irc", "irc-key", "Last used 3 hours ago."}} {
		if got := says(c.page, c.key); !strings.HasSuffix(got, c.want) || strings.Contains(got, "Made") {
			t.Errorf("the %s in use: %q", c.key, got)
		}
	}
	b.Follow(b.Agree(t, b.Post("/settings/announce-key", nil)))
	b.Follow(b.Agree(t, b.Post("/settings/irc-key", nil)))
	for _, c := range []struct{ page, key string }{{"/settings/keys", "announce-key"}, {"/settings/keys", "link-key"}, {"/settings/irc", "irc-key"}} {
		if got := says(c.page, c.key); !strings.HasSuffix(got, made) {
			t.Errorf("the new %s, which was never used: %q", c.key, got)
		}
	}
	use()
	for page, key := range map[string]string{"/settings/keys": "announce-key", "/settings/irc": "irc-key"} {
		if got := says(page, key); !strings.HasSuffix(got, made+" Last used 3 hours ago.") {
			t.Errorf("the new %s in use: %q", key, got)
		}
	}
}
