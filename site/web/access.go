package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// identify finds out who asks. Whoever proves nothing is anonymous; whoever
// proves wrongly is told so where a program must know.
func (s *Site) identify(v *Visit) error {
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
	s.readFlash(v)
	return nil
}

// identifyKeys reads the keys of a personal download link. It reports whether
// the link had any.
func (s *Site) identifyKeys(v *Visit) (bool, error) {
	authKey, passkey := v.Query("authkey"), v.Query("torrent_pass")
	if authKey == "" && passkey == "" {
		return false, nil
	}
	if wait, ok := s.proofs.take("keys " + v.Address()); !ok {
		return true, s.tooMany("keys", wait, "too many wrong download links from your address")
	}
	m, err := s.Members.CheckDownload(v.Context(), authKey, passkey)
	if core.CodeOf(err) == core.Forbidden {
		return true, err
	}
	s.proofs.giveBack("keys " + v.Address())
	v.Me = m
	return true, err
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
	if wait, ok := s.proofs.take("token " + v.Address()); !ok {
		return s.tooMany("token", wait, "too many wrong API tokens from your address")
	}
	m, t, err := s.Members.ByToken(v.Context(), token)
	if core.CodeOf(err) == core.Forbidden {
		return WithStatus(http.StatusUnauthorized, &core.Error{Code: core.Forbidden, Text: core.SafeText(err), Cause: err})
	}
	s.proofs.giveBack("token " + v.Address())
	if err != nil {
		return err
	}
	v.Me, v.Token = m, t
	if wait, ok := s.tokens.take(tokenKey(t)); !ok {
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
	if v.kind == API && n.scope == member.ScopeUpload && v.Token.Scope != member.ScopeUpload {
		return core.Errorf(core.Forbidden, "this token may only read; make one with the scope upload in your settings")
	}
	if !n.has(v.Me) {
		return core.Errorf(core.Forbidden, "your class (%s) may not do this", v.Me.Class.Name)
	}
	return guarded(v, n)
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
		if v.Request.Method == http.MethodGet && v.Request.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(v.Request.URL.RequestURI())
		}
		return RedirectTo(to)
	}
}

func tokenKey(t member.Token) string { return fmt.Sprintf("token %d", t.ID) }
