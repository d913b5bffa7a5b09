package site

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// loginPeriod is the time within which wrong links and tokens are counted.
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

// login checks name and passphrase. Wrong ones are counted for the address and for
// the account, together with wrong IRC keys.
func (s *server) login(v *visit) error {
	name, next := strings.TrimSpace(v.PostForm("name")), localPath(v.PostForm("next"))
	m, err := s.prove(v, name, v.PostForm("password"))
	var limited *statusError
	if core.CodeOf(err) == core.Forbidden || errors.As(err, &limited) {
		return s.loginAgain(v, name, next, err)
	}
	if err != nil {
		return err
	}
	token, err := s.Members.NewSession(v, m.ID, v.Request.UserAgent())
	if err != nil {
		return err
	}
	s.setCookie(v, sessionCookie, token, sessionAge)
	return redirectTo(next)
}

// prove checks name and passphrase within the limits on guessing. The answers are
// those of Login, and a statusError for who must wait.
func (s *server) prove(v *visit, name, password string) (member.Member, error) {
	try := guess.Try{Place: v.address(), Account: name[:min(len(name), 64)]}
	wait, err := s.Guard.Wait(v, &try)
	switch {
	case err != nil:
		return member.Member{}, err
	case wait > 0:
		return member.Member{}, s.tooMany("login", wait, "too many wrong passphrases")
	}
	m, err := s.Members.Login(v, name, password)
	switch {
	case err == nil:
		err = s.Guard.Succeeded(v, try)
	case core.CodeOf(err) == core.Forbidden && m.ID == 0: // else it is right and the account disabled
		err = errors.Join(err, s.Guard.Failed(v, try))
	}
	return m, err
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
