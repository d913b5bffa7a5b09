package site

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func TestLoginAndLogout(t *testing.T) {
	w := onSQLite(t)
	b := w.as("anonymous")
	first := b.get("/browse?q=yeast")
	if to := first.Header.Get("Location"); first.StatusCode != http.StatusSeeOther || to != "/login?next=%2Fbrowse%3Fq%3Dyeast" {
		t.Fatalf("status %d to %q", first.StatusCode, to)
	}
	if next := shown(b.follow(first).page(t), "next"); next != "/browse?q=yeast" {
		t.Errorf("the form leads to %q", next)
	}
	wrong := b.post("/login", url.Values{"name": {"user"}, "password": {"a wrong passphrase"}, "next": {"/browse"}})
	if wrong.StatusCode != http.StatusForbidden || !strings.Contains(wrong.body, "Name or passphrase is wrong.") || shown(wrong.page(t), "name") != "user" {
		t.Errorf("wrong passphrase: status %d", wrong.StatusCode)
	}
	right := b.post("/login", url.Values{"name": {"USER"}, "password": {w.people["user"].Password}, "next": {"/browse"}})
	if right.StatusCode != http.StatusSeeOther || right.Header.Get("Location") != "/browse" {
		t.Fatalf("right passphrase: status %d to %q", right.StatusCode, right.Header.Get("Location"))
	}
	if a := b.get("/"); !strings.Contains(a.body, "Good to see you, user") {
		t.Error("not logged in afterwards")
	}
	if a := b.get("/login?next=/settings"); a.Header.Get("Location") != "/settings" {
		t.Error("the login form is shown to somebody who is logged in")
	}
	old, err := cookiejar.New(nil)
	w.must(err)
	u, err := url.Parse(w.server.URL)
	w.must(err)
	old.SetCookies(u, b.c.Jar.Cookies(u))
	b.post("/logout", nil)
	thief := &browser{w: w, c: &http.Client{Jar: old, CheckRedirect: b.c.CheckRedirect}}
	for _, who := range []*browser{b, thief} {
		if a := who.get("/settings"); a.StatusCode != http.StatusSeeOther {
			t.Errorf("after logging out: status %d", a.StatusCode)
		}
	}
}

func TestDisabledMemberIsToldWhy(t *testing.T) {
	w := onSQLite(t)
	p := w.people["user"]
	b := w.as("user")
	w.must(w.site.Members.SetState(t.Context(), p.Member.ID, member.Disabled, "trading accounts"))
	if a := b.get("/browse"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a disabled member's session: status %d", a.StatusCode)
	}
	a := b.post("/login", url.Values{"name": {"user"}, "password": {p.Password}})
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "trading accounts") {
		t.Errorf("status %d, or no reason", a.StatusCode)
	}
	if a := b.post("/login", url.Values{"name": {"user"}, "password": {"a wrong passphrase"}}); strings.Contains(a.body, "trading accounts") {
		t.Error("the reason is told to whoever guesses")
	}
}

func TestLoginStaysOnThisSite(t *testing.T) {
	w := onSQLite(t)
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "/login", "", "http:evil", "/\t/evil.example"} {
		a := w.as("anonymous").post("/login", url.Values{"name": {"user"}, "password": {w.people["user"].Password}, "next": {next}})
		if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/" {
			t.Errorf("next %q leads to %q (status %d)", next, to, a.StatusCode)
		}
	}
}

