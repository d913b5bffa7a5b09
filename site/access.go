package site

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// need is what a route asks of its visitor.
type need struct {
	public bool              // nobody has to be logged in
	any    []core.Permission // one of these is enough; none: any member
	scope  member.Scope      // of the API token
	// guard decides about the one thing that the address names, and puts what
	// it read into the visit.
	guard func(*server, *visit) error
}

var (
	// anyone may come, logged in or not.
	anyone = need{public: true}
	// members are all who are logged in.
	members = need{}
)

// having asks for one of some permissions.
func having(any ...core.Permission) need { return need{any: any} }

// scoped asks for an API token of a scope, and for the member's own permissions.
func scoped(scope member.Scope, any ...core.Permission) need { return need{scope: scope, any: any} }

// about adds a guard.
func (n need) about(guard func(*server, *visit) error) need {
	n.guard = guard
	return n
}

// identify finds out who asks. Whoever proves nothing is anonymous; whoever
// proves wrongly is told so where a program must know.
func (s *server) identify(v *visit) error {
	if v.kind == api {
		return s.identifyToken(v)
	}
	if v.kind == download {
		if done, err := s.identifyKeys(v); done || err != nil {
			return err
		}
	}
	return s.identifyCookie(v)
}

func (s *server) identifyCookie(v *visit) error {
	token := s.cookie(v, sessionCookie)
	if token == "" || len(token) > 200 {
		return nil
	}
	m, session, err := s.Members.BySession(v, token)
	if core.CodeOf(err) == core.Forbidden {
		s.dropCookie(v, sessionCookie)
		return nil
	}
	if err != nil {
		return err
	}
	v.me, v.session = m, session
	s.readFlash(v)
	return nil
}

// identifyKeys reads the keys of a personal download link. It reports whether
// the link had any.
func (s *server) identifyKeys(v *visit) (bool, error) {
	authKey, passkey := v.Query("authkey"), v.Query("torrent_pass")
	if authKey == "" && passkey == "" {
		return false, nil
	}
	if wait, ok := s.logins.take("keys " + v.address()); !ok {
		return true, s.tooMany("keys", wait, "too many wrong download links from your address")
	}
	m, err := s.Members.CheckDownload(v, authKey, passkey)
	if core.CodeOf(err) == core.Forbidden {
		return true, err
	}
	s.logins.giveBack("keys " + v.address())
	v.me = m
	return true, err
}

// identifyToken reads an API token: "Bearer x", "token x" or just "x".
func (s *server) identifyToken(v *visit) error {
	token := strings.TrimSpace(v.GetHeader("Authorization"))
	if scheme, rest, ok := strings.Cut(token, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token")) {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		return nil
	}
	if wait, ok := s.logins.take("token " + v.address()); !ok {
		return s.tooMany("token", wait, "too many wrong API tokens from your address")
	}
	m, t, err := s.Members.ByToken(v, token)
	if core.CodeOf(err) == core.Forbidden {
		return withStatus(http.StatusUnauthorized, &core.Error{Code: core.Forbidden, Text: core.SafeText(err), Cause: err})
	}
	s.logins.giveBack("token " + v.address())
	if err != nil {
		return err
	}
	v.me, v.token = m, t
	if wait, ok := s.tokens.take(tokenKey(t)); !ok {
		return s.tooMany("api", wait, "this token makes too many requests")
	}
	return nil
}

// permit decides whether the visitor may use a route.
func (s *server) permit(v *visit, n need) error {
	if n.public {
		return s.guarded(v, n)
	}
	if !v.in() {
		return s.notLoggedIn(v)
	}
	if v.kind == api && n.scope == member.ScopeUpload && v.token.Scope != member.ScopeUpload {
		return core.Errorf(core.Forbidden, "this token may only read; make one with the scope upload in your settings")
	}
	if len(n.any) > 0 && !slices.ContainsFunc(n.any, v.me.Can) {
		return core.Errorf(core.Forbidden, "your class (%s) may not do this", v.me.Class.Name)
	}
	return s.guarded(v, n)
}

func (s *server) guarded(v *visit, n need) error {
	if n.guard == nil {
		return nil
	}
	return n.guard(s, v)
}

// notLoggedIn answers in the way that the kind of visitor understands.
func (s *server) notLoggedIn(v *visit) error {
	switch v.kind {
	case api:
		return withStatus(http.StatusUnauthorized,
			core.Errorf(core.Forbidden, `send an API token in the header "Authorization: Bearer …"; make one in your settings`))
	case download:
		return core.Errorf(core.Forbidden, "log in, or use a personal link with authkey and torrent_pass")
	case fragment:
		v.Header("HX-Refresh", "true")
		return withStatus(http.StatusUnauthorized, core.Errorf(core.Forbidden, "you are not logged in"))
	default:
		to := "/login"
		if v.Request.Method == http.MethodGet && v.Request.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(v.Request.URL.RequestURI())
		}
		return redirectTo(to)
	}
}

// tooMany is the answer to a visitor who must wait.
func (s *server) tooMany(limit string, wait time.Duration, text string) error {
	s.meters.limited.WithLabelValues(limit).Inc()
	wait = wait.Truncate(time.Second) + time.Second
	return &statusError{status: http.StatusTooManyRequests, retry: wait,
		err: core.Errorf(core.Unavailable, "%s; try again in %s", text, inWords(wait))}
}
