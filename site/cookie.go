package site

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	sessionCookie = "session"
	flashCookie   = "flash"
	sessionAge    = 30 * 24 * time.Hour // as long as the store keeps an unused one
	flashAge      = 5 * time.Minute
	maxFlash      = 3000 // bytes; a cookie holds 4096
)

// cookieName adds the prefix that makes browsers insist on Secure, Path=/ and
// this host alone, where the site has https.
func (s *server) cookieName(name string) string {
	if s.config.secure() {
		return "__Host-caduceus-" + name
	}
	return "caduceus-" + name
}

// cookie returns the value of one of our cookies, "" when there is none.
func (s *server) cookie(v *visit, name string) string {
	if c, err := v.Request.Cookie(s.cookieName(name)); err == nil {
		return c.Value
	}
	return ""
}

func (s *server) setCookie(v *visit, name, value string, age time.Duration) {
	http.SetCookie(v.Writer, &http.Cookie{ // #nosec G124 -- Secure follows the site's URL
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: s.config.secure(), SameSite: http.SameSiteLaxMode,
	})
}

func (s *server) dropCookie(v *visit, name string) { s.setCookie(v, name, "", -time.Second) }

// flash is what one page tells the next after a redirect. It travels sealed in a
// cookie, so it may hold a secret that is shown once.
type flash struct {
	Good    string        `json:"good,omitempty"` // a sentence of success
	Secrets []flashSecret `json:"secrets,omitempty"`
	Changes []string      `json:"changes,omitempty"` // what was changed in a torrent
}

type flashSecret struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// tell seals f for the next page that this session asks for.
func (s *server) tell(v *visit, f flash) error {
	raw, err := json.Marshal(f)
	for err == nil && len(raw) > maxFlash*2/3 && len(f.Changes) > 0 {
		f.Changes = f.Changes[:len(f.Changes)-1]
		raw, err = json.Marshal(f)
	}
	if err != nil {
		return fmt.Errorf("flash: %w", err)
	}
	s.setCookie(v, flashCookie, base64.RawURLEncoding.EncodeToString(s.Keys.Seal(raw, flashUse(v))), flashAge)
	return nil
}

// readFlash opens what the page before had to tell. The page that shows it
// drops it (see render).
func (s *server) readFlash(v *visit) {
	value := s.cookie(v, flashCookie)
	if value == "" {
		return
	}
	box, err := base64.RawURLEncoding.DecodeString(value)
	if err == nil {
		if raw, oerr := s.Keys.Open(box, flashUse(v)); oerr == nil {
			err = json.Unmarshal(raw, &v.flash)
		}
	}
	if err != nil {
		s.Log.Debug("a flash cookie is unreadable", "err", err)
	}
}

// flashUse binds a flash to the session it was made for.
func flashUse(v *visit) string { return fmt.Sprintf("flash/%d", v.session.ID) }

// Empty reports whether there is nothing to show.
func (f flash) Empty() bool { return f.Good == "" && len(f.Secrets) == 0 && len(f.Changes) == 0 }
