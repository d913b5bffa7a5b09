package site_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// banned is a site behind a proxy on which an address is banned.
func banned(t *testing.T, value string, reach ban.Reach, lasts time.Duration) *sitetest.World {
	t.Helper()
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.TrustedProxies = []string{"127.0.0.1", "::1"} })
	b, err := ban.New(ban.Draft{Value: value, Reach: reach, Reason: "it <floods> us", Note: "case 77", By: "moderator", For: lasts}, w.Now())
	w.Must(err)
	_, err = w.Bans.Add(t.Context(), b)
	w.Must(err)
	w.Must(w.Deps.Bans.Load(t.Context()))
	return w
}

func TestWhatTheBannedRead(t *testing.T) {
	t.Parallel()
	w := banned(t, "203.0.113.9", ban.Site|ban.Tracker, time.Hour)
	from := []string{"X-Forwarded-For", "203.0.113.9"}
	a := w.As("anonymous").Get("/login", from...)
	page := a.Page(t)
	if got := page.Find("h1").Text(); got != "Your address is banned" {
		t.Errorf("heading %q", got)
	}
	if text := page.Find("main").Text(); !strings.Contains(text, "it <floods> us") || !strings.Contains(text, "1 Mar 2026, 13:00 UTC") || !strings.Contains(text, "by its number, 1") || !strings.Contains(text, "on IRC, at irc.example") {
		t.Errorf("it reads %s", text)
	}
	if page.Find("header a[href='/browse'], form[action='/login'] input[type=password]").Length() > 0 {
		t.Error("it offers what does not answer")
	}
	var failure web.APIFailure
	w.Must(json.Unmarshal([]byte(w.As("anonymous").Get("/api/v1/me", from...).Text), &failure))
	if failure.Error.Code != "forbidden" || !strings.Contains(failure.Error.Text, "banned from this site, until 2026-03-01 13:00 UTC: it <floods> us") {
		t.Errorf("the API says %+v", failure)
	}
	for name, c := range map[string]struct {
		address string
		status  int
	}{
		"another":      {"203.0.113.8", 200},
		"mapped":       {"::ffff:203.0.113.9", 403},
		"by two hops":  {"198.51.100.1, 203.0.113.9", 403},
		"as it claims": {"203.0.113.9, 198.51.100.1", 200},
		"nonsense":     {"nonsense", 200},
	} {
		if a := w.As("anonymous").Get("/login", "X-Forwarded-For", c.address); a.StatusCode != c.status {
			t.Errorf("%s: status %d", name, a.StatusCode)
		}
	}
	for _, path := range []string{"/no-such-page", "/api/v1/no-such-page"} {
		if a := w.As("user").Get(path, from...); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", path, a.StatusCode)
		}
	}
	// A member who is there already is kept out as well, and back when the ban is over.
	if a := w.As("user").Get("/browse", from...); a.StatusCode != http.StatusForbidden {
		t.Errorf("a member: status %d", a.StatusCode)
	}
	w.Pass(time.Hour)
	if a := w.As("user").Get("/browse", from...); a.StatusCode != http.StatusOK {
		t.Errorf("when it is over: status %d", a.StatusCode)
	}
}

// TestOtherReachesLeaveTheSiteOpen bans from IRC and the tracker.
func TestOtherReachesLeaveTheSiteOpen(t *testing.T) {
	t.Parallel()
	w := banned(t, "203.0.113.9", ban.IRC|ban.Tracker, 0)
	if a := w.As("user").Get("/browse", "X-Forwarded-For", "203.0.113.9"); a.StatusCode != http.StatusOK {
		t.Errorf("status %d", a.StatusCode)
	}
}
