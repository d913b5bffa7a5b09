package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// identify finds out who asks. Whoever proves nothing is anonymous; whoever
// proves wrongly is told so where a program must know.
func (s *Site) identify(v *Visit, n Need) error {
	if n.same {
		return nil
	}
	if v.kind == API {
		return s.identifyToken(v)
	}
	if v.kind == Download {
		if done, err := s.identifyKeys(v); done || err != nil {
			return err
		}
	}
	return s.identifyCookie(v)
}

func (s *Site) identifyCookie(v *Visit) error {
	token := s.cookie(v, sessionCookie)
	if token == "" || len(token) > 200 {
		return nil
	}
	m, session, err := s.Members.BySession(v.Context(), token)
	if core.CodeOf(err) == core.Forbidden {
		s.dropCookie(v, sessionCookie)
		return nil
	}
	if err != nil {
		return err
	}
	v.Me, v.Session = m, session
	if session.Renewed {
		v.KeepSession(token)
	}
	v.knownAs(security.Site)
	s.readFlash(v)
	return nil
}

// identifyKeys reads the keys of a personal download link. It reports whether
// the link had any.
func (s *Site) identifyKeys(v *Visit) (bool, error) {
	authKey, announceKey := v.Query("authkey"), v.Query("torrent_pass")
	if authKey == "" && announceKey == "" {
		return false, nil
	}
	v.knownAs(security.Link)
	m, err := s.Members.CheckDownload(v.Context(), authKey, announceKey)
	if core.CodeOf(err) == core.Forbidden && m.ID == 0 {
		return true, s.wrongKey(v, "keys", "too many wrong download links from your address", err)
	}
	if err != nil {
		return true, err
	}
	v.Me = m
	if wait, _ := s.links.Take(rates.Who{By: rates.Account, Name: text.FoldASCII(m.Name)}); wait > 0 {
		return true, s.tooMany("downloads", wait, "the keys in this link are used too often")
	}
	return true, nil
}

// wrongKey answers to a key that nobody has. Keys are looked at first: so a right one is
// never refused for what else comes from its address. They are too long to be guessed; the
// limit is to spare us the work, and the logs.
func (s *Site) wrongKey(v *Visit, limit, why string, err error) error {
	if wait, _ := s.wrong.Take(rates.Who{By: rates.Network, Name: v.Address(), Part: limit}); wait > 0 {
		return s.tooMany(limit, wait, why)
	}
	return err
}

// identifyToken reads an API token: "Bearer x", "token x" or just "x".
func (s *Site) identifyToken(v *Visit) error {
	token := strings.TrimSpace(v.Header("Authorization"))
	if scheme, rest, ok := strings.Cut(token, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token")) {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		return nil
	}
	v.knownAs(security.API)
	m, t, err := s.Members.ByToken(v.Context(), token)
	if core.CodeOf(err) == core.Forbidden {
		err = WithStatus(http.StatusUnauthorized, &core.Error{Code: core.Forbidden, Text: core.SafeText(err), Cause: err})
		if t.ID == 0 {
			err = s.wrongKey(v, "token", "too many wrong API tokens from your address", err)
		}
	}
	if err != nil {
		return err
	}
	v.Me, v.Token = m, t
	v.knownAs(security.API)
	if wait, _ := s.tokens.Take(rates.Who{By: rates.Account, Name: text.FoldASCII(m.Name), Part: fmt.Sprint(t.ID)}); wait > 0 {
		return s.tooMany("api", wait, "this token makes too many requests")
	}
	return nil
}

// permit decides whether the visitor may use a route.
func permit(v *Visit, n Need) error {
	if n.public {
		return guarded(v, n)
	}
	if !v.In() {
		return notLoggedIn(v)
	}
	if v.kind == API && !v.Token.Scope.Includes(n.scope) {
		return core.Errorf(core.Forbidden, "this token may not %s; make one with the scope %s in your settings", n.scope, n.scope)
	}
	if !v.Me.Enabled() && !n.waiting {
		return v.Me.WhyNot("")
	}
	if !n.waiting && (n.early == nil || !n.early(v)) {
		if err := v.UnderRules(); err != nil {
			return err
		}
	}
	if !n.has(v.Me) {
		return n.whyNot(v.Me)
	}
	return guarded(v, n)
}

// AcceptRules is where members accept the rules once they have changed in substance.
const AcceptRules = "/rules/accept"

// UnderRules leads a member with a browser to the rules, if staff have asked everybody to
// accept them anew and this one has not. Programs go on: whoever gave them their keys and
// tokens will come by. It is for pages that anybody may see and that show members more.
func (v *Visit) UnderRules() error {
	if v.Session.ID == 0 {
		return nil
	}
	values, err := v.site.Settings.Values(v.Context())
	if err != nil || !invite.Asks(values, v.Session.Accepted) {
		return err
	}
	if m := v.Request.Method; v.kind != Page || m != http.MethodGet && m != http.MethodHead {
		v.SetHeader("HX-Refresh", "true")
		return core.Errorf(core.Forbidden, "the rules have changed, so nothing was done: open %s, accept them, and then come back and do this once more", AcceptRules)
	}
	if next := comeBack(v.Request.URL); next != "/" {
		return RedirectTo(AcceptRules + "?next=" + url.QueryEscape(next))
	}
	return RedirectTo(AcceptRules)
}

func guarded(v *Visit, n Need) error {
	if n.guard.Check == nil {
		return nil
	}
	return n.guard.Check(v)
}

// notLoggedIn answers in the way that the kind of visitor understands.
func notLoggedIn(v *Visit) error {
	switch v.kind {
	case API:
		return WithStatus(http.StatusUnauthorized,
			core.Errorf(core.Forbidden, `send an API token in the header "Authorization: Bearer …"; make one in your settings`))
	case Download:
		return core.Errorf(core.Forbidden, "log in, or use a personal link with authkey and torrent_pass")
	case Fragment:
		v.SetHeader("HX-Refresh", "true")
		return WithStatus(http.StatusUnauthorized, core.Errorf(core.Forbidden, "you are not logged in"))
	default:
		to := "/login"
		if next := comeBack(v.Request.URL); v.Request.Method == http.MethodGet && next != "/" {
			to += "?next=" + url.QueryEscape(next)
		}
		return RedirectTo(to)
	}
}

// secretShaped is the length from which a run of the letters that keys are written in
// may be one: announce keys, tokens and one-time links are all longer.
const secretShaped = 16

// comeBack is where somebody goes who logs in first: the address that was asked for,
// without anything that may be a secret, since addresses end up in logs and histories.
// Where the path may hold one, it is the front page.
func comeBack(u *url.URL) string {
	for part := range strings.SplitSeq(u.Path, "/") {
		if maybeSecret(part) {
			return "/"
		}
	}
	keep := url.Values{}
	for name, values := range u.Query() { // what can't be parsed is not in it
		for _, value := range values {
			if !maybeSecret(name) && !maybeSecret(value) {
				keep.Add(name, value)
			}
		}
	}
	if len(keep) == 0 {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + keep.Encode()
}

// maybeSecret reports whether a text holds a run of letters as long as a key.
func maybeSecret(s string) bool {
	run := 0
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '+', r == '/', r == '=', r == '~':
			if run++; run >= secretShaped {
				return true
			}
		default:
			run = 0
		}
	}
	return false
}
