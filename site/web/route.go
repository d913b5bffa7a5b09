package web

import (
	"fmt"
	"net/http"
	"time"
)

// Kind says who asks on a route and what they can read.
type Kind int

const (
	// Page is for a browser with a session cookie; HTML.
	Page Kind = iota
	// Fragment is for a script of ours with a session cookie; a piece of HTML.
	Fragment
	// Download is for a program with keys in the address, or a browser; plain text.
	Download
	// API is for a program with an API token; JSON.
	API
)

// String names the kind.
func (k Kind) String() string { return [...]string{"page", "fragment", "download", "api"}[k] }

// Handler answers one visit. An error that it returns is answered for it.
type Handler func(*Visit) error

// Route is one address of the site with what it needs.
type Route struct {
	Method string
	Path   string // gin's pattern, such as "/groups/:id"
	Action string // the query's action, for the one path that has several; "" any
	Kind   Kind
	Need   Need
	Body   int64 // the largest request body in bytes; 0 for none
	// Time is how long finding the answer may take, the database's part included, but
	// not the reading of a form; 0 is the kind's. It is less than AnswerTime.
	Time  time.Duration
	Serve Handler

	files []string // fields that are files
}

// timeOf is what the kinds of routes may take. Nobody looks longer at an empty page;
// programs are more patient.
var timeOf = [...]time.Duration{Page: 10 * time.Second, Fragment: 5 * time.Second, Download: 20 * time.Second, API: 20 * time.Second}

// Limit is how long finding the answer may take.
func (r Route) Limit() time.Duration {
	if r.Time > 0 {
		return r.Time
	}
	return timeOf[r.Kind]
}

// How large a form may be, in bytes.
const (
	Small int64 = 16 << 10  // a few short fields
	Large int64 = 512 << 10 // what stands beside a file
	Texts int64 = 2 << 20   // long texts: a character may take twelve bytes, such as %F0%9F%A7%AC
)

// Get is a route that reads. It answers HEAD too.
func (k Kind) Get(path string, n Need, h Handler) Route {
	return Route{Method: http.MethodGet, Path: path, Kind: k, Need: n, Serve: h}
}

// Post is a route that acts on a form of at most body bytes.
func (k Kind) Post(path string, n Need, body int64, h Handler) Route {
	return Route{Method: http.MethodPost, Path: path, Kind: k, Need: n, Body: body, Serve: h}
}

// Files is r for a form in which these fields are files: they don't lie in memory, and are
// read by Visit.File. All others together have at most Large bytes.
func (r Route) Files(fields ...string) Route {
	r.files = fields
	return r
}

// For is r for one value of the query's action alone. Such routes stand before
// the one of the same path that takes any.
func (r Route) For(action string) Route {
	r.Action = action
	return r
}

// Within is r with a time of its own.
func (r Route) Within(d time.Duration) Route {
	r.Time = d
	return r
}

// place is what gin knows a route by.
type place struct{ method, path string }

// distinct refuses two routes of which one would never be asked.
func distinct(routes []Route) error {
	taken := map[place]map[string]bool{}
	for _, r := range routes {
		p := place{r.Method, r.Path}
		if taken[p][r.Action] || taken[p][""] {
			return fmt.Errorf("the route %s %s %s is there already", r.Method, r.Path, r.Action)
		}
		if taken[p] == nil {
			taken[p] = map[string]bool{}
		}
		taken[p][r.Action] = true
	}
	return nil
}
