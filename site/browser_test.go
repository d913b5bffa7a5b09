package site_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/caduceus-bio/caduceus/internal/browsertest"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// tab opens a page of Chromium.
func tab(t *testing.T) context.Context {
	t.Helper()
	return browsertest.Tab(t)
}

// ask evaluates a script in the page.
func ask[T any](t *testing.T, page context.Context, script string) T {
	t.Helper()
	return browsertest.Ask[T](t, page, script)
}

// TestInARealBrowser logs in by the form and looks at every kind of page, wide and
// light, narrow and dark: nothing may be blocked by our own Content-Security-Policy
// or fail to load, and nothing may stick out sideways.
func TestInARealBrowser(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("user", "Enterobacteria phage lambda, complete genome", nil)
	w.Upload("user", "Saccharomyces cerevisiae S288C, reads of all chromosomes at two temperatures", nil)
	w.Upload("other", "Caenorhabditis elegans, single-cell atlas", nil)
	w.Tracked()
	page := tab(t)
	messages := chromedp.Console(page)
	err := chromedp.Do(page, chromedp.Navigate(w.Server.URL+"/login"), chromedp.SendKeys("input[name=name]", "sysop"),
		chromedp.SendKeys("input[name=password]", w.People["sysop"].Password), chromedp.Submit("input[name=password]"),
		chromedp.WaitVisible(".menu.self"))
	if err != nil {
		t.Fatalf("log in: %v", err)
	}
	paths := []string{"/", "/browse", "/browse?q=nothing-like-it", "/groups/1", "/groups/1/edit", "/torrents/1/edit", "/commands/torrent-delete?id=1", "/torrents/1/files",
		"/torrents/1/uploaded", "/upload", "/members/user", "/settings", "/freeleech", "/rules/clients", "/staff/members", "/commands/member-create", "/staff/members/user",
		"/announces", "/staff/members/user/announces", "/torrents/1/announces", "/endangered", "/staff/tracker", "/staff", "/staff/torrents", "/staff/irc", "/staff/jobs", "/staff/bans", "/staff/classes", "/staff/settings", "/staff/mail", "/staff/limits", "/staff/audit", "/staff/components"}
	for _, look := range []struct {
		scheme string
		width  int64
	}{{"light", 1280}, {"dark", 390}} {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}
		if _, err := chromedp.Call(page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if err := chromedp.Do(page, chromedp.EmulateViewport(look.width, 900), chromedp.Navigate(w.Server.URL+path)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			ask[bool](t, page, "document.querySelectorAll('details').forEach(d => d.open = true), true")
			if ask[bool](t, page, "document.documentElement.scrollWidth > window.innerWidth") {
				t.Errorf("%s sticks out sideways at %d pixels", path, look.width)
			}
			if ask[string](t, page, "document.querySelector('h1') ? document.querySelector('h1').innerText.trim() : ''") == "" {
				t.Errorf("%s has no heading", path)
			}
		}
	}
	ask[bool](t, page, "console.log('the end'), true")
	for m, err := range messages {
		if err != nil {
			t.Fatal(err)
		}
		if m.Text == "the end" {
			break
		}
		if m.IsException() || m.Type == chromedp.ConsoleError || m.Source == "security" {
			t.Errorf("the browser complains at %s: %s", m.URL, m)
		}
	}
}

// TestKeyboardAndLiveNumbers uses a page as someone without a mouse does, and
// waits for the swarm's numbers to change by themselves.
func TestKeyboardAndLiveNumbers(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("user", "Enterobacteria phage lambda, complete genome", nil)
	page := tab(t)
	err := chromedp.Do(page, chromedp.Navigate(w.Server.URL+"/login"), chromedp.SendKeys("input[name=name]", "user"),
		chromedp.SendKeys("input[name=password]", w.People["user"].Password), chromedp.Submit("input[name=password]"),
		chromedp.WaitVisible(".menu.self"), chromedp.Navigate(w.Server.URL+"/groups/1"), chromedp.KeyEvent("\t"))
	if err != nil {
		t.Fatal(err)
	}
	if first := ask[string](t, page, "document.activeElement.innerText"); !strings.Contains(first, "Skip") {
		t.Errorf("the first stop of the Tab key is %q, not the link that skips the menu", first)
	}
	if ring := ask[string](t, page, "getComputedStyle(document.activeElement).outlineStyle"); ring == "none" {
		t.Error("what has the focus does not show it")
	}
	w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Insert(t.Context(), "swarm_count", db.Row{"torrent_id", 1, "seeders", 1234, "leechers", 5, "updated_at", 1})
		return err
	}))
	if _, err := chromedp.Run(page, chromedp.Poll[bool]("document.querySelector('#seeders-1').innerText.replace(/\\D/g, '') === '1234'",
		chromedp.WithPollingTimeout(time.Minute))); err != nil {
		t.Errorf("the number of seeders did not come by itself: %v; it shows %q", err, ask[string](t, page, "document.querySelector('#seeders-1').innerText"))
	}
}