func TestSessionCookieFlags(t *testing.T) {
	for address, secure := range map[string]bool{"http://site.example": false, "https://site.example": true} {
		w := onSQLite(t, func(c *Config) { c.URL = address })
		a := w.as("anonymous").post("/login", url.Values{"name": {"user"}, "password": {w.people["user"].Password}})
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
	w := onSQLite(t, func(c *Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	try := func(name, password, from string) answer {
		return w.as("anonymous").post("/login", url.Values{"name": {name}, "password": {password}}, "X-Forwarded-For", from)
	}
	for range 3 {
		if a := try("user", "a wrong passphrase", "192.0.2.1"); a.StatusCode != http.StatusForbidden {
			t.Fatalf("status %d, want 403", a.StatusCode)
		}
	}
	a := try("other", w.people["other"].Password, "192.0.2.1")
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, "try again in") {
		t.Errorf("by address: status %d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
	if a := try("User", w.people["user"].Password, "198.51.100.1"); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("by account: status %d, want 429", a.StatusCode)
	}
	for range 5 { // right ones are not counted
		if a := try("other", w.people["other"].Password, "198.51.100.2"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("another address and account: status %d", a.StatusCode)
		}
	}
	w.pass(loginPeriod / 3)
	if a := try("user", w.people["user"].Password, "192.0.2.1"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after a while: status %d", a.StatusCode)
	}
}

// TestGuessesCountWithIRCs has another process, such as the IRC network, count at the
// same time.
func TestGuessesCountWithIRCs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		irc := guess.New(w.db, w.deps.Keys, w.now)
		for range 3 {
			w.as("anonymous").post("/login", url.Values{"name": {"User"}, "password": {"a wrong passphrase"}})
		}
		if wait, err := irc.Wait(t.Context(), &guess.Try{Place: "192.0.2.9", Account: "user"}); err != nil || wait == 0 {
			t.Errorf("guesses on the site count for nothing on IRC: wait %s (%v)", wait, err)
		}
		for range 3 {
			w.must(irc.Failed(t.Context(), guess.Try{Place: "192.0.2.9", Account: "Moderator"}))
		}
		w.pass(3 * time.Second)
		w.must(irc.Failed(t.Context(), guess.Try{Place: "192.0.2.9", Account: "moderator"}))
		a := w.as("anonymous").post("/login", url.Values{"name": {"moderator"}, "password": {w.people["moderator"].Password}})
		if a.StatusCode != http.StatusTooManyRequests {
			t.Errorf("guesses on IRC count for nothing on the site: status %d", a.StatusCode)
		}
	})
}

func TestForgedAddressIsNotBelieved(t *testing.T) {
	w := onSQLite(t)
	for i, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		a := w.as("anonymous").post("/login", url.Values{"name": {"nobody" + from[8:]}, "password": {"x"}}, "X-Forwarded-For", from)
		if want := map[bool]int{true: 403, false: 429}[i < 3]; a.StatusCode != want {
			t.Errorf("try %d: status %d, want %d", i, a.StatusCode, want)
		}
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(2, time.Minute, func() time.Time { return now })
	for i, want := range []bool{true, true, false} {
		if _, ok := l.take("a"); ok != want {
			t.Errorf("take %d: %v", i, ok)
		}
	}
	if wait, _ := l.take("a"); wait != 30*time.Second {
		t.Errorf("wait %v, want 30s", wait)
	}
	now = now.Add(30 * time.Second)
	if _, ok := l.take("a"); !ok {
		t.Error("a token did not come back")
	}
	l.giveBack("a")
	if _, ok := l.take("a"); !ok {
		t.Error("giveBack gave nothing")
	}
	for i := range 2*maxBuckets + 10 {
		l.take(string(rune(i)) + "/" + time.Duration(i).String())
	}
	if n := len(l.buckets); n > maxBuckets {
		t.Errorf("%d buckets, want at most %d", n, maxBuckets)
	}
	if a, b := addressKey("2001:db8:1:2:3::4"), addressKey("2001:db8:1:2::9"); a != b || a == addressKey("2001:db8:1:3::9") {
		t.Errorf("IPv6 keys are %s and %s", a, b)
	}
	if addressKey("::ffff:192.0.2.1") != addressKey("192.0.2.1") || addressKey("junk") != "unknown" {
		t.Error("addresses are not normalised")
	}
}
