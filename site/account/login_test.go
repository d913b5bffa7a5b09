package account_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestLoginAndLogout(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	first := b.Get("/browse?q=yeast")
	if to := first.Header.Get("Location"); first.StatusCode != http.StatusSeeOther || to != "/login?next=%2Fbrowse%3Fq%3Dyeast" {
		t.Fatalf("status %d to %q", first.StatusCode, to)
	}
	if next := sitetest.Shown(b.Follow(first).Page(t), "next"); next != "/browse?q=yeast" {
		t.Errorf("the form leads to %q", next)
	}
	wrong := b.Post("/login", url.Values{"name": {"user"}, "password": {"a wrong passphrase"}, "next": {"/browse"}})
	if wrong.StatusCode != http.StatusForbidden || !strings.Contains(wrong.Text, "Name or passphrase is wrong.") || sitetest.Shown(wrong.Page(t), "name") != "user" {
		t.Errorf("wrong passphrase: status %d", wrong.StatusCode)
	}
	right := b.Post("/login", url.Values{"name": {"USER"}, "password": {w.People["user"].Password}, "next": {"/browse"}})
	if right.StatusCode != http.StatusSeeOther || right.Header.Get("Location") != "/browse" {
		t.Fatalf("right passphrase: status %d to %q", right.StatusCode, right.Header.Get("Location"))
	}
	if a := b.Get("/"); !strings.Contains(a.Text, "Welcome, user") {
		t.Error("not logged in afterwards")
	}
	if a := b.Get("/login?next=/settings"); a.Header.Get("Location") != "/settings" {
		t.Error("the login form is shown to somebody who is logged in")
	}
	old, err := cookiejar.New(nil)
	w.Must(err)
	u, err := url.Parse(w.Server.URL)
	w.Must(err)
	old.SetCookies(u, b.Client.Jar.Cookies(u))
	b.Post("/logout", nil)
	thief := w.With(old)
	for _, who := range []*sitetest.Browser{b, thief} {
		if a := who.Get("/settings"); a.StatusCode != http.StatusSeeOther {
			t.Errorf("after logging out: status %d", a.StatusCode)
		}
	}
}

func TestDisabledMemberIsToldWhy(t *testing.T) {
	w := sitetest.OnSQLite(t)
	p := w.People["user"]
	b := w.As("user")
	w.Must(membertest.Disable(t.Context(), w.Deps.Members, p.Member.ID, "trading accounts"))
	if a := b.Get("/browse"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a disabled member's session: status %d", a.StatusCode)
	}
	a := b.Post("/login", url.Values{"name": {"user"}, "password": {p.Password}})
	if got := sitetest.Words(a.Page(t).Find("[role=alert]")); a.StatusCode != http.StatusForbidden ||
		!strings.Contains(got, "Your account is disabled: trading accounts.") || !strings.Contains(got, "ask them on IRC, at irc.example. Log in there with your IRC key") {
		t.Errorf("status %d, or no reason and nothing to do: %q", a.StatusCode, got)
	}
	if a := b.Post("/login", url.Values{"name": {"user"}, "password": {"a wrong passphrase"}}); strings.Contains(a.Text, "trading accounts") || strings.Contains(a.Text, "irc.example") {
		t.Error("the reason is told to whoever guesses")
	}
}

func TestLoginStaysOnThisSite(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "/login", "", "http:evil", "/\t/evil.example"} {
		a := w.As("anonymous").Post("/login", url.Values{"name": {"user"}, "password": {w.People["user"].Password}, "next": {next}})
		if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/" {
			t.Errorf("next %q leads to %q (status %d)", next, to, a.StatusCode)
		}
	}
}

func TestSessionCookieFlags(t *testing.T) {
	for address, secure := range map[string]bool{"http://site.example": false, "https://site.example": true} {
		w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.URL = address })
		a := w.As("anonymous").Post("/login", url.Values{"name": {"user"}, "password": {w.People["user"].Password}})
		var found bool
		for _, c := range a.Cookies() {
			if !strings.Contains(c.Name, "session") {
				continue
			}
			found = true
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != secure ||
				strings.HasPrefix(c.Name, "__Host-") != secure {
				t.Errorf("%s: cookie %v", address, c)
			}
		}
		if !found {
			t.Errorf("%s: no session cookie (status %d)", address, a.StatusCode)
		}
		if got := a.Header.Get("Strict-Transport-Security") != ""; got != secure {
			t.Errorf("%s: HSTS is %v", address, got)
		}
	}
}

