package account_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TestMembersSeeTheirSecurityLog has a stranger try, and a program with a token, from
// addresses that only the member sees.
func TestMembersSeeTheirSecurityLog(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	from := func(a string) []string { return []string{"X-Forwarded-For", a} }
	stranger := w.As("anonymous")
	stranger.Post("/login", url.Values{"name": {"User"}, "password": {"a wrong passphrase"}}, from("192.0.2.66")...)
	stranger.Get("/api/v1/me", append(from("192.0.2.67"), "Authorization", "Bearer "+w.People["user"].Read)...)
	stranger.Get("/api/v1/me", append(from("192.0.2.68"), "Authorization", "Bearer "+w.People["user"].Read[1:]+"x")...)
	auth, err := w.Deps.Members.AuthKey(t.Context(), w.People["user"].Member.ID)
	w.Must(err)
	stranger.Get("/torrents.php?action=download&id=1&authkey="+auth+"&torrent_pass="+w.People["user"].AnnounceKey, from("192.0.2.69")...)
	b := w.As("anonymous")
	b.Follow(b.Post("/login", url.Values{"name": {"user"}, "password": {w.People["user"].Password}}, from("198.51.100.5")...))
	b.Agree(t, b.Post("/settings/irc-key", nil, from("198.51.100.5")...))

	text := sitetest.Words(b.Get("/settings/security").Page(t).Find("main"))
	for _, want := range []string{
		"A wrong passphrase or key on the site 192.0.2.66", "A key was used the API token test by the API 192.0.2.67",
		"A key was used a personal download link by a download link 192.0.2.69", "on the site 198.51.100.5", "The IRC key was replaced on the site",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "192.0.2.68") {
		t.Error("a wrong token, which is nobody's, is shown")
	}
	if text := w.As("other").Get("/settings/security").Text; strings.Contains(text, "192.0.2.66") || strings.Contains(text, "198.51.100.5") {
		t.Error("another member sees the addresses")
	}
	list, err := w.Deps.Members.Security().Page(t.Context(), 0, 0, 5)
	if w.Must(err); len(list) != 1 || list[0].Face != security.API || list[0].Address != "192.0.2.68" {
		t.Errorf("of nobody: %+v", list)
	}
}

func TestSecurityLogIsPaged(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	for i := range 35 {
		_, err := w.Deps.Members.NewToken(t.Context(), w.People["user"].Member.ID, fmt.Sprintf("program %d", i), member.ScopeRead)
		w.Must(err)
		w.Must(w.Deps.Members.RevokeToken(t.Context(), w.People["user"].Member.ID, newestToken(t, w)))
	}
	seen, pages := 0, 0
	for next, more := "/settings/security", true; more; pages++ {
		page := b.Get(next).Page(t)
		seen += strings.Count(page.Find("tbody").Text(), "program ")
		next, more = page.Find("a[rel=next]").Attr("href")
	}
	if seen != 70 || pages != 3 {
		t.Errorf("%d entries on %d pages", seen, pages)
	}
}

func newestToken(t *testing.T, w *sitetest.World) int64 {
	t.Helper()
	list, err := w.Deps.Members.Tokens(t.Context(), w.People["user"].Member.ID)
	w.Must(err)
	return list[0].ID
}

// TestResetIsToldAtTheNextLogin goes the whole way, from the shell of the machine.
func TestResetIsToldAtTheNextLogin(t *testing.T) {
	w := sitetest.OnSQLite(t)
	thief := w.As("user")
	run := func(line string) command.Answer {
		a, err := w.Deps.Commands.Execute(t.Context(), command.Request{Actor: command.Shell(), Line: line})
		w.Must(err)
		return a
	}
	reset := run("member passphrase user")
	if said := strings.Join(reset.Lines, " "); !strings.Contains(said, "2 API tokens") || !strings.Contains(said, "every IRC connection") {
		t.Errorf("the question does not say what ends: %s", said)
	}
	_, passphrase, _ := strings.Cut(run("confirm " + reset.Pending.Code).Private[0], ": ")
	if a := w.As("sysop").Post("/commands/member-passphrase", url.Values{"name": {"user"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("one of the staff alone: status %d", a.StatusCode)
	}
	if a := thief.Get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the thief's browser: status %d", a.StatusCode)
	}
	b := w.As("anonymous")
	told := b.Follow(b.Post("/login", url.Values{"name": {"user"}, "password": {passphrase}}))
	for _, want := range []string{"Staff gave you a new passphrase", "1 browser that was logged in", "2 API tokens", "IRC key", "announce key"} {
		if flash := told.Page(t).Find(".flash").Text(); !strings.Contains(flash, want) {
			t.Errorf("%q is missing in %q", want, flash)
		}
	}
	if text := sitetest.Words(b.Get("/settings/security").Page(t).Find("main")); !strings.Contains(text, "Staff gave a new passphrase on the machine itself, by shell") {
		t.Errorf("the log: %s", text)
	}
	again := w.As("anonymous")
	if a := again.Follow(again.Post("/login", url.Values{"name": {"user"}, "password": {passphrase}})); strings.Contains(a.Text, "Staff gave you") {
		t.Error("it is told a second time")
	}
}

// TestStaffLookAtASecurityLog needs the permission and the rank, and each look is in
// the audit log.
func TestStaffLookAtASecurityLog(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	w.As("anonymous").Post("/login", url.Values{"name": {"user"}, "password": {"wrong"}}, "X-Forwarded-For", "192.0.2.66")
	for _, whose := range []string{"user", "sysop"} {
		a := w.As("moderator").Post("/commands/member-security", url.Values{"name": {whose}})
		if shown := strings.Contains(a.Text, "192.0.2.66"); shown != (whose == "user") {
			t.Errorf("the log of %s: status %d, shown %t", whose, a.StatusCode, shown)
		}
	}
	if a := w.As("other").Post("/commands/member-security", url.Values{"name": {"user"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("a member looks: status %d", a.StatusCode)
	}
	rows, err := audit.New(w.DB, w.Now).On(t.Context(), audit.MemberSubject(w.People["user"].Member.ID), 5)
	w.Must(err)
	if len(rows) != 1 || rows[0].Command != "member security" || rows[0].Outcome != audit.Done || strings.Contains(rows[0].Detail, "192.0.2.66") {
		t.Errorf("the audit log: %+v", rows)
	}
}
