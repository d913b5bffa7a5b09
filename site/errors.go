package site

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// statusError is an error whose status does not follow from its code, or that
// says when to come back.
type statusError struct {
	status int
	retry  time.Duration
	err    *core.Error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }

func withStatus(status int, err *core.Error) error { return &statusError{status: status, err: err} }

func notFound(text string) error { return core.Errorf(core.NotFound, "%s", text) }

func tooLarge(limit int64) error {
	return withStatus(http.StatusRequestEntityTooLarge,
		core.Errorf(core.Invalid, "this is larger than the %s that are accepted here", core.Bytes(limit)))
}

// redirection is the answer "go there", given where a handler can't go on.
type redirection struct{ to string }

func (r redirection) Error() string { return "see " + r.to }

func redirectTo(to string) error { return redirection{to} }

// statusOf turns the codes of the house into HTTP (law 6).
func statusOf(err error) int {
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
}

// fail is the one place where an error becomes an answer.
func (s *server) fail(v *visit, err error) {
	var go303 redirection
	if errors.As(err, &go303) {
		v.Redirect(http.StatusSeeOther, go303.to)
		return
	}
	status := statusOf(err)
	s.logFailure(v, status, err)
	if v.Writer.Written() {
		return // too late to say anything; logged above
	}
	h := v.Writer.Header()
	var se *statusError
	if errors.As(err, &se) && se.retry > 0 {
		h.Set("Retry-After", retryAfter(se.retry))
	} else if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "30")
	}
	text := core.SafeText(err)
	if status == http.StatusRequestEntityTooLarge && core.CodeOf(err) == core.Internal {
		text = "this is larger than what is accepted here"
	}
	switch v.kind {
	case api:
		if status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Bearer realm="api"`)
		}
		v.JSON(status, apiFailure{Error: s.apiErrorOf(err, text)})
	case download, fragment:
		v.String(status, "%s\n", sentence(text))
	default:
		s.errorPage(v, status, text)
	}
}

func (s *server) errorPage(v *visit, status int, text string) {
	p := errorPage{Status: status, Heading: headingOf(status), Text: sentence(text)}
	if err := render(s, v, status, errorView, p); err != nil {
		s.Log.Error("the error page failed", "route", v.route, "err", err)
		v.String(status, "%s\n", p.Text)
	}
}

func (s *server) logFailure(v *visit, status int, err error) {
	switch {
	case status >= http.StatusInternalServerError && v.Err() == nil:
		s.Log.Error("a request failed", "route", v.route, "status", status, "member", v.me.ID, "err", err)
	default:
		s.Log.Debug("a request was refused", "route", v.route, "status", status, "member", v.me.ID, "err", err)
	}
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
	case http.StatusTooManyRequests:
		return "Slow down, please"
	case http.StatusServiceUnavailable:
		return "Not now"
	default:
		return "Something broke"
	}
}

// sentence makes a sentence of an error text.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// fieldError is one mistake in a form, for the summary at its top and for the
// field itself.
type fieldError struct {
	Field string // "" concerns the whole form
	Text  string
}

// Summary is the mistake with the field's label before it, for the list on top.
func (e fieldError) Summary() string {
	label, ok := fieldLabels[e.Field]
	if !ok {
		return e.Text
	}
	text := []rune(e.Text)
	if len(text) > 1 && unicode.IsLower(text[1]) {
		text[0] = unicode.ToLower(text[0])
	}
	return label + ": " + string(text)
}

// fieldLabels are what the forms call their fields.
var fieldLabels = map[string]string{
	catalog.FieldCategory: "Category", catalog.FieldTitle: "Title", catalog.FieldSubject: "Organism", catalog.FieldObject: "Strain or variety",
	catalog.FieldCreators: "Authors", catalog.FieldWorkgroup: "Department or lab", catalog.FieldLocation: "Institution or place",
	catalog.FieldYear: "Year", catalog.FieldIdentifier: "Accession number", catalog.FieldTags: "Tags", catalog.FieldPicture: "Preview picture",
	catalog.FieldLiterature: "Publications", catalog.FieldDescription: "Description", catalog.FieldPlatform: "Instrument or tool",
	catalog.FieldFormat: "File format", catalog.FieldArchive: "Packing", catalog.FieldScope: "Resolution", catalog.FieldLicense: "Licence",
	catalog.FieldVersion: "Version", catalog.FieldMirrors: "Mirrors", catalog.FieldSeqhash: "Seqhash",
	catalog.FieldTorrentDescription: "Notes on this torrent", catalog.FieldTorrent: "The .torrent file", catalog.FieldReason: "Reason",
	"name": "Name", "email": "E-mail", "class": "Class", "current": "Present passphrase", "password": "New passphrase",
	"again": "New passphrase, once more",
}

// formErrors are the mistakes in a form.
type formErrors []fieldError

// For returns what is wrong with one field, or "".
func (e formErrors) For(field string) string {
	for _, f := range e {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

// mistakes returns what the visitor can mend in a form; ok is false for any
// other error, which is then answered as such.
func mistakes(err error) (formErrors, bool) {
	var out formErrors
	for _, e := range flatten(err) {
		code := core.CodeOf(e)
		if code != core.Invalid && code != core.Conflict {
			return nil, false
		}
		out = append(out, fieldError{Field: core.FieldOf(e), Text: sentence(core.SafeText(e))})
	}
	return out, len(out) > 0
}

// flatten takes joined errors apart, down to those with a text to show.
func flatten(err error) []error {
	for e := err; e != nil; {
		switch x := any(e).(type) { // each step of the chain is looked at in turn
		case *core.Error:
			return []error{x}
		case interface{ Unwrap() []error }:
			var out []error
			for _, part := range x.Unwrap() {
				out = append(out, flatten(part)...)
			}
			return out
		case interface{ Unwrap() error }:
			e = x.Unwrap()
		default:
			return []error{err}
		}
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// localPath returns to when it is a path on this site, or "/". It keeps a login
// from sending people to another site.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") || u.Path == "/login" || u.Path == "/logout" {
		return "/"
	}
	return to
}
