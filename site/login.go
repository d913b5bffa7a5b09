package site

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// loginPeriod is the time within which wrong passphrases are counted.
const loginPeriod = 15 * time.Minute

// loginPage is the form on its own page.
type loginPage struct {
	Name string
	Next string
	Text string // why the last try failed
}

func (s *server) loginForm(v *visit) error {
	if v.in() {
		return redirectTo(localPath(v.Query("next")))
	}
	return okPage(s, v, loginView, loginPage{Next: localPath(v.Query("next"))})
}

// login checks name and passphrase. Wrong ones are counted for the address and
// for the account; right ones are not.
func (s *server) login(v *visit) error {
	name, next := strings.TrimSpace(v.PostForm("name")), localPath(v.PostForm("next"))
	byAddress, byName := "login "+v.address(), "name "+strings.ToLower(name[:min(len(name), 64)])
	for _, key := range []string{byAddress, byName} {
		if wait, ok := s.logins.take(key); !ok {
			return s.loginAgain(v, name, next, s.tooMany("login", wait, "too many wrong passphrases"))
		}
	}
	m, err := s.Members.Login(v, name, v.PostForm("password"))
	if err != nil {
		if core.CodeOf(err) == core.Forbidden {
			return s.loginAgain(v, name, next, err)
		}
		return err
	}
	s.logins.giveBack(byAddress)
	s.logins.giveBack(byName)
	token, err := s.Members.NewSession(v, m.ID, v.Request.UserAgent())
	if err != nil {
		return err
	}
	s.setCookie(v, sessionCookie, token, sessionAge)
	return redirectTo(next)
}

// loginAgain shows the form with what was wrong.
func (s *server) loginAgain(v *visit, name, next string, err error) error {
	var se *statusError
	if errors.As(err, &se) {
		v.Header("Retry-After", retryAfter(se.retry))
	}
	s.logFailure(v, statusOf(err), err)
	return render(s, v, statusOf(err), loginView, loginPage{Name: name, Next: next, Text: sentence(core.SafeText(err))})
}

// logout ends the session at once, wherever its token went.
func (s *server) logout(v *visit) error {
	if token := s.cookie(v, sessionCookie); token != "" {
		if err := s.Members.EndSession(v, token); err != nil {
			return err
		}
	}
	s.dropCookie(v, sessionCookie)
	s.dropCookie(v, flashCookie)
	v.Header("Clear-Site-Data", `"cache"`)
	v.Redirect(http.StatusSeeOther, "/")
	return nil
}