func TestLoginRateLimit(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	try := func(name, password, from string) sitetest.Answer {
		return w.As("anonymous").Post("/login", url.Values{"name": {name}, "password": {password}}, "X-Forwarded-For", from)
	}
	for range 3 {
		if a := try("user", "a wrong passphrase", "192.0.2.1"); a.StatusCode != http.StatusForbidden {
			t.Fatalf("status %d, want 403", a.StatusCode)
		}
	}
	a := try("other", w.People["other"].Password, "192.0.2.1")
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || !strings.Contains(a.Text, "try again in") {
		t.Errorf("by address: status %d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
	if a := try("User", w.People["user"].Password, "198.51.100.1"); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("by account: status %d, want 429", a.StatusCode)
	}
	for range 5 { // right ones are not counted
		if a := try("other", w.People["other"].Password, "198.51.100.2"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("another address and account: status %d", a.StatusCode)
		}
	}
	w.Pass(5 * time.Minute)
	if a := try("user", w.People["user"].Password, "192.0.2.1"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after a while: status %d", a.StatusCode)
	}
}

// TestGuessesCountWithIRCs has another process, such as the IRC network, count at the
// same time.
func TestGuessesCountWithIRCs(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		irc := guess.New(w.DB, w.Deps.Keys, w.Now, w.Deps.Log)
		wrong := func(name string) {
			err := irc.Prove(t.Context(), guess.Try{Place: "192.0.2.9", Account: name}, func(context.Context) (bool, error) {
				return false, core.Errorf(core.Forbidden, "wrong")
			})
			if core.CodeOf(err) != core.Forbidden {
				t.Fatal(err)
			}
		}
		for range 3 {
			w.As("anonymous").Post("/login", url.Values{"name": {"User"}, "password": {"a wrong passphrase"}})
		}
		if wait, err := irc.Wait(t.Context(), guess.Try{Place: "192.0.2.9", Account: "user"}); err != nil || wait == 0 {
			t.Errorf("guesses on the site count for nothing on IRC: wait %s (%v)", wait, err)
		}
		for range 3 {
			wrong("Moderator")
		}
		w.Pass(3 * time.Second)
		wrong("moderator")
		a := w.As("anonymous").Post("/login", url.Values{"name": {"moderator"}, "password": {w.People["moderator"].Password}})
		if a.StatusCode != http.StatusTooManyRequests {
			t.Errorf("guesses on IRC count for nothing on the site: status %d", a.StatusCode)
		}
	})
}

func TestForgedAddressIsNotBelieved(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for i, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		a := w.As("anonymous").Post("/login", url.Values{"name": {"nobody" + from[8:]}, "password": {"x"}}, "X-Forwarded-For", from)
		if want := map[bool]int{true: 403, false: 429}[i < 3]; a.StatusCode != want {
			t.Errorf("try %d: status %d, want %d", i, a.StatusCode, want)
		}
	}
}

// TestCookieSlidesWithTheSession looks at the cookie's age when the session is used, and
// near its end.
func TestCookieSlidesWithTheSession(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	age := func(a sitetest.Answer) int {
		for _, c := range a.Cookies() {
			if strings.Contains(c.Name, "session") {
				return c.MaxAge
			}
		}
		return 0
	}
	const day = 24 * 60 * 60
	login := b.Post("/login", url.Values{"name": {"user"}, "password": {w.People["user"].Password}})
	if got := age(login); got != 30*day {
		t.Errorf("at login: %d s, want 30 days", got)
	}
	if got := age(b.Get("/settings")); got != 0 {
		t.Errorf("at once: the cookie is set again, for %d s", got)
	}
	passed := 0
	for _, step := range []struct{ days, want int }{{20, 30}, {45, 30}, {70, 30}, {95, 30}, {120, 30}, {145, 30}, {160, 20}, {179, 1}} {
		w.Pass(time.Duration(step.days-passed) * 24 * time.Hour)
		passed = step.days
		a := b.Get("/settings")
		if got := age(a); a.StatusCode != http.StatusOK || got != step.want*day {
			t.Errorf("after %d days: status %d, %d s, want %d days", step.days, a.StatusCode, got, step.want)
		}
		if a := b.Get("/assets/" + "nothing"); len(a.Cookies()) != 0 {
			t.Error("a file that may be kept by others has a cookie")
		}
	}
	w.Pass(24 * time.Hour)
	if a := b.Get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after 180 days: status %d", a.StatusCode)
	}
}

// TestNoSecretComesBack asks for pages without being logged in, with keys where people
// and programs put them: none is in the address that the login page is given.
func TestNoSecretComesBack(t *testing.T) {
	w := sitetest.OnSQLite(t)
	user := w.People["user"]
	auth, err := w.Deps.Members.AuthKey(t.Context(), user.Member.ID)
	w.Must(err)
	b := w.As("anonymous")
	for _, secret := range []string{auth, user.AnnounceKey, user.Read, user.Password, url.QueryEscape(user.Password)} {
		for _, page := range []string{
			"/torrents.php?torrent_pass=", "/torrents.php?id=1&amp;torrent_pass=", "/browse?q=yeast&authkey=", "/browse?q=",
			"/browse?x[]=", "/groups/1?a=b&" + "key=", "/swarm?t=1;passkey=", "/members/", "/browse?", "/browse?%61uthkey=",
		} {
			if to := b.Get(page + secret).Header.Get("Location"); strings.Contains(to, secret) || strings.Contains(to, url.QueryEscape(secret)) {
				t.Errorf("%s leads to %s", page, to)
			}
		}
	}
	if to := b.Get("/browse?q=yeast+genome&category=sequences").Header.Get("Location"); to != "/login?next="+url.QueryEscape("/browse?category=sequences&q=yeast+genome") {
		t.Errorf("what is no secret is lost: %s", to)
	}
}
