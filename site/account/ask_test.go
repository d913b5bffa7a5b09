package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// makes are the forms of the settings that end nothing, or that ask for the passphrase.
var makes = map[string]bool{
	"/settings/passphrase": true, "/settings/tokens": true, "/settings/irc/certificates": true, "/settings/irc/nicks": true, "/settings/appearance": true, "/settings/invites": true,
	"/settings/notifications": true, "/settings/privacy": true, // choices, which can be made otherwise at once
	"/settings/recovery/mail": true, "/settings/recovery/codes": true, // they ask for the passphrase
}

// allOf is what all pages of the settings show.
func allOf(b *sitetest.Browser) (all string) {
	for _, path := range []string{"/settings", "/settings/security", "/settings/keys", "/settings/irc", "/settings/invites"} {
		all += b.Get(path).Text
	}
	return all
}

// TestSettingsAskBeforeTheyEndSomething presses the button of every form there is: all
// but those that make something say first what breaks, and do nothing yet.
func TestSettingsAskBeforeTheyEndSomething(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	w.As("user") // a second browser
	id := w.People["user"].Member.ID
	shown := strings.Repeat("0a", 32)
	_, err := w.Deps.Members.AddCertificate(t.Context(), id, shown, "laptop")
	w.Must(err)
	w.Must(w.Deps.Members.AddNick(t.Context(), id, "Wanderer", 2))
	routes, err := w.Room.Routes()
	w.Must(err)
	tokens, err := w.Deps.Members.Tokens(t.Context(), id)
	w.Must(err)
	sessions, err := w.Deps.Members.Sessions(t.Context(), id)
	w.Must(err)
	fill := strings.NewReplacer(":token", itoa(tokens[0].ID), ":session", itoa(sessions[0].ID), ":fingerprint", shown, ":nick", "Wanderer", ":id", "1")
	_, err = w.Deps.Invites.Make(t.Context(), id, invite.New{})
	w.Must(err)
	breaks := map[string]string{
		"/settings/announce-key": "Download each .torrent again", "/settings/irc-key": "Every connection of yours to IRC ends", "/settings/tokens/:token/revoke": "the token test is refused",
		"/settings/sessions/:session/end": "test browser", "/settings/end": "1 API token (test)", "/settings/irc/certificates/:fingerprint/remove": "laptop",
		"/settings/irc/nicks/:nick/remove": "Anybody else may register the nick Wanderer",
		"/settings/invites/:id/revoke":     "Its link is no good any more",
	}
	for _, r := range routes {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.Path, "/settings") || makes[r.Path] {
			continue
		}
		before := allOf(b)
		form := url.Values{"tokens": {"yes"}, "announcekey": {"yes"}}
		asked := b.Post(fill.Replace(r.Path), form)
		if asked.StatusCode != http.StatusOK || !strings.Contains(asked.Text, breaks[r.Path]) || breaks[r.Path] == "" {
			t.Errorf("%s does not say what breaks: status %d, want %q", r.Path, asked.StatusCode, breaks[r.Path])
		}
		if got := allOf(b); got != before {
			t.Errorf("%s has done something before it was agreed to", r.Path)
		}
		// From another site, nothing is done either, agreed or not.
		form.Set("sure", "yes")
		if a := b.Post(fill.Replace(r.Path), form, "Sec-Fetch-Site", "cross-site"); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another site: status %d", r.Path, a.StatusCode)
		}
		if a := b.Agree(t, asked); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s agreed to: status %d", r.Path, a.StatusCode)
		}
		if got := allOf(b); got == before {
			t.Errorf("%s has done nothing", r.Path)
		}
	}
	for _, path := range []string{"/settings/tokens/999/revoke", "/settings/sessions/999/end", "/settings/irc/certificates/" + shown + "/remove"} {
		if a := b.Post(path, nil); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, a.StatusCode)
		}
	}
	if a := b.Post("/settings/end", nil); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("nothing is ticked: status %d", a.StatusCode)
	}
}

// TestQuestionCarriesTheForm asks on the page on which commands ask, too, and keeps all
// that was sent.
func TestQuestionCarriesTheForm(t *testing.T) {
	w := sitetest.OnSQLite(t)
	asked := w.As("user").Post("/settings/end", url.Values{"tokens": {"yes", "<again>"}, "other": {""}, "sure": {"no"}}).Page(t)
	command := w.As("sysop").Post("/commands/freeleech-on", url.Values{"duration": {"1h"}, "reason": {"a party"}}).Page(t)
	for name, page := range map[string]*goquery.Document{"settings": asked, "command": command} {
		if page.Find(".narrow > .card > form.stack .actions > button.danger + a").Text() != "Leave it" || page.Find("main p.hint").Length() != 1 {
			t.Errorf("%s: the question looks different", name)
		}
	}
	var sent []string
	asked.Find("main form.stack input[type=hidden]").Each(func(_ int, s *goquery.Selection) {
		sent = append(sent, s.AttrOr("name", "")+"="+s.AttrOr("value", ""))
	})
	if diff := cmp.Diff([]string{"other=", "sure=yes", "tokens=yes", "tokens=<again>"}, sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
