package site_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// permissions says for every route who is let in, in the order of sitetest.Roles:
// anonymous, disabled, user, moderator, sysop. The dataset belongs to "other",
// a member of the lowest class.
//
//	.  let in (whatever the handler then thinks of an empty form)
//	L  sent to the login page
//	F  403
//	U  401
//	N  404
var permissions = map[string]string{
	"GET /":                ".....",
	"GET /login":           ".....",
	"POST /login":          ".....",
	"POST /logout":         ".....",
	"GET /recover":         ".....",
	"POST /recover":        ".....",
	"POST /recover/code":   ".....",
	"GET /recover/:token":  ".....",
	"POST /recover/:token": ".....",
	"GET /confirm/:token":  ".....",
	"POST /confirm/:token": ".....",
	"GET /join":            ".....",
	"POST /join":           "FFFFF",
	"GET /join/:token":     ".....",
	"POST /join/:token":    "..FFF",

	// Those who apply.
	"GET /apply":                        ".....",
	"POST /apply":                       "FFFFF",
	"GET /application":                  ".....",
	"POST /application":                 ".....",
	"GET /application/:token":           ".....",
	"POST /application/:token/withdraw": ".....",

	// The desks of staff for settings, mail and limits.
	"GET /staff/settings": "LLFF.",
	"GET /staff/mail":     "LLFF.",
	"GET /staff/limits":   "LLF..",

	"GET /freeleech.json":   ".....",
	"GET /robots.txt":       ".....",
	"GET /favicon.ico":      ".....",
	"GET /assets/*name":     ".....",
	"GET /browse":           "LL...",
	"GET /swarm":            "UU...",
	"GET /me/torrents":      "LL...",
	"GET /groups/:id":       "LL...",
	"GET /groups/:id/notes": "LL...",
	"GET /groups/:id/edit":  "LLF..",
	"POST /groups/:id/edit": "LLF..",

	"GET /torrents/:id":                 "LL...",
	"GET /torrents/:id/files":           "LL...",
	"GET /torrents/:id/uploaded":        "LL...",
	"GET /torrents/:id/download":        "FF...",
	"GET /torrents/:id/announces":       "LLF..",
	"GET /torrents/:id/edit":            "LLF..",
	"POST /torrents/:id/edit":           "LLF..",
	"GET /torrents.php?action=download": "FF...",
	"GET /torrents.php":                 "LL...",

	"GET /upload":        "LL...",
	"POST /upload/check": "LL...",
	"POST /upload":       "LL...",

	"GET /members/:name":                                  "LL...",
	"GET /settings":                                       "LL...",
	"POST /settings/announce-key":                         "LL...",
	"POST /settings/irc-key":                              "LL...",
	"POST /settings/passphrase":                           "LL...",
	"POST /settings/tokens":                               "LL...",
	"POST /settings/tokens/:token/revoke":                 "LL...",
	"POST /settings/sessions/:session/end":                "LL...",
	"POST /settings/end":                                  "LL...",
	"GET /settings/security":                              "LL...",
	"GET /settings/recovery":                              "LL...",
	"GET /settings/mail":                                  "LL...",
	"POST /settings/recovery/mail":                        "LL...",
	"POST /settings/recovery/codes":                       "LL...",
	"GET /settings/keys":                                  "LL...",
	"GET /settings/privacy":                               "LL...",
	"POST /settings/privacy":                              "LL...",
	"GET /settings/appearance":                            "LL...",
	"POST /settings/appearance":                           "LL...",
	"GET /settings/notifications":                         "LL...",
	"POST /settings/notifications":                        "LL...",
	"GET /inbox":                                          "LL...",
	"POST /inbox/read":                                    "LL...",
	"POST /inbox/:id/read":                                "LL...",
	"GET /unsubscribe/:token":                             ".....",
	"POST /unsubscribe/:token":                            ".....",
	"GET /api/v1/notifications":                           "UU...",
	"GET /settings/irc":                                   "LL...",
	"POST /settings/irc/certificates":                     "LL...",
	"POST /settings/irc/certificates/:fingerprint/remove": "LL...",
	"POST /settings/irc/nicks":                            "LL...",
	"POST /settings/irc/nicks/:nick/remove":               "LL...",
	"GET /freeleech":                                      "LL...",
	"GET /rules/clients":                                  "LL...",
	"GET /help":                                           "LL...",
	"GET /help/:page":                                     "LL...",
	"GET /rules":                                          ".....",
	"GET /terms":                                          ".....",
	"GET /news":                                           "LL...",
	"GET /news/:number":                                   "LL...",
	"GET /pages":                                          "LLF..",
	"GET /pages/news":                                     "LLF..",
	"POST /pages/news":                                    "LLF..",
	"GET /pages/new":                                      "LLF..",
	"POST /pages/new":                                     "LLF..",
	"GET /pages/:page/edit":                               "LLF..",
	"POST /pages/:page/edit":                              "LLF..",
	"GET /pages/:page/history":                            "LL...",
	"GET /pages/:page/diff":                               "LL...",
	"GET /announces":                                      "LL...",
	"GET /endangered":                                     "LL...",
	"GET /staff/tracker":                                  "LLF..",
	"GET /staff/members/:name/announces":                  "LLF..",
	"POST /start/rules":                                   "LL...",
	"POST /start/away":                                    "LL...",
	"GET /staff":                                          "LLF..",
	"GET /staff/torrents":                                 "LLF..",
	"GET /staff/irc":                                      "LLF..",
	"GET /staff/jobs":                                     "LLFF.",
	"GET /staff/bans":                                     "LLF..",
	"GET /staff/classes":                                  "LLF..",
	"GET /staff/audit":                                    "LLF..",
	"GET /staff/approvals":                                "LLF..",
	"GET /staff/components":                               "LLF..",
	"GET /staff/members":                                  "LLF..",
	"GET /staff/causes":                                   "LLF..",
	"GET /staff/members/:name":                            "LLF..",
	"GET /commands/:command":                              "LLN..",
	"POST /commands/:command":                             "LLF..",
	"POST /api/v1/torrents":                               "UU...",
	"GET /api/v1/torrents/:id":                            "UU...",
	"GET /api/v1/torrents/:id/download":                   "UU...",
	"GET /api/v1/browse":                                  "UU...",
	"GET /api/v1/me":                                      "UU...",
}

