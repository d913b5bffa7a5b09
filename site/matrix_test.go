package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// row is one thing that is asked of an address, as everybody. Each route has one at least.
type row struct {
	route  string // "GET /browse"; an action stands behind it as in the address
	what   string // which of several rows of a route it is
	need   need
	perms  []core.Permission // one of these, besides
	open   bool              // banned addresses, too
	early  bool              // before the rules are accepted, too
	hidden bool              // who has none of them isn't told that there is anything
	// path is the address where the pattern, filled in from examples, will not do, and form
	// what is posted: a valid form, so that it is who asks that decides.
	path func(m *matrix, r *role) string
	form func(m *matrix, r *role) url.Values
	file func(m *matrix, r *role) []byte // beside the form
	ok   answer                          // what those get who are let in; a GET's is 200 by itself
	// inside is what those get who are logged in, on an address for anyone; as ok by itself.
	inside answer
	// waiting is what those get on an address for anyone who must do something first; as inside
	// by itself.
	waiting answer
	while   map[string]string  // settings of the site meanwhile
	writes  []string           // tables that are written where it is done
	looks   []string           // tables in which it may be noted that somebody looked
	tries   []string           // tables that are written where it is refused
	idle    func(r *role) bool // there is nothing to do for them, so that nothing is written
	except  map[string]special // by the name of a role
}

// special is an answer that the rule doesn't give.
type special struct {
	answer
	why string
}

// examples stand for what the pattern of an address leaves open. The group, the torrent and
// the member are the victim's.
var matrixExamples = strings.NewReplacer(":id", "1", ":name", "victim", ":page", "irc", ":number", "1")

// matrix is the site that everybody comes to.
type matrix struct {
	t        *testing.T
	w        *sitetest.World
	handler  http.Handler
	roles    []*role
	victim   *role
	rules    int64 // the revision of the rules that everybody must have accepted
	canaries []canary
	before   map[string]int64 // what was written to each table
	follow   string           // the code of an application
	codes    []string         // for recovery
	asset    string           // the address of a file
	n        int              // for names that nobody has
	led      map[string]bool  // redirections that were followed
}

// TestEveryRouteAsEveryRole asks every address of the site as everybody who may come, and
// looks at the status, at what was written, and for what they must not see.
func TestEveryRouteAsEveryRole(t *testing.T) {
	m := newMatrix(t)
	kinds := map[string]web.Kind{}
	routes, err := m.w.Room.Routes()
	m.w.Must(err)
	for _, r := range routes {
		name := r.Method + " " + r.Path
		if r.Action != "" {
			name += "?action=" + r.Action
		}
		kinds[name] = r.Kind
	}
	asked := map[string]bool{}
	all := rows()
	slices.SortStableFunc(all, func(a, b *row) int { return strings.Compare(a.method(), b.method()) }) // what reads, first
	for _, c := range all {
		kind, there := kinds[c.route]
		if !there {
			t.Errorf("there is a row for %s, which is no route", c.route)
			continue
		}
		m.row(c, kind)
		if !asked[c.route] {
			m.methods(c, kind)
		}
		asked[c.route] = true
	}
	m.alive()
	for name := range kinds {
		if !asked[name] {
			t.Errorf("%s has no row: say in matrix_reads_test.go or matrix_acts_test.go who may come, and what they ask", name)
		}
	}
}

// row asks what a row asks as everybody.
func (m *matrix) row(c *row, kind web.Kind) {
	m.t.Helper()
	for name, value := range c.while {
		m.w.Set(name, value)
	}
	path, _, _ := strings.Cut(c.route[len(c.method())+1:], "?")
	before, _ := statements(m.t, m.w, path)
	for _, r := range m.roles {
		if r.banned {
			m.cell(c, kind, r)
		}
	}
	if after, _ := statements(m.t, m.w, path); after != before && !c.toBanned() {
		m.t.Errorf("%s: for those from banned addresses it asks the database %d times", c, after-before)
	}
	for _, r := range m.roles {
		if !r.banned {
			m.cell(c, kind, r)
		}
	}
	if c.method() == http.MethodGet {
		m.login(m.victim)
		m.search(c.String(), c, m.victim, m.ask(c, m.victim)("same-origin"))
	}
	m.exec("DELETE FROM guess") // or those who tried must wait in the rows to come
	for name := range c.while {
		_, _, err := m.w.Deps.Settings.Reset(m.t.Context(), 0, name)
		m.w.Must(err)
	}
}

// methods makes sure that HEAD is answered as GET is, and other methods by nobody.
func (m *matrix) methods(c *row, kind web.Kind) {
	m.t.Helper()
	for _, r := range m.roles {
		if r.name != "visitor" && r.name != "Sysop" {
			continue
		}
		m.login(r)
		_, path, _ := strings.Cut(c.route, " ")
		if c.method() == http.MethodGet {
			head := *c
			head.route = http.MethodHead + " " + path
			m.mark()
			m.want(c.String()+" by HEAD as "+r.name, m.ask(&head, r)("same-origin"), expected(c, kind, r))
		}
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			other := &row{route: method + " " + path}
			m.mark()
			m.want(other.String()+" as "+r.name, m.ask(other, r)("same-origin"), answer{status: http.StatusMethodNotAllowed})
			m.unchanged(other.String(), nil)
		}
	}
}

func (c *row) method() string {
	method, _, _ := strings.Cut(c.route, " ")
	return method
}

// toBanned reports whether those from banned addresses are let in as well.
func (c *row) toBanned() bool { return c.open || c.need == files }

