package web

import (
	"net/http"
	"time"
)

const (
	sessionCookie = "session"
	flashCookie   = "flash"
)

// cookieName adds the prefix that makes browsers insist on Secure, Path=/ and
// this host alone, where the site has https.
func cookieName(secure bool, name string) string {
	if secure {
		return "__Host-caduceus-" + name
	}
	return "caduceus-" + name
}

// cookie returns the value of one of our cookies, "" when there is none.
func (s *Site) cookie(v *Visit, name string) string {
	if c, err := v.Request.Cookie(cookieName(s.config.secure(), name)); err == nil {
		return c.Value
	}
	return ""
}

func (s *Site) setCookie(v *Visit, name, value string, age time.Duration) {
	http.SetCookie(v.gin.Writer, &http.Cookie{ // #nosec G124 -- Secure follows the site's URL
		Name: cookieName(s.config.secure(), name), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: s.config.secure(), SameSite: http.SameSiteLaxMode,
	})
}

func (s *Site) dropCookie(v *Visit, name string) { s.setCookie(v, name, "", -time.Second) }

// SessionCookie is the name of the cookie that holds the token of a session.
func (c Config) SessionCookie() string { return cookieName(c.secure(), sessionCookie) }

// SessionToken is the token of the visitor's session, "" when there is none.
func (v *Visit) SessionToken() string { return v.site.cookie(v, sessionCookie) }

// KeepSession lets the browser hold the token of the visitor's session, as long as the
// session lasts.
func (v *Visit) KeepSession(token string) {
	v.site.setCookie(v, sessionCookie, token, v.Session.EndsAt.Sub(v.site.Clock()))
}

// DropSession lets the browser forget its session and what the next page had to
// tell.
func (v *Visit) DropSession() {
	v.site.dropCookie(v, sessionCookie)
	v.site.dropCookie(v, flashCookie)
}