func TestPermissionsOfEveryRoute(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		w.Upload("other", "A dataset that others may not touch", nil)
		listed := map[string]bool{}
		routes, err := w.Room.Routes()
		w.Must(err)
		for _, r := range routes {
			name := r.Method + " " + r.Path
			if r.Action != "" {
				name += "?action=" + r.Action
			}
			listed[name] = true
			want, ok := permissions[name]
			if !ok {
				t.Errorf("route %s is not in the table of permissions", name)
				continue
			}
			for i, role := range sitetest.Roles {
				if strings.HasPrefix(r.Path, "/join/") { // links that there are not are guesses, and count
					w.Pass(time.Hour)
				}
				if got := letIn(w, t, r, role); got != want[i] {
					t.Errorf("%s as %s: %c, want %c", name, role, got, want[i])
				}
			}
		}
		for name := range permissions {
			if !listed[name] {
				t.Errorf("the table has %s, which is no route", name)
			}
		}
	})
}

// letIn asks once and says what became of it, in the letters of the table.
func letIn(w *sitetest.World, t *testing.T, r web.Route, role string) byte {
	t.Helper()
	path := strings.NewReplacer(":id", "1", ":name", "other", ":token", "999", ":session", "999", "*name", "x", ":command", "member-disable", ":page", "irc", ":number", "1").Replace(r.Path)
	if r.Action != "" {
		path += "?action=" + r.Action + "&id=1"
	}
	b := w.As(role)
	var headers []string
	if r.Kind == web.API && role != "anonymous" {
		headers = []string{"Authorization", "Bearer " + w.People[role].Token}
	}
	var a sitetest.Answer
	if r.Method == http.MethodGet {
		a = b.Get(path, headers...)
	} else {
		a = b.Post(path, url.Values{}, headers...)
	}
	switch {
	case a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Header.Get("Location"), "/login"):
		return 'L'
	case a.StatusCode == http.StatusNotFound && r.Path == "/commands/:command": // others are not told that there is one
		return 'N'
	case a.StatusCode == http.StatusForbidden && r.Path != "/login":
		return 'F'
	case a.StatusCode == http.StatusUnauthorized:
		return 'U'
	case a.StatusCode >= 500:
		t.Errorf("%s %s as %s: status %d", r.Method, path, role, a.StatusCode)
	}
	return '.'
}