func (c *row) String() string { return strings.TrimSpace(c.route + " " + c.what) }

// cell asks what a row asks as one role.
func (m *matrix) cell(c *row, kind web.Kind, r *role) {
	m.t.Helper()
	m.login(r)
	where := fmt.Sprintf("%s as %s", c, r.name)
	ask := m.ask(c, r)
	want := expected(c, kind, r)
	reads := c.method() == http.MethodGet
	if !reads && kind != web.API {
		m.mark()
		a := ask("cross-site")
		m.want(where+", from another site", a, forbidden)
		m.unchanged(where+", from another site", nil)
		m.search(where, c, r, a)
	}
	m.mark()
	a := ask("same-origin")
	m.want(where, a, want)
	m.form(where, kind, a)
	if r.banned && !c.toBanned() {
		m.banned(where, a)
	}
	switch {
	case reads:
		m.unchanged(where, append(noted(c, r), c.looks...))
	case !want.does():
		m.unchanged(where, append(noted(c, r), c.tries...))
	case c.looks != nil:
		m.unchanged(where, c.looks)
	case len(c.writes) == 0 || c.idle != nil && c.idle(r):
		m.unchanged(where, nil)
	default:
		m.changed(where, c.writes)
	}
	m.search(where, c, r, a)
	if !reads {
		r.session = "" // it may have ended
	}
	if a.StatusCode == http.StatusSeeOther {
		m.leads(where, r, a.Header.Get("Location"))
	}
}

// ask prepares what a row asks as a role. What it gives asks it, as a page of some site.
func (m *matrix) ask(c *row, r *role) func(from string) sitetest.Answer {
	method, path, _ := strings.Cut(c.route, " ")
	path = matrixExamples.Replace(path)
	if c.path != nil {
		path = c.path(m, r)
	}
	if r.link && method == http.MethodGet {
		sign := "?"
		if strings.Contains(path, "?") {
			sign = "&"
		}
		path += sign + r.keys.Encode()
	}
	var form url.Values
	if c.form != nil {
		form = c.form(m, r)
	}
	b := m.browser(r)
	return func(from string) sitetest.Answer {
		headers := []string{"Sec-Fetch-Site", from}
		if r.secret != "" {
			headers = append(headers, "Authorization", "Bearer "+r.secret)
		}
		if r.session != "" {
			headers = append(headers, "Cookie", web.Config{URL: m.w.Config.URL}.SessionCookie()+"="+r.session)
		}
		switch {
		case method != http.MethodPost:
			return b.Do(b.Request(method, path, nil, headers...))
		case c.file != nil:
			return b.Send(path, form, c.file(m, r), headers...)
		}
		return b.Post(path, form, headers...)
	}
}

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), d.from.origin.String()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := httptest.NewRecorder()
	d.handler.ServeHTTP(out, in)
	return out.Result(), nil
}

// want compares an answer with what is expected.
func (m *matrix) want(where string, a sitetest.Answer, want answer) {
	m.t.Helper()
	got := answer{a.StatusCode, a.Header.Get("Location")}
	exact, end := strings.CutSuffix(want.to, "$")
	if got.status != want.status || !strings.HasPrefix(got.to, exact) || (end || want.to == "") && got.to != exact {
		said := a.Text
		if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			said = sitetest.Words(a.Page(m.t).Find("main"))
		}
		m.t.Errorf("%s: %s, want %s: %.300s", where, got, want, said)
	}
}

// form makes sure that an answer is of the form that is asked for, and that it is kept by
// nobody and used by no other page.
func (m *matrix) form(where string, kind web.Kind, a sitetest.Answer) {
	m.t.Helper()
	if a.StatusCode >= 400 {
		want := map[web.Kind]string{web.Page: "text/html", web.Fragment: "text/plain", web.Download: "text/plain", web.API: "application/json"}[kind]
		if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			m.t.Errorf("%s: the refusal is %s, want %s", where, got, want)
		}
	}
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("X-Frame-Options") != "DENY" {
		m.t.Errorf("%s: headers %v", where, a.Header)
	}
	if kept := a.Header.Get("Cache-Control"); !strings.Contains(kept, "no-store") && !strings.Contains(where, " /assets/") && !strings.Contains(where, ".json ") {
		m.t.Errorf("%s: it may be kept: %s", where, kept)
	}
}

// banned makes sure that those from a banned address are told why, and no more.
func (m *matrix) banned(where string, a sitetest.Answer) {
	m.t.Helper()
	if !strings.Contains(a.Text, "it floods us") || strings.Contains(a.Text, "203.0.113") || strings.Contains(a.Text, "banning moderator") {
		m.t.Errorf("%s: it says %.300s", where, a.Text)
	}
}

// leads follows where a role is sent: it must end at something that answers.
func (m *matrix) leads(where string, r *role, to string) {
	m.t.Helper()
	path := strings.FieldsFunc(to, func(c rune) bool { return c == '?' || c == '#' })[0]
	m.login(r)
	if m.led[r.name+path] {
		return
	}
	m.led[r.name+path] = true
	for range 4 {
		a := m.ask(&row{route: "GET " + to}, r)("same-origin")
		if a.StatusCode != http.StatusSeeOther {
			if told := r.waits() && a.StatusCode == http.StatusForbidden; a.StatusCode >= 400 && !told { // it says what to do first
				m.t.Errorf("%s: it leads to %s, which answers with %d", where, to, a.StatusCode)
			}
			return
		}
		to = a.Header.Get("Location")
	}
	m.t.Errorf("%s: it leads from page to page, and last to %s", where, to)
}
