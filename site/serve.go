package site

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// kind says who asks on a route and what they can read.
type kind int

const (
	page     kind = iota // a browser with a session cookie; HTML
	fragment             // a script of ours with a session cookie; a piece of HTML
	download             // a program with keys in the address, or a browser; plain text
	api                  // a program with an API token; JSON
)

// visit is one request, with who makes it and what the guard of its route found.
// As a context it is the request's own: gin uses its Context again for the next
// request, while a database driver may still look at the old one.
type visit struct {
	*gin.Context
	ctx     context.Context
	kind    kind
	route   string // its pattern, for logs and figures
	me      member.Member
	session member.Session
	token   member.Token
	flash   flash
	found   found
}

var _ context.Context = (*visit)(nil)

// Deadline implements context.Context.
func (v *visit) Deadline() (time.Time, bool) { return v.ctx.Deadline() }

// Done implements context.Context.
func (v *visit) Done() <-chan struct{} { return v.ctx.Done() }

// Err implements context.Context.
func (v *visit) Err() error { return v.ctx.Err() }

// Value implements context.Context.
func (v *visit) Value(key any) any { return v.ctx.Value(key) }

// in reports whether somebody is logged in.
func (v *visit) in() bool { return v.me.ID != 0 }

// handler builds the gin engine from the list of routes.
func (s *server) handler() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false // it trusts headers that anyone can send
	if err := e.SetTrustedProxies(s.config.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	type place struct{ method, path string }
	var order []place
	byPlace := map[place][]route{}
	for _, r := range s.routes() {
		p := place{r.method, r.path}
		if byPlace[p] == nil {
			order = append(order, p)
		}
		byPlace[p] = append(byPlace[p], r)
	}
	for _, p := range order {
		h := func(c *gin.Context) { s.dispatch(c, byPlace[p]) }
		e.Handle(p.method, p.path, h)
		if p.method == http.MethodGet {
			e.HEAD(p.path, h)
		}
	}
	e.NoRoute(func(c *gin.Context) {
		s.serve(c, route{path: "(none)", kind: kindOf(c), need: anyone, serve: func(*server, *visit) error {
			return notFound("there is no such page; it may have been moved or deleted")
		}})
	})
	e.NoMethod(func(c *gin.Context) {
		s.serve(c, route{path: "(none)", kind: kindOf(c), need: anyone, serve: func(*server, *visit) error {
			return withStatus(http.StatusMethodNotAllowed,
				core.Errorf(core.Invalid, "this address can't be used in that way"))
		}})
	})
	return e, nil
}

func kindOf(c *gin.Context) kind {
	if strings.HasPrefix(c.Request.URL.Path, "/api/") {
		return api
	}
	return page
}

// dispatch picks the route among those of one path by its query.
func (s *server) dispatch(c *gin.Context, routes []route) {
	for _, r := range routes {
		if r.action == "" || c.Query("action") == r.action {
			s.serve(c, r)
			return
		}
	}
	s.serve(c, route{path: routes[0].path, kind: routes[0].kind, need: anyone, serve: func(*server, *visit) error {
		return notFound("there is no such page")
	}})
}

// serve runs one route: headers, limits, who asks, whether they may, and then
// the handler. Whatever fails is answered in one place.
func (s *server) serve(c *gin.Context, r route) {
	started := time.Now()
	v := &visit{Context: c, ctx: c.Request.Context(), kind: r.kind, route: r.path}
	defer func() {
		s.meters.request(r.path, c.Writer.Status(), time.Since(started))
	}()
	defer s.recover(v)
	s.headers(v)
	if err := s.admit(v, r); err != nil {
		s.fail(v, err)
		return
	}
	if err := r.serve(s, v); err != nil {
		s.fail(v, err)
	}
}

func (s *server) admit(v *visit, r route) error {
	if r.kind != api {
		if err := s.crossing.Check(v.Request); err != nil {
			return withStatus(http.StatusForbidden, &core.Error{Code: core.Forbidden, Cause: err,
				Text: "this form was sent from another site, so nothing was done; open the page here and try again"})
		}
	}
	limit := r.body
	if v.Request.Body != nil {
		v.Request.Body = http.MaxBytesReader(v.Writer, v.Request.Body, limit)
	}
	if v.Request.ContentLength > limit {
		return tooLarge(limit)
	}
	if err := s.identify(v); err != nil {
		return err
	}
	if err := s.permit(v, r.need); err != nil {
		return err
	}
	return s.readForm(v, r)
}

// readForm parses the body of a form before its handler asks for the fields,
// which would hide what is wrong with it.
func (s *server) readForm(v *visit, r route) error {
	if r.body == none {
		return nil
	}
	kind, _, err := mime.ParseMediaType(v.GetHeader("Content-Type"))
	switch {
	case err == nil && kind == "multipart/form-data":
		if r.body > large {
			if err := moreTime(v); err != nil {
				return err
			}
		}
		err = v.Request.ParseMultipartForm(r.body) // all of it stays in memory
	case err == nil && kind == "application/x-www-form-urlencoded" || v.Request.ContentLength == 0:
		err = v.Request.ParseForm()
	default:
		return withStatus(http.StatusUnsupportedMediaType, core.Errorf(core.Invalid, "send a form: multipart/form-data or application/x-www-form-urlencoded"))
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return tooLarge(tooBig.Limit)
	}
	return core.Wrap(err, core.Invalid, "the form is damaged and can't be read")
}

// uploadTime is how long a .torrent may take on a slow line.
const uploadTime = 5 * time.Minute

// moreTime lets a member's upload take longer than other requests may.
func moreTime(v *visit) error {
	rc := http.NewResponseController(v.Writer)
	until := time.Now().Add(uploadTime) // the network's time, not the house's
	err := errors.Join(rc.SetReadDeadline(until), rc.SetWriteDeadline(until.Add(answerTime)))
	if errors.Is(err, http.ErrNotSupported) {
		return nil // a test without a network
	}
	return err
}

// recover answers for a handler that panicked.
func (s *server) recover(v *visit) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // net/http's own way to drop a connection
	}
	s.meters.panics.Inc()
	s.Log.Error("a page panicked", "route", v.route, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if v.Writer.Written() {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	s.fail(v, core.Errorf(core.Internal, "panic"))
}

// contentPolicy lets a page use our own files only: no inline code or style, no
// frames, no other hosts.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *server) headers(v *visit) {
	h := v.Writer.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if s.config.secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// address is the bucket of whoever is on the other side.
func (v *visit) address() string {
	if ip := v.ClientIP(); ip != "" {
		return addressKey(ip)
	}
	if a, err := netip.ParseAddrPort(v.Request.RemoteAddr); err == nil {
		return addressKey(a.Addr().String())
	}
	return "unknown"
}
