package web

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// statusError is an error whose status does not follow from its code.
type statusError struct {
	status int
	err    *core.Error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }

// WithStatus gives err a status that does not follow from its code.
func WithStatus(status int, err *core.Error) error { return &statusError{status: status, err: err} }

// NotFound says that there is no such thing.
func NotFound(text string) error { return core.Errorf(core.NotFound, "%s", text) }

func tooLarge(limit int64) error {
	return WithStatus(http.StatusRequestEntityTooLarge,
		core.Errorf(core.Invalid, "this is larger than the %s that are accepted here", core.Bytes(limit)))
}

// redirection is the answer "go there", given where a handler can't go on.
type redirection struct{ to string }

func (r redirection) Error() string { return "see " + r.to }

// RedirectTo ends a handler by sending the visitor to another page (303).
func RedirectTo(to string) error { return redirection{to} }

// StatusOf turns the codes of the house into HTTP (law 6).
func StatusOf(err error) int {
	var se *statusError
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &se):
		return se.status
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge
	}
	switch core.CodeOf(err) {
	case core.Invalid:
		return http.StatusUnprocessableEntity
	case core.NotFound:
		return http.StatusNotFound
	case core.Conflict:
		return http.StatusConflict
	case core.Forbidden:
		return http.StatusForbidden
	case core.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// retryAfter writes a time to wait in whole seconds, rounded up.
func retryAfter(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// errorPage is what a visitor reads when something went wrong.
type errorPage struct {
	Status  int
	Heading string
	Text    string
	Advice  string // what the visitor can do
}

// apology is how long it may take to say that something went wrong.
const apology = 2 * time.Second

// fail is the one place where an error becomes an answer. The route's time may be over,
// so the answer has one of its own.
func (s *Site) fail(v *Visit, err error) {
	_ = v.within(apology, func() error { // an answer is its only result
		s.answerError(v, err)
		return nil
	})
}

func (s *Site) answerError(v *Visit, err error) {
	var go303 redirection
	if errors.As(err, &go303) {
		v.gin.Redirect(http.StatusSeeOther, go303.to)
		return
	}
	status := v.Note(err)
	if v.gin.Writer.Written() {
		return // too late to say anything; it is logged
	}
	if status == http.StatusRequestEntityTooLarge && core.CodeOf(err) == core.Internal {
		err = core.Wrap(err, core.Invalid, "this is larger than what is accepted here")
	}
	text := core.Sentence(err)
	switch v.kind {
	case API:
		err = s.apiFailure(v, status, err)
	case Download, Fragment:
		err = v.Text(status, text+"\n")
	case Page:
		err = s.errorPage(v, status, text, err)
	}
	if err != nil {
		s.Log.Error("the answer to an error failed", "route", v.route, "err", err)
		v.gin.Data(status, "text/plain; charset=utf-8", []byte(text+"\n"))
	}
}

// errorPage answers a browser with an error.
func (s *Site) errorPage(v *Visit, status int, text string, err error) error {
	var banned *bannedError
	if errors.As(err, &banned) {
		return bannedView.Render(v, status, s.bannedPage(banned.ban))
	}
	return errorView.Render(v, status, errorPage{Status: status, Heading: headingOf(status), Text: text, Advice: adviceOf(status)})
}

// errorView is the page that says what went wrong.
var errorView = NewView[errorPage]("error")

// Note logs an error that the handler answers itself, with a page that keeps what
// was typed, and tells the visitor when to come back. It returns the status.
func (v *Visit) Note(err error) int {
	s, status := v.site, StatusOf(err)
	switch {
	case status >= http.StatusInternalServerError && v.Context().Err() == nil: // the visitor still waits
		s.Log.Error("a request failed", "route", v.route, "status", status, "member", v.Me.ID, "err", err)
	default:
		s.Log.Debug("a request was refused", "route", v.route, "status", status, "member", v.Me.ID, "err", err)
	}
	if wait := core.RetryOf(err); wait > 0 {
		v.SetHeader("Retry-After", retryAfter(wait))
	} else if status == http.StatusServiceUnavailable {
		v.SetHeader("Retry-After", "30")
	}
	return status
}

// tooMany is the answer to a visitor who must wait.
func (s *Site) tooMany(limit string, wait time.Duration, text string) error {
	s.Meters.limited.WithLabelValues(limit).Inc()
	wait = wait.Truncate(time.Second) + time.Second
	return WithStatus(http.StatusTooManyRequests, &core.Error{Code: core.Unavailable, Retry: wait, Text: text + "; try again in " + InWords(wait)})
}

func headingOf(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Not found"
	case http.StatusForbidden, http.StatusUnauthorized:
		return "You may not do this"
	case http.StatusConflict:
		return "That clashes with what is there"
	case http.StatusUnprocessableEntity, http.StatusMethodNotAllowed:
		return "That did not work"
	case http.StatusRequestEntityTooLarge:
		return "Too large"
	case http.StatusRequestTimeout:
		return "Too slow"
	case http.StatusTooManyRequests:
		return "Slow down, please"
	case http.StatusServiceUnavailable:
		return "Not now"
	default:
		return "Something broke"
	}
}

// adviceOf says what a visitor can do about it.
func adviceOf(status int) string {
	switch status {
	case http.StatusNotFound:
		return "It may have been deleted, or the address has a slip in it. A search finds what is still here."
	case http.StatusForbidden, http.StatusUnauthorized:
		return "Your class decides what you may do. If you think that you should be able to do this, ask staff."
	case http.StatusConflict, http.StatusUnprocessableEntity, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return "Go back, and try it another way. Nothing was changed."
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "Wait a moment, then try again."
	default:
		return "It is in the log. Try again in a minute; if it stays like this, tell staff what you did, and when."
	}
}

// LocalPath returns to when it is a path on this site, or "/". It keeps a login
// from sending people to another site.
func LocalPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") || u.Path == "/login" || u.Path == "/logout" {
		return "/"
	}
	return to
}
