package site_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestRightKeysAreAnswered sends more wrong API tokens and download links than are answered,
// and then right ones from the same address.
func TestRightKeysAreAnswered(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.LoginAttempts, c.APIRequests = 3, 3 })
	_, id := w.Upload("other", "A dataset to fetch", nil)
	who := w.People["user"].Member.ID
	announceKey, err := w.Deps.Members.AnnounceKey(t.Context(), who)
	w.Must(err)
	authKey, err := w.Deps.Members.AuthKey(t.Context(), who)
	w.Must(err)
	b := w.As("anonymous")
	fresh := func() { // with nothing held against anybody
		w.Deps.Rates = rates.New(w.Now)
		w.Restart()
	}
	token := func(token string) sitetest.Answer {
		return b.Get("/api/v1/me", "Authorization", "Bearer "+token)
	}
	link := func(authKey, announceKey string) sitetest.Answer {
		return b.Get("/torrents.php?action=download&id=" + fmt.Sprint(id) + "&authkey=" + authKey + "&torrent_pass=" + announceKey)
	}
	for name, c := range map[string]struct {
		wrong, right func() sitetest.Answer
		status       int // of a wrong one
	}{
		"token":                 {func() sitetest.Answer { return token(strings.Repeat("x", 43)) }, func() sitetest.Answer { return token(w.People["user"].Token) }, http.StatusUnauthorized},
		"token of another form": {func() sitetest.Answer { return token("x") }, func() sitetest.Answer { return token(w.People["other"].Token) }, http.StatusUnauthorized},
		"link":                  {func() sitetest.Answer { return link(authKey, strings.Repeat("x", 32)) }, func() sitetest.Answer { return link(authKey, announceKey) }, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			fresh()
			for i := range 5 {
				want := c.status
				if i >= 3 {
					want = http.StatusTooManyRequests
				}
				if a := c.wrong(); a.StatusCode != want || (want == http.StatusTooManyRequests) != (a.Header.Get("Retry-After") != "") {
					t.Errorf("wrong one %d: status %d, want %d", i, a.StatusCode, want)
				}
			}
			for i := range 5 {
				want := http.StatusOK
				if i >= 3 {
					want = http.StatusTooManyRequests // by its own rate
				}
				if a := c.right(); a.StatusCode != want {
					t.Errorf("right one %d: status %d, want %d: %s", i, a.StatusCode, want, a.Text)
				}
			}
		})
	}
	// The keys of a disabled member are right, and don't count as wrong.
	fresh()
	w.Must(membertest.Disable(t.Context(), w.Deps.Members, who, "left the lab"))
	for range 5 {
		if a := link(authKey, announceKey); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "left the lab") {
			t.Errorf("a disabled member's link: status %d, %s", a.StatusCode, a.Text)
		}
		if a := token(w.People["user"].Token); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, "left the lab") {
			t.Errorf("a disabled member's token: status %d, %s", a.StatusCode, a.Text)
		}
	}
}
